"""Environments of their own for programs nobody here wrote, under .local/envs/; made once per lock."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
PLACE = TOP / ".local" / "envs"


def environment(name: str) -> Path:
    """The folder with the packages of NAME.lock; xdist's other workers wait for the one that makes it."""
    lock = HERE / f"{name}.lock"
    wanted = f"{name}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    PLACE.mkdir(parents=True, exist_ok=True)
    with (PLACE / f"{name}.flock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (PLACE / wanted / "complete").exists():
            _make(name, PLACE / wanted, lock)
    return PLACE / wanted


def _make(name: str, place: Path, lock: Path) -> None:
    for old in PLACE.glob(f"{name}-*"):
        shutil.rmtree(old)
    venv.create(place, symlinks=True, with_pip=True)
    sync = (sys.executable, str(TOP / "requirements" / "sync.py"))
    # An Airflow has 20,000 files and runs a tenth of them: those are compiled when they are used first.
    subprocess.run([*sync, "--uncompiled", "--python", str(place / "bin" / "python"), str(lock)], check=True)
    (place / "complete").touch()
