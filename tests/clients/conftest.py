"""Fixtures that run a program nobody here wrote against the local Azure."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.environment import environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator import LocalAzure

SECONDS = 120
KEPT = ("HOME", "LANG", "PATH", "TMPDIR")


def told(azure: LocalAzure, **more: str) -> dict[str, str]:
    """The variables a program gets: what the local Azure asks for and what any program needs."""
    return {name: os.environ[name] for name in KEPT if name in os.environ} | azure.env | more


@dataclass(frozen=True, kw_only=True)
class Az:
    """`az`, with a configuration folder of the test's own."""

    program: Path
    variables: dict[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Whatever it answers."""
        command = [str(self.program), *arguments]
        return subprocess.run(
            command,
            env=self.variables,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )

    def __call__(self, *arguments: str) -> Any:
        """What it prints as JSON; a refusal fails the test with all that az said."""
        done = self.run(*arguments, "--output", "json")
        assert done.returncode == 0, f"az {' '.join(arguments)}\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def refused(self, *arguments: str) -> str:
        """What it says when it refuses; a success fails the test."""
        done = self.run(*arguments)
        assert done.returncode != 0, done.stdout
        return done.stderr


@pytest.fixture(scope="session")
def az_program() -> Path:
    return environment("az") / "bin" / "az"


def quiet_az(azure: LocalAzure, program: Path, folder: Path) -> Az:
    """An `az` that nobody has used yet; folder: where it keeps who signed in."""
    quiet = {"AZURE_CORE_COLLECT_TELEMETRY": "no", "AZURE_CORE_NO_COLOR": "yes"}
    return Az(program=program, variables=told(azure, AZURE_CONFIG_DIR=str(folder), **quiet))


def sign_in(az: Az, azure: LocalAzure) -> None:
    """Sign in as the operator."""
    who = ("-u", azure.operator_client_id, "-p", azure.operator_secret.reveal(), "--tenant", azure.tenant_id)
    az("login", "--service-principal", *who)


@pytest.fixture
def az_signed_out(azure: LocalAzure, az_program: Path, tmp_path: Path) -> Az:
    """An `az` that nobody has used yet."""
    return quiet_az(azure, az_program, tmp_path / "az")


@pytest.fixture
def az(azure: LocalAzure, az_signed_out: Az) -> Az:
    """An `az` that the operator has signed in to."""
    sign_in(az_signed_out, azure)
    return az_signed_out


@pytest.fixture(scope="session")
def airflow_python() -> Path:
    return environment("airflow-2-10") / "bin" / "python"


@pytest.fixture(scope="session")
def async_python() -> Path:
    return environment("async-sdks") / "bin" / "python"
