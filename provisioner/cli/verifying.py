"""`verify`: one line for each link of the chain."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from provisioner.cli import show
from provisioner.cli.opening import opened

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Sequence

    from provisioner.engine.report import Line
    from provisioner.verify.check import Finding

FAILED, UNMET = 1, 4
STYLES = {"ok": "green", "failed": "red", "not known": "yellow"}


def verify(arguments: Namespace) -> int:
    """Prove the chain; what cannot be known counts as neither."""
    from provisioner import commands

    with show.progress(quiet=arguments.json), opened(arguments) as run:
        findings = commands.verify(run)
    if arguments.json:
        show.document(_document(run.environment.name, findings))
    else:
        show.lines(_lines(findings))
        show.text(f"{run.environment.name}: {', '.join(f'{n} {state}' for state, n in _counts(findings).items())}")
    broken = [finding for finding in findings if finding.state == "failed"]
    if not broken:
        return 0
    return UNMET if all(finding.right for finding in broken) else FAILED


def _lines(findings: Sequence[Finding]) -> Iterator[Line]:
    from provisioner.engine.report import Line

    for one in findings:
        yield Line(f"{one.state:<9} {one.what}{f': {one.told}' if one.told else ''}", STYLES[one.state])


def _counts(findings: Sequence[Finding]) -> dict[str, int]:
    return {state: sum(one.state == state for one in findings) for state in STYLES}


def _document(environment: str, findings: Sequence[Finding]) -> dict[str, Any]:
    return {"environment": environment, "findings": [asdict(one) for one in findings], "summary": _counts(findings)}
