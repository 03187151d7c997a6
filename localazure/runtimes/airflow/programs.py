"""Runs the processes of one Airflow as one program: `python airflow_programs.py COMMANDS`, a JSON list of commands.

It ends with the first that ends; its keeper then ends the others. Standard library only: it costs 10 MB.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys


def main(commands: list[list[str]]) -> int:
    """The exit code of the first that ended; 1 if that was 0, since none of them is meant to end."""
    running = {subprocess.Popen(command).pid: command for command in commands}  # noqa: S603  # what its runtime says
    pid, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    print(f"{' '.join(running.get(pid, ['?']))} ended with exit code {code}", file=sys.stderr)  # noqa: T201  # its log
    return code if code > 0 else 1


if __name__ == "__main__":
    raise SystemExit(main(json.loads(sys.argv[1])))
