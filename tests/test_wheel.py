"""The wheel works where there is no checkout: in an environment and a folder of its own, against the local Azure."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Run = Callable[..., str]

TOP = Path(__file__).resolve().parents[1]
UV = str(Path(sys.prefix) / "bin" / "uv")
SETTINGS = ("PROVISIONER_", "PYTHONPATH", "VIRTUAL_ENV")  # of this run, which the installed tool does not get
WITHIN = ("localazure", "provisioner", "requirements/installer.txt", "requirements/sync.py", "templates")
GIVEN = {"data_factory/airflow", "flink_cluster/flink"}  # what the local Azure has from the beginning


def run(*command: str | Path, code: int = 0, cwd: Path = TOP, stream: str = "stdout") -> str:
    """What a program prints to a stream, after it ended with this code."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return str(getattr(done, stream))


def built(folder: Path) -> Path:
    """The wheel, built into a folder."""
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Iterator[Run]:
    """The command of the installed wheel, called in an empty folder, whose local Azure ends with the test."""
    environment, folder = tmp_path / "environment", tmp_path / "empty"
    folder.mkdir()
    run(UV, "venv", "--quiet", "--python", sys.executable, environment)
    python = environment / "bin" / "python"
    run(sys.executable, "requirements/sync.py", "--uncompiled", "--python", python, "requirements/runtime.txt")
    run(UV, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, wheel)

    def provisioner(*arguments: str, code: int = 0, stream: str = "stdout") -> str:
        return run(environment / "bin" / "provisioner", *arguments, code=code, cwd=folder, stream=stream)

    try:
        yield provisioner
    finally:
        provisioner("local", "down")


def small_spec() -> str:
    """An environment of a user, on the cluster and the data factory that the local Azure has, with the example job."""
    local = yaml.safe_load((TOP / "environments" / "local.yaml").read_text())
    return yaml.safe_dump(
        {
            "name": "mine",
            "cloud": "local",
            "subscription": local["subscription"],
            "resource_group": "mine",
            "location": "westeurope",
            "vault": "kv-mine",
            "storage_account": "stmine",
            "flink": local["flink"],
            "airflow": {"factory": local["airflow"]["factory"], "runtime": "airflow-mine"},
            "job": "../templates/jobs/wordcount/wordcount.jar",
        }
    )


def test_it_carries_templates_locks_and_the_example_job(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", *WITHIN)
    inside = {re.sub("^templates/", "provisioner/templates/", name) for name in listed.splitlines()}
    expected = {re.sub("^requirements/", "localazure/requirements/", name) for name in inside}
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert "provisioner/templates/jobs/wordcount/wordcount.jar" in names
    assert any(name.endswith("/flink.lock") for name in names)


def test_an_environment_comes_and_goes_in_an_empty_folder(installed: Run, tmp_path: Path) -> None:
    environments = tmp_path / "empty" / "environments"
    environments.mkdir()
    (environments / "mine.yaml").write_text(small_spec())
    assert installed("validate", "mine") == "mine: valid\n"
    installed("provision", "mine", "--yes")
    installed("plan", "mine", "--detailed-exitcode")
    assert (tmp_path / "empty" / ".local" / "azure").is_dir()
    assert (tmp_path / "empty" / ".local" / "journal").is_dir()
    own = tmp_path / "empty" / "templates" / "dags" / "flink_wordcount.py.j2"
    own.parent.mkdir(parents=True)
    own.write_text("own = {{ dag.id | py }}\n")
    assert "own = 'FlinkWordCountExample'" in installed("render", "mine")
    installed("plan", "mine", "--detailed-exitcode", code=2)
    installed("schedule", "mine", "--kind", "cron", code=4)  # which needs a checkout
    installed("teardown", "mine", "--yes")
    assert json.loads(installed("output", "mine", "--json"))["resources"].keys() == GIVEN


def test_without_the_local_extra_it_says_what_to_install(installed: Run, tmp_path: Path) -> None:
    run(UV, "pip", "uninstall", "--quiet", "--python", tmp_path / "environment" / "bin" / "python", "uvicorn")
    said = installed("local", "up", code=1, stream="stderr")
    assert "not installed: uvicorn" in said
    assert "pip install 'airflow-flink-provisioner[local]'" in said
