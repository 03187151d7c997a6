"""README's commands, as a person types them, on a local Azure of the test's own with a real Airflow and Flink."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from localazure.app import process
from tests import emulator
from tests.documents import document_problems

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.emulator import LocalAzure

ROOT = Path(__file__).parents[2]
SECONDS = 900  # the first time Airflow and Flink are installed


@dataclass(frozen=True, kw_only=True)
class Person:
    """`make TARGET`, in the checkout; what it says as text or as the one document of --json."""

    azure: LocalAzure
    file: Path
    journal: Path

    @property
    def spec(self) -> dict[str, Any]:
        """What the environment's file says."""
        return yaml.safe_load(self.file.read_text())

    def make(self, target: str, options: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        places = {"PROVISIONER_LOCAL_STATE": str(self.azure.state), "PROVISIONER_JOURNAL": str(self.journal)}
        return subprocess.run(
            [
                "make",
                target,
                f"ENV={self.file}",
                f"ARGS={options}",
                *(f"{key}={one}" for key, one in variables.items()),
            ],
            cwd=ROOT,
            env={**os.environ, **places},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def done(self, target: str, options: str = "", **variables: str) -> str:
        """It went well; what it said."""
        made = self.make(target, options, **variables)
        assert made.returncode == 0, made.stdout + made.stderr
        return made.stdout

    def told(self, target: str, **variables: str) -> Any:
        """It went well; its document, which is as the published schema says."""
        document = json.loads(self.done(target, "--json", **variables))
        assert document_problems(target.replace("-", " "), document) == []
        return document


@pytest.fixture(scope="session")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Whoever has environments/local.yaml, under a name of its own."""
    with person_with("local", tmp_path_factory) as local:
        yield local


@pytest.fixture
def self_managed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Whoever has environments/self-managed.yaml."""
    with person_with("self-managed", tmp_path_factory) as somebody:
        yield somebody


@pytest.fixture
def in_fabric(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Whoever has environments/fabric.yaml."""
    with person_with("fabric", tmp_path_factory) as somebody:
        yield somebody


@contextmanager
def person_with(name: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[Person]:
    """Whoever has this file of environments/."""
    place = tmp_path_factory.mktemp("person")
    spec = yaml.safe_load((ROOT / f"environments/{name}.yaml").read_text())
    spec["job"]["jar"] = str(ROOT / "environments" / spec["job"]["jar"])
    file = place / "env.yaml"
    file.write_text(yaml.safe_dump(spec))
    try:
        yield Person(azure=emulator.start(place / "azure"), file=file, journal=place / "journal")
    finally:
        process.stop(place / "azure")
