"""Plans a rotation: credentials, their holders, and what these depend on. Pure.

Nothing else is read or decided, so nothing else can keep a credential from being replaced in time. If the holders of
one credential cannot be changed, the other credentials are still rotated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from provisioner.engine.order import closure
from provisioner.engine.plan import decide, declared_holders, digest, ordered_plan, plan_or_raise
from provisioner.errors import Refused
from provisioner.model import Action, Address, Plan, Recipe, Request, Snapshot, Step

if TYPE_CHECKING:
    from provisioner.kind import Kind

Kinds = Mapping[str, "Kind[Any, Any]"]
Errors = Mapping[Address, tuple[Exception, ...]]


def rotation_recipe(recipe: Recipe, kinds: Kinds) -> Recipe:
    """The nodes that a rotation reads, those of the lease among them, and the searches for older keys."""
    wanted = {address for holders in declared_holders(recipe).values() for address in holders}
    wanted |= {node.address for node in recipe.nodes if node.bootstrap or kinds[node.address.kind].credential}
    near = closure(wanted, {node.address: node.all_needs for node in recipe.nodes})
    searches = (search for search in recipe.searches if kinds[search.kind].credential)
    return replace(
        recipe,
        nodes=tuple(node for node in recipe.nodes if node.address in near),
        # Keys of an application that has no declared credential any more are `provision`'s to remove.
        searches=tuple(search for search in searches if search.container is None or search.container in near),
    )


def plan_rotation(recipe: Recipe, snapshot: Snapshot, kinds: Kinds, request: Request) -> Plan:
    """The steps of a rotation; other drift is left alone. recipe: from `rotation_recipe`.

    A credential with a holder that cannot be changed or read is left as it is, with the reason in `remains`; the others
    are rotated. Raises what `plan_provision` raises if that leaves no requested credential, or if another resource is
    the cause.
    """
    plan, errors = decide(recipe, snapshot, kinds, request)
    blocked = {c: holders for c, holders in declared_holders(recipe).items() if not errors.keys().isdisjoint(holders)}
    if not blocked:
        return _limit_to_rotation(plan_or_raise(plan, errors), recipe, kinds)
    blocked_holders = {address for holders in blocked.values() for address in holders}
    others = [c for c in _credentials(recipe, kinds) if c not in blocked and request.concerns(c.name)]
    if not others or not errors.keys() <= blocked_holders:
        plan_or_raise(plan, errors)
    left = replace(recipe, nodes=tuple(n for n in recipe.nodes if n.address not in blocked_holders | blocked.keys()))
    plan, further = decide(left, _without_keys_of(snapshot, blocked), kinds, request)
    return _with_blocked_holders(
        _limit_to_rotation(plan_or_raise(plan, further), left, kinds), recipe, snapshot, errors
    )


def _credentials(recipe: Recipe, kinds: Kinds) -> tuple[Address, ...]:
    return tuple(node.address for node in recipe.nodes if kinds[node.address.kind].credential)


def _without_keys_of(snapshot: Snapshot, credentials: Iterable[Address]) -> Snapshot:
    """The snapshot without older keys of these credentials: nobody can say which of them are in use."""
    beneath = tuple(f"{credential}/" for credential in credentials)
    return replace(snapshot, orphans=tuple(o for o in snapshot.orphans if not str(o.address).startswith(beneath)))


def _with_blocked_holders(plan: Plan, recipe: Recipe, snapshot: Snapshot, errors: Errors) -> Plan:
    """The plan, with a keep step for each holder that cannot be changed or read."""
    blocked = {a: _blocked_step(a, snapshot, errors[a]) for a in (node.address for node in recipe.nodes) if a in errors}
    steps = {step.address: step for step in plan.steps}
    return ordered_plan(recipe.environment, {**steps, **blocked}, outputs=plan.outputs, sources=plan.sources)


def _blocked_step(holder: Address, snapshot: Snapshot, errors: Iterable[Exception]) -> Step:
    reasons = "; ".join(str(error).removeprefix(f"{holder}: ") for error in errors)
    reading = snapshot.readings[holder]
    return Step(
        address=holder,
        action=Action.KEEP,
        remains=f"its credential is not rotated: {reasons}",
        desired=reading.node.desired,
        observed=reading.observed,
    )


def _limit_to_rotation(plan: Plan, recipe: Recipe, kinds: Kinds) -> Plan:
    """The plan without pending steps other than a rotation's.

    Those are of credentials, their holders, old keys, the caller's access. Steps that do nothing stay.

    Raises Refused if something that a holder needs does not exist yet.
    """
    holders = {holder for holders in declared_holders(recipe).values() for holder in holders}
    wanted = {s.address for s in plan.steps if s.access or s.address in holders or kinds[s.address.kind].credential}
    other = {s.address for s in plan.steps if s.action is Action.CREATE and s.address not in wanted}
    for step in plan.steps:
        missing = [address for address in step.after if address in other]
        if step.address in wanted and step.pending and missing:
            raise Refused(str(step.address), f"{missing[0]} does not exist", "Run `provisioner provision` first")
    steps = tuple(step for step in plan.steps if step.address in wanted or not step.pending)
    return replace(plan, steps=steps, digest=digest(steps))
