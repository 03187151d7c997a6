from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.command_line import ROOT

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

PROGRAM = """
import sys
from provisioner.cli.main import main
code = main(sys.argv[2:])
found = sorted(name for name in sys.modules if name.startswith(sys.argv[1]))
sys.exit(f"imported {found[:3]}" if found else code)
"""


def imports(azure: LocalAzure, forbidden: str, *arguments: str) -> str:
    """What a process of its own imported of the forbidden; empty if nothing."""
    environment = {"PATH": "/usr/bin:/bin", "PROVISIONER_LOCAL_STATE": str(azure.state)}
    command = [sys.executable, "-c", PROGRAM, forbidden, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "imported" in done.stderr, done.stderr
    return done.stderr


@pytest.mark.parametrize("verb", ["validate", "render", "graph"])
def test_verbs_without_network_import_no_sdk(azure: LocalAzure, verb: str) -> None:
    assert imports(azure, "azure", verb, "local") == ""


def test_a_plan_imports_no_management_sdk(azure: LocalAzure) -> None:
    assert imports(azure, "azure.mgmt", "plan", "local") == ""
    assert imports(azure, "azure.storage", "plan", "local") == ""
