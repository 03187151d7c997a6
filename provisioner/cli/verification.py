"""`verify`: one line for each check, and an exit code for all of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from provisioner.cli import show
from provisioner.cli.opening import opened

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Sequence

    from provisioner.engine.report import Line
    from provisioner.verify.check import Check

FAILED, UNMET = 1, 4
STYLES = {"ok": "green", "failed": "red", "not known": "yellow"}


def verify(arguments: Namespace) -> int:
    """Make the checks; one whose answer is unknown neither passes nor fails."""
    from provisioner import commands

    with show.progress(quiet=arguments.json), opened(arguments) as run:
        checks = commands.verify(run)
    if arguments.json:
        show.document(_document(run.environment.name, checks))
    else:
        show.lines(_lines(checks))
        show.text(f"{run.environment.name}: {', '.join(f'{n} {state}' for state, n in _counts(checks).items())}")
    failed = [check for check in checks if check.state == "failed"]
    if not failed:
        return 0
    return UNMET if all(check.precondition for check in failed) else FAILED


def _lines(checks: Sequence[Check]) -> Iterator[Line]:
    from provisioner.engine.report import Line

    for one in checks:
        yield Line(f"{one.state:<9} {one.name}{f': {one.detail}' if one.detail else ''}", STYLES[one.state])


def _counts(checks: Sequence[Check]) -> dict[str, int]:
    return {state: sum(one.state == state for one in checks) for state in STYLES}


def _document(environment: str, checks: Sequence[Check]) -> dict[str, Any]:
    """The document of `verify --json`; findings: the checks by their former names."""
    findings = [{"what": one.name, "state": one.state, "told": one.detail, "right": one.precondition} for one in checks]
    found = [asdict(one) for one in checks]
    return {"environment": environment, "checks": found, "findings": findings, "summary": _counts(checks)}
