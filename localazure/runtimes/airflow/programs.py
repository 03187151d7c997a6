"""Runs the processes of one Airflow as one program: `python programs.py COMMANDS`, a JSON list of commands.

It ends when the first of them ends; its subreaper then ends the others. Standard library only, so it takes 10 MB.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys


def main(commands: list[list[str]]) -> int:
    """Run the commands. Returns the exit code of the first that ends, 1 instead of 0, since none should end."""
    running = {subprocess.Popen(command).pid: command for command in commands}  # noqa: S603  # the commands of its runtime
    pid, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    print(f"{' '.join(running.get(pid, ['?']))} ended with exit code {code}", file=sys.stderr)  # noqa: T201  # into its log
    return code if code > 0 else 1


if __name__ == "__main__":
    raise SystemExit(main(json.loads(sys.argv[1])))
