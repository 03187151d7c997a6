"""A plan on disk: what was decided, without any value, so that provision does that or nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from provisioner.errors import Problem, SpecError, StalePlan
from provisioner.model import Action, Plan

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class SavedPlan:
    """What `plan --out` wrote. deferred: the addresses that later passes may decide."""

    file: str
    environment: str
    digest: str
    deferred: frozenset[str]

    def check(self, live: Plan) -> None:
        """Raises StalePlan unless the live plan is the saved one."""
        if self.digest != live.digest or self.environment != live.environment:
            raise StalePlan(self.file, self.digest, live.digest)

    def restrict(self, later: Plan) -> Plan:
        """A later pass may do only what the file lists as deferred."""
        steps = tuple(s for s in later.steps if not s.pending or s.access or str(s.address) in self.deferred)
        return replace(later, steps=steps)


def save(plan: Plan, path: Path) -> None:
    """Write addresses, actions, field names and the digest; no values."""
    steps = [
        {"address": str(s.address), "action": s.action.value, "changes": [c.field for c in s.changes]}
        for s in plan.steps
    ]
    content = {"environment": plan.environment, "digest": plan.digest, "steps": steps}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> SavedPlan:
    """Raises SpecError for a file that is not a saved plan."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        deferred = {str(s["address"]) for s in content["steps"] if s["action"] == Action.DEFER.value}
        return SavedPlan(
            file=str(path),
            environment=str(content["environment"]),
            digest=str(content["digest"]),
            deferred=frozenset(deferred),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        wrong, right = "not a saved plan", "write one with `provisioner plan ENV --out FILE`"
        raise SpecError((Problem(file=str(path), line=1, path="", wrong=wrong, right=right),)) from error
