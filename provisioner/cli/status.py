"""What `status` tells: what is there, what has drifted, how old each credential is and when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provisioner.engine.report import Line, plan_lines
from provisioner.model import Action

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from provisioner.model import Plan


def credentials(plan: Plan, now: datetime) -> Iterator[dict[str, Any]]:
    """Each current credential: its address, key id, age and days left."""
    for address, published in plan.outputs.items():
        if "key_id" in published and "expires" in published:
            since, expires = published["since"], published["expires"]
            yield {
                "address": str(address),
                "key_id": published["key_id"],
                "since": since.isoformat(),
                "expires": expires.isoformat(),
                "age_days": (now - since).days,
                "days_left": (expires - now).days,
            }


def status_json(plan: Plan, now: datetime, notes: tuple[str, ...]) -> dict[str, Any]:
    """The document of `status --json`."""
    resources = [
        {"address": str(step.address), "there": step.observed is not None, "as_declared": step.action is Action.KEEP}
        for step in plan.steps
    ]
    return {
        "environment": plan.environment,
        "resources": resources,
        "drift": plan.pending,
        "credentials": list(credentials(plan, now)),
        "notes": list(notes),
    }


def status_lines(plan: Plan, now: datetime, notes: tuple[str, ...]) -> Iterator[Line]:
    """The same for people."""
    yield from plan_lines(plan)
    for found in credentials(plan, now):
        style = "red" if found["days_left"] < 0 else ""
        age, left = found["age_days"], found["days_left"]
        yield Line(f"{found['address']}: key {found['key_id']}, {age} days old, expires in {left} days", style)
    for note in notes:
        yield Line(f"note: {note}", "dim")
