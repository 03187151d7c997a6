"""Which requirements of a runtime the local Airflow installs, and which of them are checked by hash."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localazure.app.program import ProgramSpec, RuntimeFailure, Workspace
from localazure.runtimes import airflow
from localazure.runtimes.airflow import requirements
from tests.localazure.runtimes.airflow_runtime import PROVIDER, PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from localazure.app.secret import Secret


class _Stop(Exception):
    """The installer was called, which is all that the test wants to see."""


def installer_call(folder: Path, version: str, lines: Sequence[str]) -> tuple[list[Path], str]:
    """Prepare an Airflow up to its installer. Returns the files that it is to install, and the last progress."""
    reports: list[str] = []
    files: list[Path] = []

    def run(command: Sequence[str], _environment: Mapping[str, str | Secret]) -> None:
        files.extend(map(Path, command[4:]))
        raise _Stop

    workspace = Workspace(
        folder=folder, pages_url="", installations=folder / "none", report_progress=reports.append, run=run
    )
    properties = {"airflowRequirements": list(lines)}
    spec = ProgramSpec(resource_id="/x", name="x", version=version, parameters={"airflow": properties, "web_id": "w"})
    with pytest.raises(_Stop):
        airflow.prepare(spec, workspace)
    return files, reports[-1]


@pytest.mark.parametrize("version", PROVIDERS)
def test_a_locked_version_is_installed_from_its_lock_alone(tmp_path: Path, version: str) -> None:
    (lock,), progress = installer_call(tmp_path, version, [f"{PROVIDER}=={PROVIDERS[version]}", "# a comment", ""])
    assert f"apache-airflow=={version}" in lock.read_text()
    assert "--hash=sha256:" in lock.read_text()
    assert progress.endswith("checked by hash")


def test_of_two_locks_the_one_with_the_provider_is_taken(tmp_path: Path) -> None:
    (lock,), progress = installer_call(tmp_path, "3.3.2", [f"{PROVIDER}==15.3.0rc1"])
    assert (lock.name, progress.endswith("checked by hash")) == ("airflow-3-bundle.lock", True)
    (other,), _ = installer_call(tmp_path, "3.3.2", [])
    assert other.name == "airflow-3.lock"


def test_packages_that_the_lock_lacks_are_named_and_cannot_change_those_that_it_has(tmp_path: Path) -> None:
    lines = ["pandas", f"{PROVIDER}==9.0.0", "Apache_Airflow == 2.10.5", "requests[socks]"]
    (lock, file), progress = installer_call(tmp_path, "2.10.5", lines)
    assert lock.suffix == ".lock"
    assert file.read_text().splitlines() == [
        "--constraint constraints.txt",
        "pandas",
        f"{PROVIDER}==9.0.0",
        "requests[socks]",
    ]
    assert "apache-airflow==2.10.5" in (tmp_path / "constraints.txt").read_text().splitlines()
    assert progress.endswith(f"checked by hash, except pandas, {PROVIDER}==9.0.0, requests[socks]")


def test_a_version_without_a_lock_says_that_nothing_is_checked_by_hash(tmp_path: Path) -> None:
    (file,), progress = installer_call(tmp_path, "2.11.2", ["pandas"])
    assert file.read_text().splitlines() == ["--constraint constraints.txt", "apache-airflow==2.11.2", "pandas"]
    assert progress.endswith("this version has no lock, so its packages are not checked by hash")


@pytest.mark.parametrize(
    "line",
    [
        "-i https://user:hidden@evil.test/",
        "--pre",
        "-f https://user:hidden@evil.test",
        " -e .",
        "git+https://user:hidden@evil.test/x.git",
        "https://user:hidden@evil.test/x.whl",
        "x @ https://user:hidden@evil.test/x.whl",
        "x@file:///etc/x",
        "./x",
        "/etc/x",
        "x-1.0-py3-none-any.whl",
        "x.tar.gz",
        "x==1.0 --config-settings=hidden",
        "x==1.0\n-f https://user:hidden@evil.test",
    ],
)
def test_options_urls_and_files_are_refused_without_showing_what_they_contain(line: str) -> None:
    with pytest.raises(RuntimeFailure, match="Requirement 2, ") as refusal:
        requirements.refuse_options_and_urls(["pandas", line])
    assert "hidden" not in str(refusal.value)


@pytest.mark.parametrize(
    "line",
    [
        "x",
        "x.y_z-1",
        "x[a, b]>=1.0,<2",
        "x (>=1.0)",
        "x~=1.0  # why",
        "x==1.*; python_version < '3.12'",
        "# x",
        "",
        " x ",
    ],
)
def test_packages_of_the_index_are_taken(line: str) -> None:
    requirements.refuse_options_and_urls([line])
    assert requirements.not_in_lock([line], None) == ([line.strip()] if line.strip(" #") and line[:1] != "#" else [])
