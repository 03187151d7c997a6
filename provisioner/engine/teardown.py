"""Decide what a teardown deletes: exactly what has our owner tag, contents before containers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from provisioner.engine.order import ordered
from provisioner.engine.plan import ordered_plan, orphan_action, orphan_step, view_of
from provisioner.engine.released_access import NEXT_WRITE
from provisioner.kind import changes_of_creation
from provisioner.model import Action, Address, Intent, Node, Observed, Plan, Recipe, Request, Snapshot, Step, View

if TYPE_CHECKING:
    from provisioner.kind import Kind

Kinds = Mapping[str, "Kind[Any, Any]"]


@dataclass(frozen=True, kw_only=True)
class _Contents:
    """What was decided for the contents of nodes.

    with_key_steps: credentials whose keys have steps of their own. remaining: by container, what remains in it.
    """

    with_key_steps: frozenset[Address]
    remaining: dict[Address, list[str]] = field(default_factory=dict[Address, list[str]])


def plan_teardown(
    recipe: Recipe, snapshot: Snapshot, kinds: Kinds, *, with_contents: bool = False, granting: bool = False
) -> Plan:
    """The steps that remove what is owned; `remains` of a step says what is left and why.

    granting: only those that grant the caller access to write, where it has none for lack of an earlier run's.
    """
    nodes = ordered(recipe.nodes)
    missing = _missing_read_access_or_raise(
        nodes, snapshot, kinds, view_of(recipe, snapshot, kinds, Request(intent=Intent.TEARDOWN))
    )
    to_write = _missing_access_to_write(nodes, snapshot)
    if missing or (granting and to_write):
        return ordered_plan(recipe.environment, _access_and_deferred_steps(nodes, snapshot, missing or to_write))
    steps = _orphan_steps(recipe, snapshot, kinds)
    contents = _Contents(with_key_steps=frozenset(Address(a.kind, a.name.rpartition("/")[0]) for a in steps))
    for node in reversed(nodes):
        step = steps[node.address] = _step(node, snapshot, kinds, contents, with_contents=with_contents)
        if step.remains and node.container:
            contents.remaining.setdefault(node.container, []).append(str(node.address))
    for node in nodes:
        if node.address in to_write:
            steps[node.address] = replace(_access_step(node, snapshot), reason=NEXT_WRITE)
    return ordered_plan(recipe.environment, _in_reverse(nodes, snapshot, steps))


def _missing_read_access_or_raise(
    nodes: tuple[Node, ...], snapshot: Snapshot, kinds: Kinds, view: View
) -> tuple[Address, ...]:
    """Grants to the caller that must be created, or take effect, before the environment can be read.

    Raises the first error if something could not be read and no such grant is missing.
    """
    if not any(snapshot.readings[node.address].error for node in nodes):
        return ()
    missing = [n.address for n in nodes if n.access and _is_missing(n, snapshot, kinds, view)]
    if not missing:
        raise next(r.error for r in snapshot.readings.values() if r.error is not None)
    return tuple(missing)


def _is_missing(node: Node, snapshot: Snapshot, kinds: Kinds, view: View) -> bool:
    """Whether the grant is missing though its container exists, or exists but is not as it should be."""
    observed = snapshot.readings[node.address].observed
    if observed is not None:
        return bool(kinds[node.address.kind].diff(node.desired, observed, view))
    container = snapshot.readings[node.container].observed if node.container else None
    return container is not None


def _access_and_deferred_steps(
    nodes: tuple[Node, ...], snapshot: Snapshot, missing: tuple[Address, ...]
) -> dict[Address, Step]:
    """The steps that grant the caller access, and a deferred step for all else that exists or could not be read."""
    waits = tuple(map(str, missing))
    reason = f"decided once the caller has access: {', '.join(waits)}"
    steps: dict[Address, Step] = {}
    for node in nodes:
        if node.address in missing:
            steps[node.address] = _access_step(node, snapshot)
        elif snapshot.readings[node.address].observed or snapshot.readings[node.address].error:
            steps[node.address] = Step(address=node.address, action=Action.DEFER, reason=reason, waits_on=waits)
    return steps


def _access_step(node: Node, snapshot: Snapshot) -> Step:
    observed = snapshot.readings[node.address].observed
    return Step(
        address=node.address,
        action=Action.CREATE if observed is None else Action.UPDATE,
        changes=changes_of_creation(node.desired) if observed is None else (),
        access=True,
        desired=node.desired,
        observed=observed,
    )


def _missing_access_to_write(nodes: tuple[Node, ...], snapshot: Snapshot) -> tuple[Address, ...]:
    """The grants that runs take back at their end, and that something needs to be deleted with."""
    orphans = {orphan.address.kind for orphan in snapshot.orphans}
    there = (n for n in nodes if n.address.kind in orphans or _is_owned(snapshot.readings[n.address].observed))
    needed = {need for node in there for need in node.needs}
    missing = (node for node in nodes if node.released and snapshot.readings[node.address].observed is None)
    return tuple(node.address for node in missing if node.address in needed)


def _is_owned(observed: Observed | None) -> bool:
    return observed is not None and observed.owned


def _orphan_steps(recipe: Recipe, snapshot: Snapshot, kinds: Kinds) -> dict[Address, Step]:
    view = view_of(recipe, snapshot, kinds, Request(intent=Intent.TEARDOWN))
    steps: dict[Address, Step] = {}
    for orphan in snapshot.orphans:
        steps[orphan.address] = orphan_step(orphan, orphan_action(orphan, kinds, view), snapshot)
    return steps


def _step(node: Node, snapshot: Snapshot, kinds: Kinds, contents: _Contents, *, with_contents: bool) -> Step:
    """The step for one node, once everything in it has been decided."""
    reading = snapshot.readings[node.address]
    kept = _kept(node, snapshot, kinds, contents)
    if kept is not None:
        return kept
    unmanaged = () if with_contents else snapshot.unmanaged.get(node.address, ())
    staying = contents.remaining.get(node.address, ())
    owned = _is_owned(reading.observed)
    if owned and (unmanaged or staying):
        holds = ", ".join((*unmanaged, *staying))
        remains = f"it contains {holds} without the owner tag; `--with-contents` deletes that, too"
        return Step(address=node.address, action=Action.KEEP, remains=remains, observed=reading.observed)
    return Step(
        address=node.address,
        action=Action.DELETE,
        reason=_reason(node, snapshot) if owned else "what is managed in it; the resource itself stays",
        access=node.access,
        routine=node.released,
        desired=node.desired,
        observed=reading.observed,
    )


def _reason(node: Node, snapshot: Snapshot) -> str:
    """Why a node is deleted, what is deleted with it, and what Azure retains."""
    retained, more = snapshot.readings[node.address].retained, snapshot.unmanaged.get(node.address, ())
    reason = f"owned, with {', '.join(more)}" if more else "owned"
    return f"{reason}; {retained}" if retained else reason


def _kept(node: Node, snapshot: Snapshot, kinds: Kinds, contents: _Contents) -> Step | None:
    """The step for a node that is not deleted as such, or None."""
    kind: Kind[Any, Any] = kinds[node.address.kind]
    observed = snapshot.readings[node.address].observed

    def keep(reason: str) -> Step:
        return Step(address=node.address, action=Action.KEEP, reason=reason, observed=observed)

    if observed is None:
        return keep("does not exist")
    if node.address in contents.with_key_steps:
        return keep("its keys have steps of their own")
    if node.goes_along and node.container and _is_owned(snapshot.readings[node.container].observed):
        return keep(f"deleted with {node.container}")
    if kind.delete is None:
        return keep("looked up, not created")
    return None if observed.owned or observed.managed_keys else keep("not owned")


def _in_reverse(nodes: tuple[Node, ...], snapshot: Snapshot, steps: Mapping[Address, Step]) -> dict[Address, Step]:
    """Each step after the steps of everything that needs it."""
    after: dict[Address, list[Address]] = {address: list(step.after) for address, step in steps.items()}
    for node in nodes:
        for need in node.all_needs:
            after[need].append(node.address)
    access = [node.address for node in nodes if node.access]
    for orphan in snapshot.orphans:
        for address in (*access, *orphan.needs, *((orphan.container,) if orphan.container else ())):
            after[address].append(orphan.address)
    return {address: replace(step, after=tuple(dict.fromkeys(after[address]))) for address, step in steps.items()}
