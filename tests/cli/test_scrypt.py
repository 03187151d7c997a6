"""The slow hash over a plan's secrets is computed for a saved plan, and for nothing else.

The interpreter itself tells of each call of a function that is written in C, in every thread of a child process.
https://docs.python.org/3/library/sys.html#sys.setprofile
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.command_line import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Cli

PROGRAM = """
import os, sys, threading

def note(frame, event, function):
    if event == "c_call" and function.__name__ in ("scrypt", "openssl_sha256"):
        os.write(noted, f"{function.__name__}\\n".encode())

noted = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
threading.setprofile(note)
sys.setprofile(note)
from provisioner.cli.main import main
sys.exit(main(sys.argv[2:]))
"""


def hashes(cli: Cli, folder: Path, *words: str) -> tuple[int, int]:
    """How often a run computes scrypt, and how often SHA-256, which shows that calls are seen at all."""
    noted = folder / "calls"
    noted.write_text("")
    cli.done("validate")  # writes the file
    command = [sys.executable, "-c", PROGRAM, str(noted), words[0], str(cli.file), *words[1:]]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    calls = noted.read_text().splitlines()
    return calls.count("scrypt"), calls.count("openssl_sha256")


@pytest.mark.parametrize("words", [("plan",), ("provision", "--yes")])
def test_a_run_without_a_saved_plan_never_computes_it(cli: Cli, tmp_path: Path, words: tuple[str, ...]) -> None:
    scrypt, sha256 = hashes(cli, tmp_path, *words)

    assert scrypt == 0
    assert sha256


def test_a_plan_that_is_saved_and_one_that_is_done_compute_it_once(cli: Cli, tmp_path: Path) -> None:
    saved = str(tmp_path / "plan.json")

    assert hashes(cli, tmp_path, "plan", "--out", saved)[0] == 1
    assert hashes(cli, tmp_path, "provision", "--plan", saved)[0] == 1
