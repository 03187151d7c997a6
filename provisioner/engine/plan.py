"""Decide: what was declared and what was read → steps, each with its reason. Pure; it cannot import the cloud.

`plan` makes the environment as declared; `engine.teardown` removes what is ours. Both end in `finish`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from provisioner.engine.order import closure, ordered, sort
from provisioner.errors import NotAuthorized, PlanError, Refusals, Refused, UnknownReference
from provisioner.kind import shown
from provisioner.model import (
    CONVERGE,
    Action,
    Address,
    Asked,
    Change,
    Forces,
    HolderKey,
    Intent,
    Node,
    Observed,
    Orphan,
    OrphanAction,
    Plan,
    Reading,
    Recipe,
    Snapshot,
    Step,
    View,
    identity_refs,
    refs,
    resolve,
)

if TYPE_CHECKING:
    from provisioner.kind import Kind

Kinds = Mapping[str, "Kind[Any, Any]"]
Errors = Mapping[Address, tuple[Exception, ...]]  # of nodes, in the order in which they were decided


def plan(recipe: Recipe, snapshot: Snapshot, kinds: Kinds, asked: Asked = CONVERGE) -> Plan:
    """The steps that make the environment as it is declared.

    Raises Refusals when something that is there cannot serve, NotAuthorized for what no grant of this run opens.
    """
    return raised(*decide(recipe, snapshot, kinds, asked))


def decide(recipe: Recipe, snapshot: Snapshot, kinds: Kinds, asked: Asked) -> tuple[Plan, Errors]:
    """The steps for what can be decided; what cannot serve or be read has none, but its errors."""
    walk = _Walk(kinds, snapshot, view_of(recipe, snapshot, kinds, asked))
    for node in ordered(recipe.nodes):
        walk.decide(node)
    for orphan in sorted(snapshot.orphans, key=lambda one: -one.rank):
        walk.leave(orphan)
    sources = _sources(walk.view, walk.outputs)
    return finish(recipe, walk.steps, outputs=walk.outputs, sources=sources), walk.errors


def raised(made: Plan, errors: Errors) -> Plan:
    """The plan if there are no errors. Raises the one there is, or Refusals."""
    every = tuple(error for found in errors.values() for error in found)
    if every:
        raise every[0] if len(every) == 1 else Refusals(every)
    return made


def finish(
    recipe: Recipe,
    steps: Mapping[Address, Step],
    *,
    outputs: Mapping[Address, Mapping[str, Any]] | None = None,
    sources: Mapping[Address, tuple[Address, str]] | None = None,
) -> Plan:
    """The steps in an order in which they can be done, with their digest."""
    ranked = tuple(steps[address] for address in sort({a: step.after for a, step in steps.items()}))
    return Plan(
        environment=recipe.environment,
        steps=ranked,
        digest=digest(ranked),
        outputs=outputs or {},
        sources=sources or {},
    )


def limited(made: Plan, only: Iterable[Address]) -> Plan:
    """The plan without what the given addresses do not need. Raises UnknownReference for one it does not have."""
    needs = {step.address: step.after for step in made.steps}
    for address in only:
        if address not in needs:
            raise UnknownReference("--only", str(address), near=_nearest(str(address), map(str, needs)))
    wanted = closure(only, needs)
    steps = tuple(step for step in made.steps if step.address in wanted)
    return Plan(
        environment=made.environment, steps=steps, digest=digest(steps), outputs=made.outputs, sources=made.sources
    )


def _nearest(text: str, known: Iterable[str]) -> str:
    return next(iter(get_close_matches(text, list(known), n=1)), "")


def digest(steps: Iterable[Step]) -> str:
    """SHA-256 over addresses, actions, changed field names and observed versions; no value goes in."""
    lines = [
        [str(s.address), s.action.value, sorted(c.field for c in s.changes), s.observed.version if s.observed else ""]
        for s in steps
    ]
    return hashlib.sha256(json.dumps(sorted(lines)).encode()).hexdigest()


def view_of(recipe: Recipe, snapshot: Snapshot, kinds: Kinds, asked: Asked) -> View:
    """What kinds may know of each other: who holds a key of which credential, and who should."""
    key_references: dict[Address, tuple[HolderKey, ...]] = {}
    there = [(a, r.observed) for a, r in snapshot.readings.items() if r.observed is not None]
    there += [(orphan.address, orphan.observed) for orphan in snapshot.orphans]
    for address, observed in there:
        holder = kinds[address.kind].holder
        if holder is None:
            continue
        for credential, keys in holder.holds(observed).items():
            known = tuple(HolderKey(holder=address, key=key) for key in keys)
            key_references[credential] = key_references.get(credential, ()) + known
    return View(
        now=snapshot.now,
        environment_id=recipe.environment_id,
        asked=asked,
        key_references=key_references,
        consumers=consumers(recipe),
        unread=tuple(address for address, reading in snapshot.readings.items() if reading.error is not None),
    )


def consumers(recipe: Recipe) -> dict[Address, tuple[Address, ...]]:
    """By credential, the nodes that are to hold its value."""
    found: dict[Address, tuple[Address, ...]] = {}
    for node in recipe.nodes:
        for ref in refs(node.desired):
            if ref.secret:
                found[ref.address] = (*found.get(ref.address, ()), node.address)
    return found


def described(desired: Any) -> tuple[Change, ...]:
    """What a creation will set, field by field."""
    pairs = ((item.name, getattr(desired, item.name)) for item in fields(desired) if item.repr)
    return tuple(Change(field=name, after=shown(value)) for name, value in pairs if value not in (None, (), {}))


@dataclass
class _Walk:
    """The decisions made so far, in order of need."""

    kinds: Kinds
    snapshot: Snapshot
    view: View
    steps: dict[Address, Step] = field(default_factory=dict[Address, Step])
    needs: dict[Address, tuple[Address, ...]] = field(default_factory=dict[Address, tuple[Address, ...]])
    outputs: dict[Address, Mapping[str, Any]] = field(default_factory=dict[Address, Mapping[str, Any]])
    errors: dict[Address, tuple[Exception, ...]] = field(default_factory=dict[Address, tuple[Exception, ...]])

    def decide(self, node: Node) -> None:
        """Add the node's step."""
        reading = self.snapshot.readings[node.address]
        if any(address not in self.steps for address in self._read_through(node)):
            return  # what it stands on could not be read and no grant of this run opens it: that error tells
        waits_on = self._waits_on(node, reading)
        if waits_on:
            reason = f"cannot be read until {', '.join(waits_on)}; decided again after it"
            self._add(node, Action.DEFER, reason=reason, waits_on=waits_on)
        elif reading.error is not None:
            self._fail(node, reading.error)
        elif reading.observed is None:
            self._make(node, reading.retained)
        else:
            self._compare(node, reading.observed)

    def leave(self, orphan: Orphan) -> None:
        """Add the step for a managed resource that the spec no longer names, if there is something to do."""
        decision = orphan_action(orphan, self.kinds, self.view)
        if decision.action is not Action.KEEP:
            step = orphan_step(orphan, decision, self.snapshot)
            routine = self.kinds[orphan.address.kind].credential is not None
            self.steps[orphan.address] = replace(step, routine=routine)

    def _fail(self, node: Node, *errors: Exception) -> None:
        if errors:
            self.errors[node.address] = errors

    def _add(self, node: Node, action: Action, **more: Any) -> None:
        access = node.access
        after, read_by = node.all_needs(), node.read_by
        step = Step(address=node.address, action=action, after=after, access=access, read_by=read_by, **more)
        self.steps[node.address], self.needs[node.address] = step, after

    def _waits_on(self, node: Node, reading: Reading) -> tuple[str, ...]:
        """The grants that this run makes or waits for, which must stand before the node can be read; or nothing."""
        blocking = [self.steps[address] for address in self._read_through(node)]
        inherited = [wait for step in blocking if step.action is Action.DEFER for wait in step.waits_on]
        if not isinstance(reading.error, NotAuthorized):
            return tuple(dict.fromkeys(inherited))
        near = (self.steps[a] for a in closure(node.all_needs(), self.needs) if a in self.steps)
        opens = (Action.CREATE, Action.UPDATE)
        grants = [step.address for step in near if step.access and step.action in opens]
        return tuple(dict.fromkeys((*inherited, *map(str, sorted(grants)))))

    def _read_through(self, node: Node) -> tuple[Address, ...]:
        """What it is read by: the resources that its identity refers to, and its container."""
        asked = {ref.address for ref in identity_refs(node.desired)}
        return (*asked, *((node.container,) if node.container else ()))

    def _make(self, node: Node, retained: str) -> None:
        kind = self.kinds[node.address.kind]
        desired = resolve(node.desired, self.outputs)
        if kind.create is None:
            where = getattr(node.desired, "id", node.address.name)
            self._fail(node, Refused(str(node.address), f"{where} is not there", "Check its name in the spec"))
            return
        reason = f"it is not there; {retained}" if retained else "it is not there"
        self._add(node, Action.CREATE, changes=described(desired), reason=reason, desired=node.desired)

    def _compare(self, node: Node, observed: Observed) -> None:
        kind = self.kinds[node.address.kind]
        changes = tuple(kind.diff(resolve(node.desired, self.outputs), observed, self.view))
        self._fail(node, *(_refusal(node.address, one) for one in changes if one.forces is Forces.REFUSE))
        adopted = kind.container is not None and observed.managed_keys is None and not observed.owned
        action = Action.KEEP if adopted else _action(changes)
        kept = () if action is Action.KEEP else changes
        reason = "; ".join(dict.fromkeys(change.reason for change in kept if change.reason))
        note = "adopted: there before us, left as it is" if adopted else reason
        self._add(node, action, changes=kept, reason=note, desired=node.desired, observed=observed)
        if action not in (Action.REPLACE, Action.ROTATE):
            self.outputs[node.address] = kind.publish(observed, self.view).known()


def orphan_action(orphan: Orphan, kinds: Kinds, view: View) -> OrphanAction:
    """What becomes of a managed resource that the spec no longer names."""
    credential = kinds[orphan.address.kind].credential
    if credential is not None:
        return credential.orphan_action(orphan.observed, view)
    if view.intent is Intent.TEARDOWN:
        return OrphanAction(action=Action.DELETE, reason="ours")
    if orphan.kept:
        return OrphanAction(action=Action.KEEP, reason=orphan.kept)
    return OrphanAction(action=Action.DELETE, reason="the spec no longer names it")


def orphan_step(orphan: Orphan, decision: OrphanAction, snapshot: Snapshot) -> Step:
    """The step for an orphan: after those that were made later than it."""
    later = tuple(one.address for one in snapshot.orphans if one.rank > orphan.rank)
    until = (decision.until.isoformat(timespec="seconds"),) if decision.until else ()
    return Step(
        address=orphan.address,
        action=decision.action,
        reason=decision.reason,
        after=later,
        waits_on=until,
        dated=bool(until),
        soon=decision.soon,
        succeeded=decision.succeeded,
        observed=orphan.observed,
    )


def _refusal(address: Address, change: Change) -> PlanError:
    what = f"{change.field} is {change.before}" if change.before is not None else change.field
    wanted = f", not {change.after}" if change.after is not None else ""
    return Refused(str(address), f"{what}{wanted}", change.reason)


def _action(changes: tuple[Change, ...]) -> Action:
    forces = {change.forces for change in changes}
    for force, action in ((Forces.REPLACE, Action.REPLACE), (Forces.ROTATE, Action.ROTATE)):
        if force in forces:
            return action
    return Action.UPDATE if forces else Action.KEEP


def _sources(view: View, outputs: Mapping[Address, Mapping[str, Any]]) -> dict[Address, tuple[Address, str]]:
    """By credential, a holder from which its current value can be copied; by `NAME/KEYID`, the same for older keys."""
    found: dict[Address, tuple[Address, str]] = {}
    for credential, references in view.key_references.items():
        current = outputs.get(credential, {}).get("key_id")
        for one in references:
            if one.key.readable:
                key_id = one.key.key_id
                found.setdefault(Address(credential.kind, f"{credential.name}/{key_id}"), (one.holder, key_id))
                if key_id == current:
                    found.setdefault(credential, (one.holder, key_id))
    return found
