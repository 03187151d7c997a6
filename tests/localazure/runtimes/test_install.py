"""Installing Flink and Java, and the messages if they cannot be installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from localazure.app import process
from localazure.app.inherited import package_index_variables
from localazure.app.program import RuntimeFailure, Workspace
from localazure.runtimes.flink import install
from tests.localazure.runtimes.conftest import JARS, ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from localazure.app.secret import Secret
    from tests.localazure.runtimes.conftest import Flink

BUILD = ROOT / "templates/jobs/wordcount/build.py"
LAUNCHER = ROOT / "localazure/runtimes/flink/launcher"


def workspace_without_index(tmp_path: Path) -> Workspace:
    """Return a workspace whose package index cannot be reached."""

    def run(_command: Sequence[str], _environment: Mapping[str, str | Secret]) -> None:
        raise RuntimeFailure("python failed with exit code 1", "Its output says more", "no network")

    return Workspace(
        folder=tmp_path, pages_url="", installations=tmp_path / "installed", report_progress=print, run=run
    )


def test_flink_that_cannot_be_downloaded_is_reported_with_the_end_of_the_log(tmp_path: Path) -> None:
    with pytest.raises(RuntimeFailure) as failed:
        install.install_flink(workspace_without_index(tmp_path))
    assert "no network" in str(failed.value)
    assert "package index" in str(failed.value)
    assert not (tmp_path / "installed" / f"flink-{install.FLINK_VERSION}" / "complete").exists()


@pytest.mark.parametrize(("prefix", "version"), [("", "1.20."), ("1", "1.20."), ("2", "2."), ("3", "1.20.")])
def test_a_flink_is_chosen_by_what_its_version_begins_with(prefix: str, version: str) -> None:
    assert install.installable_version(prefix).startswith(version)


def test_the_machine_s_own_java_is_used_where_the_index_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = workspace_without_index(tmp_path)
    for folder in ("home/bin", "path"):
        java = tmp_path / folder / "java"
        java.parent.mkdir(parents=True)
        java.write_text("#!/bin/sh\n")
        java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert install.install_or_find_java(workspace) == tmp_path / "home/bin/java"
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    assert install.install_or_find_java(workspace) == tmp_path / "path/java"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeFailure, match="apt install openjdk-17-jre-headless"):
        install.install_or_find_java(workspace)


def test_an_installer_gets_the_package_index_variables_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.test")
    monkeypatch.setenv("https_proxy", "http://proxy.test")
    monkeypatch.setenv("UV_INDEX_COMPANY_PASSWORD", "of-the-index")
    for name in ("AZURE_CLIENT_SECRET", "UV_PUBLISH_TOKEN", "PATH"):
        monkeypatch.setenv(name, "hidden")
    variables = package_index_variables()
    assert variables["PIP_INDEX_URL"] == "https://mirror.test"
    assert variables["https_proxy"] == "http://proxy.test"
    assert variables["UV_INDEX_COMPANY_PASSWORD"] == "of-the-index"
    assert "hidden" not in variables.values()


@pytest.mark.skipif(shutil.which("javac") is None, reason="only `make jar` needs a compiler of Java")
@pytest.mark.parametrize("jar", [*JARS.values(), LAUNCHER / "launcher.jar"], ids=lambda jar: jar.name)
def test_a_jar_is_rebuilt_byte_for_byte(flink: Flink, tmp_path: Path, jar: Path) -> None:
    assert flink.azure.control("GET", "/runtimes")["runtimes"]  # so Flink is installed
    libraries = process.default_state_folder().parent / f"flink-{install.FLINK_VERSION}/pyflink/lib"
    main = {"wordcount.jar": "WordCount", "endless.jar": "Endless", "launcher.jar": "Cluster"}[jar.name]
    folder = tmp_path / jar.stem
    shutil.copytree(jar.parent, folder, ignore=shutil.ignore_patterns("*.jar"))
    built = [sys.executable, str(BUILD), str(libraries), str(folder), f"provisioner.{main}"]
    subprocess.run(built, check=True, capture_output=True)
    assert (folder / jar.name).read_bytes() == jar.read_bytes()
