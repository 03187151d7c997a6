"""Secrets that any place holds, bad inputs that any part takes: counted by tests/sentinels in a run of pytest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.reliability.tally import Tally

ROOT = Path(__file__).parents[3]
# Where bad inputs are tried, and where secrets are made, sent, shown and kept.
TESTS = (
    "tests/cli/test_bad_input.py",
    "tests/cli/test_secrets.py",
    "tests/localazure/test_every_route.py",
    "tests/localazure/test_fuzz.py",
    "tests/localazure/test_raw_requests.py",
    "tests/localazure/test_shapes.py",
    "tests/rotation/test_between.py",
    "tests/render",
    "tests/spec",
)


def measure(tally: Tally) -> None:
    """All of them; a test that fails is told by its name."""
    with TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            "auto",
            "--show-capture=no",
            f"--figures={figures}",
            *TESTS,
        ]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        counted: dict[str, int] = json.loads(figures.read_text()) if figures.exists() else {}
    if ran.returncode != 0:
        failed = [line for line in ran.stdout.splitlines() if line.startswith(("ERROR ", "FAILED "))]
        tally.wrong += failed or [f"the tests of bad input did not run: {ran.stderr.strip()[-500:]}"]
    tally.secrets_found = (tally.secrets_found or 0) + counted.get("secrets found", 0)
    tally.bad_inputs = (tally.bad_inputs or 0) + counted.get("bad inputs tried", 0)
