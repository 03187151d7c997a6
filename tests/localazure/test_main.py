"""`python -m localazure`: the local Azure without the tool."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(state: Path, *words: str) -> str:
    command = [sys.executable, "-m", "localazure", "--state", str(state), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout


def test_it_starts_points_a_shell_and_a_program_at_itself_and_stops(tmp_path: Path) -> None:
    exports = run(tmp_path)
    assert "export HTTPS_PROXY='http://127.0.0.1:" in exports
    assert (tmp_path / "operator-secret").read_text() not in exports
    assert run(tmp_path, "run", "printenv", "https_proxy").startswith("http://127.0.0.1:")
    assert run(tmp_path, "stop") == "stopped\n"
