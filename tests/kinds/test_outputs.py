"""Outputs between kinds: a misspelt or mistyped one does not pass `make check`, and nobody names one by its text."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
MADE_BY = ROOT / "provisioner/model/outputs.py"
SEEDED = """
from provisioner.kinds import key_vault, role_assignment, service_principal
from provisioner.model import Address

vault = Address("key_vault", "v")
uri = key_vault.Outputs.uri.of(vault)
object_id = service_principal.Outputs.object_id.of(Address("service_principal", "p"))
grants = role_assignment.AssignmentsOfPrincipal(principal_id=object_id, subscriptions=(), environment="")
misspelt = key_vault.Outputs.url.of(vault)
published = key_vault.Outputs(id="i", url="u")
mistyped = key_vault.Outputs(id="i", uri=7)
"""


def test_a_misspelt_or_mistyped_output_fails_the_type_check(tmp_path: Path) -> None:
    file = tmp_path / "seeded.py"
    file.write_text(SEEDED)
    command = [sys.executable, "-m", "basedpyright", "--outputjson", str(file)]
    told = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=False).stdout)
    errors: list[tuple[int, str]] = [
        (one["range"]["start"]["line"], one["message"]) for one in told["generalDiagnostics"]
    ]
    lines = SEEDED.splitlines()
    assert {lines[number].split(" =")[0] for number, _ in errors} == {"misspelt", "published", "mistyped"}
    assert any('Cannot access attribute "url"' in message for _, message in errors)


def named_by_text() -> Iterator[str]:
    """Where a Ref is made otherwise than by an output."""
    for path in sorted(ROOT.glob("provisioner/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Ref":
                yield f"{path.relative_to(ROOT)}:{node.lineno}"


def test_only_an_output_makes_a_reference() -> None:
    assert [place for place in named_by_text() if not place.startswith(str(MADE_BY.relative_to(ROOT)))] == []
