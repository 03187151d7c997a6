"""Puts a lock into the environment of the Python that runs this, with uv; with pip where uv cannot.

Packages come from wherever this machine's pip takes them: uv reads neither pip.conf nor PIP_*, so they are told to it.
Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE / "build.txt"  # what installs the project: from a lock too, so that no index is asked for it unlocked
EDITABLE = ("--no-deps", "--no-build-isolation", "-e", ".")
UV_NAMES = {
    "cert": "SSL_CERT_FILE",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "index-url": "UV_DEFAULT_INDEX",
    "no-index": "UV_NO_INDEX",
    "timeout": "UV_HTTP_TIMEOUT",
    "trusted-host": "UV_INSECURE_HOST",
}


def pip_settings(listing: str) -> dict[str, str]:
    """Name → value out of `pip config list`, whose lines read `global.index-url='…'`; its environment comes last."""
    settings: dict[str, str] = {}
    pairs = (line.partition("=") for line in listing.splitlines())
    for name, _, value in sorted(pairs, key=lambda pair: pair[0].startswith(":env:")):
        settings[name.rpartition(".")[2]] = str(ast.literal_eval(value))
    return settings


def uv_environment(settings: dict[str, str]) -> dict[str, str]:
    """What uv must be told to look where pip looks; what is already said to uv stays. Lists: uv wants commas in one."""
    told = {UV_NAMES[name]: value for name, value in settings.items() if name in UV_NAMES}
    if "UV_FIND_LINKS" in told:
        told["UV_FIND_LINKS"] = ",".join(told["UV_FIND_LINKS"].split())
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", **told}


def uv_settings() -> dict[str, str]:
    """The same, asked of this Python's pip."""
    listing = subprocess.run(  # empty where uv made the environment, without pip
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    return uv_environment(pip_settings(listing.stdout))


def run(*command: str | Path, environment: dict[str, str] | None = None) -> bool:
    """Whether the command succeeded; its output goes where ours goes."""
    return subprocess.run(command, env={**(environment or {}), **os.environ}, check=False).returncode == 0


def pip(python: Path, *arguments: str | Path) -> bool:
    """Whether that Python's pip did it."""
    return run(python, "-m", "pip", "--disable-pip-version-check", *arguments)


def uv() -> Path | None:
    """The uv beside this Python, installed from its own lock if need be, else that of PATH; None if there is none."""
    program = Path(sys.prefix, "bin", "uv")
    if not program.exists():
        pip(Path(sys.executable), "install", "-qq", "--require-hashes", "-r", HERE / "installer.txt")
    other = shutil.which("uv")
    return program if program.exists() else Path(other) if other else None


def with_uv(lock: Path, *where: str | Path, exact: bool = False, project: bool = False) -> bool:
    """Whether uv put the lock there; `exact` takes away what the lock does not name, `project` adds our own command."""
    program = uv()
    if program is None:
        return False
    settings = uv_settings()
    locks = (lock, BUILD) if project else (lock,)
    verb = ("sync", *locks) if exact else ("install", *(f"--requirements={each}" for each in locks))
    options = ("--quiet", *where)
    done = run(program, "pip", *verb, "--require-hashes", *options, environment=settings)
    return done and (not project or run(program, "pip", "install", *EDITABLE, *options, environment=settings))


def unlocked(requirements: Path, python: Path) -> bool:
    """Whether requirements without hashes are there now; pip tries only where there is no uv, so that its word stands.

    Nothing is compiled before it is used: an Airflow has 20,000 files and runs a tenth of them.
    """
    program = uv()
    if program is None:
        return pip(Path(sys.executable), "--python", python, "install", "--quiet", "-r", requirements)
    return run(program, "pip", "install", "--quiet", "-r", requirements, "--python", python, environment=uv_settings())


def with_pip(lock: Path, python: Path, *where: str | Path, project: bool = False) -> bool:
    """Whether pip put the lock there."""
    locks = (lock, BUILD) if project else (lock,)
    there = (Path(sys.executable), "--python", python, "install", "--quiet")  # an environment need not have a pip
    done = pip(*there, "--require-hashes", *where, *(f"--requirement={each}" for each in locks))
    return done and (not project or pip(*there, *EDITABLE))


def into_folder(lock: Path, folder: Path) -> bool:
    """Whether the packages lie in a folder that is no environment: jars and other programs that Python does not run."""
    python = Path(sys.executable)
    return with_uv(lock, "--python", python, "--target", folder) or with_pip(lock, python, "--target", folder)


def into_environment(asked: argparse.Namespace) -> bool:
    """Whether the packages are in the environment of a Python: this one, with our own command, or another."""
    python, project = asked.python or Path(sys.executable), asked.python is None
    compiled = () if asked.uncompiled else ("--compile-bytecode",)  # else the first start does it
    if with_uv(asked.lock, *compiled, "--python", python, exact=asked.exact, project=project):
        return True
    print(f"uv could not install {asked.lock}; pip tries now.", file=sys.stderr)
    return with_pip(asked.lock, python, project=project)


def main() -> int:
    """Arguments in, exit code out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lock", type=Path)
    parser.add_argument("--exact", action="store_true", help="take away what the lock does not name")
    parser.add_argument("--unlocked", action="store_true", help="requirements as people write them, without hashes")
    parser.add_argument("--python", type=Path, help="put it into this Python's environment, without our own command")
    parser.add_argument("--uncompiled", action="store_true", help="each file is compiled when it is used first")
    parser.add_argument("--target", type=Path, help="put it into this folder, which is no environment")
    asked = parser.parse_args()
    if asked.unlocked:
        return 0 if unlocked(asked.lock, asked.python or Path(sys.executable)) else 1
    done = into_folder(asked.lock, asked.target) if asked.target else into_environment(asked)
    return 0 if done else 1


if __name__ == "__main__":
    raise SystemExit(main())
