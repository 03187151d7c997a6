"""`python -m localazure`: start the local Azure and print how to point a program at it; `stop`, `reset` and `run`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from localazure.app import process


def main() -> int:
    """Arguments in, exit code out."""
    parser = argparse.ArgumentParser(prog="python -m localazure", description=__doc__)
    parser.add_argument("--state", type=Path, help="folder for all that it remembers (default: .local/azure)")
    parser.add_argument("verb", nargs="?", choices=("start", "stop", "reset", "run"), default="start")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="with `run`: a program to point at it")
    arguments = parser.parse_args()
    try:
        return {"start": _start, "stop": _stop, "reset": _reset, "run": _run}[arguments.verb](arguments)
    except process.DamagedStateError as error:
        print(f"{error}\n`python -m localazure reset` replaces them; the tenant is then as new", file=sys.stderr)
        return 1
    except (process.ControlError, process.NotInstalledError, process.StartError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def _start(arguments: argparse.Namespace) -> int:
    """Start the local Azure and print the lines that point a shell at it. The operator's secret stays in its file."""
    process.start(arguments.state)
    for name, value in process.client_variables(arguments.state).items():
        if isinstance(value, str):
            print(f"export {name}='{value}'")
    secret = (arguments.state or process.default_state_folder()).resolve() / "operator-secret"
    print(f'export AZURE_CLIENT_SECRET="$(cat {secret})"\nexport ARM_CLIENT_SECRET="$AZURE_CLIENT_SECRET"')
    for name in sorted(process.DROPPED_NAMES):
        print(f"unset {name}")
    return 0


def _stop(arguments: argparse.Namespace) -> int:
    print("stopped" if process.stop(arguments.state) else "it was not running")
    return 0


def _reset(arguments: argparse.Namespace) -> int:
    for path in process.reset(arguments.state):
        print(f"deleted {path}, which was damaged")
    print("the tenant is as new")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    if not arguments.command:
        print("Name the program after `run`: python -m localazure run az group list", file=sys.stderr)
        return 1
    process.start(arguments.state)
    environment = process.with_client_variables(dict(os.environ), arguments.state)
    sys.stdout.flush()
    return subprocess.run(arguments.command, env=environment, check=False).returncode  # noqa: S603  # the user's own command


if __name__ == "__main__":
    raise SystemExit(main())
