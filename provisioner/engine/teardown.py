"""Decide what a teardown deletes: exactly what has our owner tag, contents before containers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from provisioner.engine.order import ordered
from provisioner.engine.plan import described, finish, orphan_action, orphan_step, view_of
from provisioner.model import Action, Address, Asked, Intent, Node, Plan, Recipe, Snapshot, Step, View

if TYPE_CHECKING:
    from provisioner.kind import Kind

Kinds = Mapping[str, "Kind[Any, Any]"]


@dataclass(frozen=True, kw_only=True)
class _Below:
    """What is decided of what nodes hold. keyed: those whose keys are steps. staying: by container, what remains."""

    keyed: frozenset[Address]
    staying: dict[Address, list[str]] = field(default_factory=dict[Address, list[str]])


def teardown(recipe: Recipe, snapshot: Snapshot, kinds: Kinds, *, with_contents: bool = False) -> Plan:
    """The steps that remove what is ours; what stays behind says so in `remains`."""
    nodes = ordered(recipe.nodes)
    shut = _shut(nodes, snapshot, kinds, view_of(recipe, snapshot, kinds, Asked(intent=Intent.TEARDOWN)))
    if shut:
        return finish(recipe, _let_in(nodes, snapshot, shut))
    steps = _orphans(recipe, snapshot, kinds)
    below = _Below(keyed=frozenset(Address(a.kind, a.name.rpartition("/")[0]) for a in steps))
    for node in reversed(nodes):
        step = steps[node.address] = _step(node, snapshot, kinds, below, with_contents=with_contents)
        if step.remains and node.container:
            below.staying.setdefault(node.container, []).append(str(node.address))
    return finish(recipe, _reversed(nodes, snapshot, steps))


def _shut(nodes: tuple[Node, ...], snapshot: Snapshot, kinds: Kinds, view: View) -> tuple[Address, ...]:
    """Grants to the caller that must be made, or waited for, before its own things can be read."""
    if not any(snapshot.readings[node.address].error for node in nodes):
        return ()
    shut = [n.address for n in nodes if n.access and _wanting(n, snapshot, kinds, view)]
    if not shut:
        raise next(r.error for r in snapshot.readings.values() if r.error is not None)
    return tuple(shut)


def _wanting(node: Node, snapshot: Snapshot, kinds: Kinds, view: View) -> bool:
    """Whether the node is not there, though what it would stand in is; or there, but not as it should be."""
    observed = snapshot.readings[node.address].observed
    if observed is not None:
        return bool(kinds[node.address.kind].diff(node.desired, observed, view))
    place = snapshot.readings[node.container].observed if node.container else None
    return place is not None


def _let_in(nodes: tuple[Node, ...], snapshot: Snapshot, shut: tuple[Address, ...]) -> dict[Address, Step]:
    waits = tuple(map(str, shut))
    reason = f"decided once the caller may read: {', '.join(waits)}"
    steps: dict[Address, Step] = {}
    for node in nodes:
        if node.address in shut:
            observed = snapshot.readings[node.address].observed
            steps[node.address] = Step(
                address=node.address,
                action=Action.CREATE if observed is None else Action.UPDATE,
                changes=described(node.desired) if observed is None else (),
                access=True,
                desired=node.desired,
                observed=observed,
            )
        elif snapshot.readings[node.address].observed or snapshot.readings[node.address].error:
            steps[node.address] = Step(address=node.address, action=Action.DEFER, reason=reason, waits_on=waits)
    return steps


def _orphans(recipe: Recipe, snapshot: Snapshot, kinds: Kinds) -> dict[Address, Step]:
    view = view_of(recipe, snapshot, kinds, Asked(intent=Intent.TEARDOWN))
    steps: dict[Address, Step] = {}
    for orphan in snapshot.orphans:
        steps[orphan.address] = orphan_step(orphan, orphan_action(orphan, kinds, view), snapshot)
    return steps


def _step(node: Node, snapshot: Snapshot, kinds: Kinds, below: _Below, *, with_contents: bool) -> Step:
    """What becomes of one node, when all that lives in it is decided."""
    reading = snapshot.readings[node.address]
    kept = _kept(node, snapshot, kinds, below)
    if kept is not None:
        return kept
    unmanaged = () if with_contents else snapshot.unmanaged.get(node.address, ())
    staying = below.staying.get(node.address, ())
    ours = reading.observed is not None and reading.observed.owned
    if ours and (unmanaged or staying):
        holds = ", ".join((*unmanaged, *staying))
        remains = f"it holds {holds}, without our mark; `--with-contents` deletes that too"
        return Step(address=node.address, action=Action.KEEP, remains=remains, observed=reading.observed)
    return Step(
        address=node.address,
        action=Action.DELETE,
        reason=_reason(node, snapshot) if ours else "what is ours in it; itself it stays",
        access=node.access,
        desired=node.desired,
        observed=reading.observed,
    )


def _reason(node: Node, snapshot: Snapshot) -> str:
    """Why a node goes, what goes along, and what there will still be of it."""
    retained, more = snapshot.readings[node.address].retained, snapshot.unmanaged.get(node.address, ())
    reason = f"ours, with {', '.join(more)}" if more else "ours"
    return f"{reason}; {retained}" if retained else reason


def _kept(node: Node, snapshot: Snapshot, kinds: Kinds, below: _Below) -> Step | None:
    """The step for a node that is not deleted as such, or None."""
    kind: Kind[Any, Any] = kinds[node.address.kind]
    observed = snapshot.readings[node.address].observed

    def keep(reason: str, remains: str = "") -> Step:
        return Step(address=node.address, action=Action.KEEP, reason=reason, remains=remains, observed=observed)

    if observed is None:
        return keep("not there")
    if node.address in below.keyed:
        return keep("its keys are steps of their own")
    if kind.create is not None and kind.delete is None:
        held_by = snapshot.readings[node.container].observed if node.container else None
        goes_along = held_by is not None and held_by.owned
        return keep(f"goes with {node.container}") if goes_along else keep("", node.by_hand)
    if kind.delete is None:
        return keep("looked up, not made")
    return None if observed.owned or observed.managed_keys else keep("not ours")


def _reversed(nodes: tuple[Node, ...], snapshot: Snapshot, steps: Mapping[Address, Step]) -> dict[Address, Step]:
    """Each step behind the steps of all that needs it."""
    after: dict[Address, list[Address]] = {address: list(step.after) for address, step in steps.items()}
    for node in nodes:
        for need in node.all_needs():
            after[need].append(node.address)
    access = [node.address for node in nodes if node.access]
    for orphan in snapshot.orphans:
        for address in (*access, *((orphan.container,) if orphan.container else ())):
            after[address].append(orphan.address)
    return {address: replace(step, after=tuple(dict.fromkeys(after[address]))) for address, step in steps.items()}
