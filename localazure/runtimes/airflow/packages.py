"""Installs an Airflow with its requirements into a folder of its own: `python packages.py FOLDER VERSION REQUIREMENT…`.

Once per version, requirements and Python; whoever comes while one is being made waits for it. Beside the packages
stands a database as new (`template/airflow.db`), since making one takes Airflow longer than installing it. Standard
library only, and nothing of ours.
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
# Published after those versions, which say nothing about it; measured on 2.6.3.
_OLD = ("pendulum<3", "connexion[flask]<3", "werkzeug<2.3", "flask-session<0.6")
# The newest Python that an Airflow runs on, from that Airflow on; their packages tell only the oldest.
_NEWEST_PYTHONS = {(2, 2): 9, (2, 3): 10, (2, 6): 11, (2, 9): 12, (3, 1): 13, (3, 2): 14}
_OLDEST_PYTHON = 8


def major_minor(version: str) -> tuple[int, int]:
    """Major and minor."""
    major, minor = re.findall(r"\d+", version)[:2]
    return int(major), int(minor)


def supported_pythons(version: str) -> tuple[int, int]:
    """The oldest and the newest minor version of Python 3 for an Airflow."""
    known = [newest for since, newest in _NEWEST_PYTHONS.items() if since <= major_minor(version)]
    return _OLDEST_PYTHON if major_minor(version) < (3, 0) else 10, max(known, default=9)


def find_python(version: str, own: int = sys.version_info[1]) -> str | None:
    """A Python for that Airflow: the one that runs this if it fits, else the newest on PATH that starts."""
    oldest, newest = supported_pythons(version)
    if oldest <= own <= newest:
        return sys.executable
    named = (shutil.which(f"python3.{minor}") for minor in range(newest, oldest - 1, -1))
    return next((path for path in named if path and _starts(path)), None)


def installation_folder(installations: Path, version: str, requirements: Sequence[str]) -> Path:
    """Where that Airflow is installed, or will be."""
    told_apart = json.dumps([version, list(requirements), find_python(version), sys.version_info[:3], _OLD])
    return installations / f"airflow-{version}" / hashlib.sha256(told_apart.encode()).hexdigest()[:12]


def is_installed(folder: Path) -> bool:
    """Whether it is installed."""
    return (folder / _COMPLETE).exists()


def requirement_lines(version: str, requirements: Sequence[str]) -> list[str]:
    """The lines of its requirements file: Airflow is pinned, so that no requirement upgrades it."""
    return [f"apache-airflow=={version}", *(_OLD if major_minor(version) < (2, 8) else ()), *requirements]


def install(folder: Path, version: str, requirements: Sequence[str]) -> None:
    """Make the folder, unless it is complete. Raises CalledProcessError, and SystemExit without a fitting Python."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if is_installed(folder):
            return
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder, version, requirements)
        (folder / _COMPLETE).touch()


def _make(folder: Path, version: str, requirements: Sequence[str]) -> None:
    python = find_python(version)
    if python is None:
        oldest, newest = supported_pythons(version)
        raise SystemExit(f"Airflow {version} runs on Python 3.{oldest} to 3.{newest}, and none is on PATH.")
    _run(python, "-m", "venv", "--without-pip", folder)
    listed = folder / "requirements.txt"
    listed.write_text("".join(f"{line}\n" for line in requirement_lines(version, requirements)), encoding="utf-8")
    _run(sys.executable, _SYNC, "--unlocked", "--python", folder / "bin" / "python", listed)
    _make_template(folder, version)


def _make_template(folder: Path, version: str) -> None:
    """A migrated database, in WAL mode: scheduler, tasks and web server write it at once."""
    home = folder / "template"
    home.mkdir(mode=0o700)
    told = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
    }
    airflow = folder / "bin" / "airflow"
    _run(airflow, "db", "migrate" if major_minor(version) >= (2, 7) else "upgrade", environment=told)
    if major_minor(version) < (
        3,
        0,
    ):  # from 3.0 on users stand in the settings; here the password is set with each home
        named = ("--username", USER, "--firstname", "Local", "--lastname", "Admin", "--email", "admin@example.org")
        _run(airflow, "users", "create", "--role", "Admin", *named, "--use-random-password", environment=told)
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        database.execute("PRAGMA journal_mode=WAL")


def _run(*command: str | Path, environment: dict[str, str] | None = None) -> None:
    subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=True)  # noqa: S603  # an installed program


def _starts(python: str) -> bool:
    """A name on PATH may lead to a version manager that has none of that version."""
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0  # noqa: S603  # asks for nothing


def main() -> int:
    """Arguments in, exit code out; what went wrong stands in the output of the program that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("version")
    parser.add_argument("requirements", nargs="*")
    asked = parser.parse_args()
    try:
        install(asked.folder, asked.version, asked.requirements)
    except subprocess.CalledProcessError as error:
        return error.returncode or 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
