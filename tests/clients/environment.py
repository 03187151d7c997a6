"""Environments of their own for programs nobody here wrote, under .local/envs/; made once per lock."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
LOCKS = (HERE, TOP / "localazure" / "runtimes" / "airflow")  # the local Azure installs an Airflow from the same
PLACE = TOP / ".local" / "envs"
DIGITS = 12  # of the hash in a folder's name
COMPLETE = "complete"  # a file there once everything is


def environment(name: str) -> Path:
    """The folder with the packages of NAME.lock; xdist's other workers wait for the one that makes it."""
    return _installed(name, _lock(name), _install_python)


def installed(name: str) -> Path | None:
    """The same folder if it has been made, else None."""
    place = PLACE / _folder_name(name, _lock(name))
    return place if (place / COMPLETE).exists() else None


def node_folder() -> Path:
    """The folder with the packages of javascript/package-lock.json."""
    return _installed("javascript", HERE / "javascript" / "package-lock.json", _install_node)


def _installed(name: str, lock: Path, install: Callable[[Path, Path], None]) -> Path:
    """The folder into which a lock is installed, once; an older one of that name goes."""
    wanted = _folder_name(name, lock)
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / f"{name}.flock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (PLACE / wanted / COMPLETE).exists():
            for old in PLACE.glob(f"{name}-{'[0-9a-f]' * DIGITS}"):  # no other lock's whose name begins alike
                shutil.rmtree(old)
            install(PLACE / wanted, lock)
            (PLACE / wanted / COMPLETE).touch()
    return PLACE / wanted


def _lock(name: str) -> Path:
    return next(lock for folder in LOCKS if (lock := folder / f"{name}.lock").exists())


def _folder_name(name: str, lock: Path) -> str:
    return f"{name}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:DIGITS]}"


def _install_node(place: Path, lock: Path) -> None:
    place.mkdir()
    for name in ("package.json", lock.name):
        shutil.copy(lock.parent / name, place)
    command = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    subprocess.run(command, cwd=place, check=True, capture_output=True)


def _install_python(place: Path, lock: Path) -> None:
    venv.create(place, symlinks=True, with_pip=True)
    sync = (sys.executable, str(TOP / "requirements" / "sync.py"))
    # An Airflow has 20,000 files and runs a tenth of them: those are compiled when they are used first.
    subprocess.run([*sync, "--uncompiled", "--python", str(place / "bin" / "python"), str(lock)], check=True)


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        environment(wanted)
