"""The caller's access that each run takes back at its end (`access: release`). Pure.

A plan always shows it: as what the next write would grant, or as what a run that was cut off left behind.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from provisioner.engine.order import closure
from provisioner.model import Action

if TYPE_CHECKING:
    from provisioner.model import Address, Node, Plan, Step

NEXT_WRITE = "granted for the next write, and taken back at the end of that run"
LEFT = "a run that was cut off left it"


def without_idle_access(planned: Plan) -> Plan:
    """The plan without grants that no other step of it needs, and with those that an earlier run left, if one does."""
    needs = {step.address: step.after for step in planned.steps}
    needed = closure((s.address for s in planned.steps if s.pending and not s.access), needs)
    return replace(planned, steps=tuple(_kept_if_idle_or_needed(step, needed) for step in planned.steps))


def _kept_if_idle_or_needed(step: Step, addresses_needed: frozenset[Address]) -> Step:
    """A grant that no step needs is not made, and one that a step needs is not taken back: both become keep."""
    if not step.released or not step.pending:
        return step
    goes = step.action is Action.DELETE
    return replace(step, action=Action.KEEP, changes=()) if goes == (step.address in addresses_needed) else step


def released_without_dependencies(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The nodes of such access, without what they need: it has been there, or there is nothing to take back."""
    return tuple(replace(node, container=None, needs=()) for node in nodes if node.released)
