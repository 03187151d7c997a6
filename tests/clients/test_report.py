"""The page of `provisioner report` in a browser."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clients.environment import environment
from tests.command_line import ROOT, cli, provisioned

if TYPE_CHECKING:
    from tests.command_line import Cli

__all__ = ["cli", "provisioned"]
OPEN = Path(__file__).parent / "programs" / "open_page.py"
PICTURES = ROOT / ".local/pictures"


@pytest.mark.skipif(shutil.which("chromium") is None, reason="`make browser` installs Chromium, as root on Debian")
def test_the_page_opens_in_light_and_dark_prints_and_asks_nobody(provisioned: Cli, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    provisioned.azure.advance(20 * 86_400.0)
    provisioned.azure.tokens.clear()
    provisioned.spec["variables"]["another"] = "value"
    provisioned.done("report", "--out", str(page))
    PICTURES.mkdir(parents=True, exist_ok=True)

    python = environment("browser") / "bin" / "python"
    command = [str(python), str(OPEN), str(shutil.which("chromium")), str(page), str(PICTURES / "report.png")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["asked"] == [f"file://{page}"]
    assert found["said"] == []
    assert found["shown"]
    assert (found["light"], found["dark"]) == ("rgb(255, 255, 255)", "rgb(13, 17, 23)")
    assert found["pdf"] > 20_000
