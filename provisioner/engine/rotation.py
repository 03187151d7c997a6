"""The part of an environment that rotates: credentials, the places that hold them, and what these stand on. Pure.

Nothing else is read or decided, so nothing else can keep a credential from being replaced in time; and where the
holders of one credential refuse, the others go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from provisioner.engine.order import closure
from provisioner.engine.plan import consumers, decide, digest, finish, raised
from provisioner.errors import Refused
from provisioner.model import Action, Address, Asked, Plan, Recipe, Snapshot, Step

if TYPE_CHECKING:
    from provisioner.kind import Kind

Kinds = Mapping[str, "Kind[Any, Any]"]
Errors = Mapping[Address, tuple[Exception, ...]]


def part(recipe: Recipe, kinds: Kinds) -> Recipe:
    """The nodes that a rotation reads, and the searches for older keys. What the lease needs is among them."""
    wanted = {address for holders in consumers(recipe).values() for address in holders}
    wanted |= {node.address for node in recipe.nodes if node.bootstrap or kinds[node.address.kind].credential}
    near = closure(wanted, {node.address: node.all_needs() for node in recipe.nodes})
    return replace(
        recipe,
        nodes=tuple(node for node in recipe.nodes if node.address in near),
        searches=tuple(search for search in recipe.searches if kinds[search.kind].credential),
    )


def rotation(recipe: Recipe, snapshot: Snapshot, kinds: Kinds, asked: Asked) -> Plan:
    """The steps of a rotation; other drift is left alone. recipe: as `part` gives it.

    A credential with a holder that refuses, or that may not be read, is left as it is, with the reason in `remains`;
    the others go on. Raises what `plan` raises where that leaves none that was asked for, or where another resource is
    to blame.
    """
    made, errors = decide(recipe, snapshot, kinds, asked)
    held_up = {c: holders for c, holders in consumers(recipe).items() if not errors.keys().isdisjoint(holders)}
    if not held_up:
        return _of_credentials(raised(made, errors), recipe, kinds)
    told = {address for holders in held_up.values() for address in holders}
    others = [c for c in _credentials(recipe, kinds) if c not in held_up and asked.concerns(c.name)]
    if not others or not errors.keys() <= told:
        raised(made, errors)
    left = replace(recipe, nodes=tuple(n for n in recipe.nodes if n.address not in told | held_up.keys()))
    made, further = decide(left, _without(snapshot, held_up), kinds, asked)
    return _with(_of_credentials(raised(made, further), left, kinds), recipe, snapshot, errors)


def _credentials(recipe: Recipe, kinds: Kinds) -> tuple[Address, ...]:
    return tuple(node.address for node in recipe.nodes if kinds[node.address.kind].credential)


def _without(snapshot: Snapshot, credentials: Iterable[Address]) -> Snapshot:
    """The snapshot without older keys of these: nobody can say which of them are in use."""
    beneath = tuple(f"{credential}/" for credential in credentials)
    return replace(snapshot, orphans=tuple(o for o in snapshot.orphans if not str(o.address).startswith(beneath)))


def _with(made: Plan, recipe: Recipe, snapshot: Snapshot, errors: Errors) -> Plan:
    """The plan, with a step that stays for each holder that refuses."""
    stuck = {a: _stuck(a, snapshot, errors[a]) for a in (node.address for node in recipe.nodes) if a in errors}
    steps = {step.address: step for step in made.steps}
    return finish(recipe, {**steps, **stuck}, outputs=made.outputs, sources=made.sources)


def _stuck(holder: Address, snapshot: Snapshot, errors: Iterable[Exception]) -> Step:
    told = "; ".join(str(error).removeprefix(f"{holder}: ") for error in errors)
    reading = snapshot.readings[holder]
    return Step(
        address=holder,
        action=Action.KEEP,
        remains=f"its credential is not rotated: {told}",
        desired=reading.node.desired,
        observed=reading.observed,
    )


def _of_credentials(made: Plan, recipe: Recipe, kinds: Kinds) -> Plan:
    """The part of a plan that rotates: credentials, their holders, old keys, the caller's way in.

    Raises Refused where a holder cannot be reached before something else is made.
    """
    holders = {holder for holders in consumers(recipe).values() for holder in holders}
    wanted = {s.address for s in made.steps if s.access or s.address in holders or kinds[s.address.kind].credential}
    other = {s.address for s in made.steps if s.action is Action.CREATE and s.address not in wanted}
    for step in made.steps:
        missing = [address for address in step.after if address in other]
        if step.address in wanted and step.pending and missing:
            raise Refused(str(step.address), f"{missing[0]} is not there", "Run `provisioner provision` first")
    steps = tuple(step for step in made.steps if step.address in wanted or not step.pending)
    return replace(made, steps=steps, digest=digest(steps))
