"""Installs an Airflow with its requirements into a folder of its own: `python packages.py FOLDER VERSION FILE…`.

The files are locks with hashes (`.lock`) or requirements without. Once per version, files and Python; a file lock makes
concurrent callers wait. The folder also contains a migrated database (`template/airflow.db`), since creating one takes
longer than the installation. Standard library only.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

USER = "admin"
_SYNC = next(  # in a wheel it is inside the package, in a checkout beside it
    path for folder in Path(__file__).parents[2:4] if (path := folder / "requirements" / "sync.py").exists()
)
_COMPLETE = "complete"
# Upper bounds that Airflow before 2.8 lacks: newer releases break it. Measured on 2.6.3.
_UPPER_BOUNDS = ("pendulum<3", "connexion[flask]<3", "werkzeug<2.3", "flask-session<0.6")
# The newest Python 3 minor version, by the first Airflow that runs on it; its packages declare only the oldest.
_NEWEST_PYTHONS = {(2, 2): 9, (2, 3): 10, (2, 6): 11, (2, 9): 12, (3, 1): 13, (3, 2): 14}
_OLDEST_PYTHON = 8
_OLDEST_LOCKED_PYTHON = 11  # `requires-python` of this project, for which its locks are written


def major_minor(version: str) -> tuple[int, int]:
    """Return major and minor version."""
    major, minor = re.findall(r"\d+", version)[:2]
    return int(major), int(minor)


def supported_python_minors(airflow_version: str) -> tuple[int, int]:
    """Return the oldest and the newest minor version of Python 3 that an Airflow runs on."""
    candidates = [newest for since, newest in _NEWEST_PYTHONS.items() if since <= major_minor(airflow_version)]
    return _OLDEST_PYTHON if major_minor(airflow_version) < (3, 0) else 10, max(candidates, default=9)


def find_python(airflow_version: str, own_minor: int = sys.version_info[1]) -> str | None:
    """Find a Python for an Airflow: the current one if it fits, else the newest on PATH that starts."""
    oldest, newest = supported_python_minors(airflow_version)
    if oldest <= own_minor <= newest:
        return sys.executable
    candidates = (shutil.which(f"python3.{minor}") for minor in range(newest, oldest - 1, -1))
    return next((path for path in candidates if path and _starts(path)), None)


def has_python_for_locks(airflow_version: str) -> bool:
    """Return whether the Python for an Airflow is one for which the locks are written."""
    python = find_python(airflow_version) or ""
    return python == sys.executable or int(python.rpartition(".")[2] or 0) >= _OLDEST_LOCKED_PYTHON


def installation_folder(installations: Path, version: str, requirements: Sequence[str], lock: Path | None) -> Path:
    """Return the folder where an Airflow with these requirements is, or is to be, installed."""
    locked = hashlib.sha256(lock.read_bytes()).hexdigest() if lock else _UPPER_BOUNDS
    identity = json.dumps([version, list(requirements), find_python(version), sys.version_info[:3], locked])
    return installations / f"airflow-{version}" / hashlib.sha256(identity.encode()).hexdigest()[:12]


def is_installed(folder: Path) -> bool:
    """Return whether the installation in the folder is complete."""
    return (folder / _COMPLETE).exists()


def requirement_lines(version: str, requirements: Sequence[str]) -> list[str]:
    """Return the lines of the requirements file. Airflow is pinned, so that no requirement upgrades it."""
    return [f"apache-airflow=={version}", *(_UPPER_BOUNDS if major_minor(version) < (2, 8) else ()), *requirements]


def install(folder: Path, version: str, files: Sequence[Path]) -> None:
    """Install into the folder unless it is complete. Raises CalledProcessError, or SystemExit if no Python fits."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_installed(folder):
            return
        shutil.rmtree(folder, ignore_errors=True)
        _create_installation(folder, version, files)
        (folder / _COMPLETE).touch()


def _create_installation(folder: Path, version: str, files: Sequence[Path]) -> None:
    python = find_python(version)
    if python is None:
        oldest, newest = supported_python_minors(version)
        raise SystemExit(f"Airflow {version} runs on Python 3.{oldest} to 3.{newest}, and none is on PATH.")
    _run(python, "-m", "venv", "--without-pip", folder)
    for file in files:
        # Nothing is compiled before it is used: an Airflow has 20,000 files and runs a tenth of them.
        option = "--uncompiled" if file.suffix == ".lock" else "--unlocked"
        _run(sys.executable, _SYNC, option, "--python", folder / "bin" / "python", file)
    _create_template(folder, version)


def _create_template(folder: Path, version: str) -> None:
    """Create a migrated database, in WAL mode since scheduler, tasks and web server write it concurrently."""
    home = folder / "template"
    home.mkdir(mode=0o700)
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
    }
    airflow = folder / "bin" / "airflow"
    _run(airflow, "db", "migrate" if major_minor(version) >= (2, 7) else "upgrade", environment=environment)
    if major_minor(version) < (
        3,
        0,
    ):  # from 3.0 on users stand in the settings; here the password is set with each home
        options = ("--username", USER, "--firstname", "Local", "--lastname", "Admin", "--email", "admin@example.org")
        _run(airflow, "users", "create", "--role", "Admin", *options, "--use-random-password", environment=environment)
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        database.execute("PRAGMA journal_mode=WAL")


def _run(*command: str | Path, environment: dict[str, str] | None = None) -> None:
    subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=True)  # noqa: S603  # an installed program


def _starts(python: str) -> bool:
    """Return whether a Python starts; a name on PATH may be a version manager's that lacks this version."""
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0  # noqa: S603  # an empty program


def main() -> int:
    """Install as the command line says. Returns the exit code; the failed program's output says what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("version")
    parser.add_argument("files", type=Path, nargs="+")
    arguments = parser.parse_args()
    try:
        install(arguments.folder, arguments.version, arguments.files)
    except subprocess.CalledProcessError as error:
        return error.returncode or 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
