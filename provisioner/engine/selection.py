"""A plan limited to some addresses, or with more done at some than they need. Pure."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from provisioner.engine.order import closure
from provisioner.engine.plan import digest
from provisioner.errors import Refused, UnknownReference
from provisioner.model import Action, Address, Plan, Recipe

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from provisioner.kind import Kind


def with_forced_updates(decided: Plan, addresses: Iterable[Address], *, reason: str) -> Plan:
    """The plan with what stands at these addresses written once more, though it is as declared."""
    again = frozenset(addresses)
    steps = tuple(
        replace(step, action=Action.UPDATE, reason=reason)
        if step.address in again and step.action is Action.KEEP
        else step
        for step in decided.steps
    )
    return replace(decided, steps=steps, digest=digest(steps))


def limit_to(decided: Plan, only: Iterable[Address]) -> Plan:
    """The plan without what the given addresses do not need. Raises UnknownReference for one it does not have."""
    needs = {step.address: step.after for step in decided.steps}
    addresses = tuple(only)
    _require_known("--only", addresses, needs)
    needed = closure(addresses, needs)
    steps = tuple(step for step in decided.steps if step.address in needed)
    return replace(decided, steps=steps, digest=digest(steps))


def with_forced_replacements(
    decided: Plan, addresses: Iterable[Address], recipe: Recipe, kinds: Mapping[str, Kind[Any, Any]]
) -> Plan:
    """The plan in which what exists at these addresses is deleted and created again.

    Raises UnknownReference, and Refused for what would lose something by it.
    """
    again = tuple(addresses)
    _require_known("--replace", again, {step.address for step in decided.steps})
    referred = {ref.address: str(node.address) for node in recipe.nodes for ref in node.refs}
    for address in again:
        reason = _loses(kinds[address.kind], referred.get(address, ""))
        if reason:
            remedy = "`provisioner rotate --force` replaces a credential; anything else change by its own fields"
            raise Refused(str(address), f"is not replaced: {reason}", remedy)
    steps = tuple(
        replace(step, action=Action.REPLACE, reason="--replace")
        if step.address in again and step.action in (Action.KEEP, Action.UPDATE) and step.observed is not None
        else step
        for step in decided.steps
    )
    return replace(decided, steps=steps, digest=digest(steps))


def _loses(kind: Kind[Any, Any], referred: str) -> str:
    """What would be lost if such a resource were deleted and created again; empty: nothing."""
    if kind.create is None or kind.delete is None:
        return "the tool cannot create and delete it"
    if kind.credential is not None or kind.holder is not None:
        return "whoever uses the credential in it would have none for a while"
    if kind.container is not None:
        return "what is in it would be lost"
    return f"{referred} has its id" if referred else ""


def _require_known(option: str, addresses: Iterable[Address], known: Collection[Address]) -> None:
    for address in addresses:
        if address not in known:
            near = get_close_matches(str(address), list(map(str, known)), n=1)
            raise UnknownReference(option, str(address), near=next(iter(near), ""))
