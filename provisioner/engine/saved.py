"""A plan on disk: what was decided, without any value, so that provision does that or nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from provisioner.errors import Problem, SpecError, StalePlan
from provisioner.model import Action, Address, Plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

WRITE_ONE = "write one with `provisioner plan ENV --out FILE`"


@dataclass(frozen=True, kw_only=True)
class SavedPlan:
    """What `plan --out` wrote. only: what it was limited to. actions: by address; a deferred one is decided later."""

    file: str
    environment: str
    digest: str
    only: tuple[Address, ...]
    actions: Mapping[str, str]

    def check(self, live: Plan) -> None:
        """Raises StalePlan unless the live plan is the saved one."""
        if self.digest != live.digest or self.environment != live.environment:
            raise StalePlan(self.file, self.digest, live.digest)

    def held(self, first: Plan) -> Plan:
        """The plan as it is once the lease is held. Raises StalePlan if it does what the saved one did not."""
        if any(step.pending and self.actions.get(str(step.address)) != step.action.value for step in first.steps):
            raise StalePlan(self.file, self.digest, first.digest)
        return first

    def restrict(self, later: Plan) -> Plan:
        """A later pass may do only what the file lists as deferred."""
        deferred = {address for address, action in self.actions.items() if action == Action.DEFER.value}
        steps = tuple(s for s in later.steps if not s.pending or s.access or str(s.address) in deferred)
        return replace(later, steps=steps)


def save(plan: Plan, path: Path, only: Iterable[Address] = ()) -> None:
    """Write addresses, actions, field names and the digest; no values. Raises SpecError where it cannot."""
    steps = [
        {"address": str(s.address), "action": s.action.value, "changes": [c.field for c in s.changes]}
        for s in plan.steps
    ]
    limits = [str(address) for address in only]
    content = {"environment": plan.environment, "digest": plan.digest, "only": limits, "steps": steps}
    try:
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise _refusal(path, f"cannot be written: {error.strerror}", "give `--out` a file that can") from error


def load(path: Path) -> SavedPlan:
    """Raises SpecError for a file that is not a saved plan."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return SavedPlan(
            file=str(path),
            environment=str(content["environment"]),
            digest=str(content["digest"]),
            only=tuple(Address(*str(text).split("/", 1)) for text in content["only"]),
            actions={str(step["address"]): str(step["action"]) for step in content["steps"]},
        )
    except OSError as error:
        raise _refusal(path, f"cannot be read: {error.strerror}", WRITE_ONE) from error
    except (ValueError, KeyError, TypeError) as error:
        raise _refusal(path, "is not a saved plan", WRITE_ONE) from error


def _refusal(path: Path, wrong: str, right: str) -> SpecError:
    return SpecError((Problem(file=str(path), line=1, path="(file)", wrong=wrong, right=right),))
