"""Decides what was declared and what was read → steps, each with its reason. Pure; it cannot import the cloud.

`plan_provision` makes Azure match the spec; `engine.teardown` removes what is owned. Both end in `ordered_plan`.

In one file: one decision procedure, whose parts share the same state.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from provisioner.engine.order import closure, ordered, sort
from provisioner.engine.released_access import LEFT, NEXT_WRITE
from provisioner.engine.written import secrets_in
from provisioner.errors import NotAuthorized, PlanError, Refusals, Refused
from provisioner.kind import changes_of_creation
from provisioner.model import (
    CONVERGE,
    Action,
    Address,
    Change,
    Forces,
    HolderKey,
    Intent,
    Node,
    Observed,
    Origin,
    Orphan,
    OrphanAction,
    Plan,
    Reading,
    Recipe,
    Request,
    Snapshot,
    Step,
    View,
    identity_refs,
    resolve,
)
from provisioner.secret import HIDDEN

if TYPE_CHECKING:
    from provisioner.kind import Kind

Kinds = Mapping[str, "Kind[Any, Any]"]
Errors = Mapping[Address, tuple[Exception, ...]]  # of nodes, in the order in which they were decided


def plan_provision(recipe: Recipe, snapshot: Snapshot, kinds: Kinds, request: Request = CONVERGE) -> Plan:
    """The steps that make the environment as it is declared.

    Raises Refused or Refusals if an existing resource cannot be used, NotAuthorized if a resource cannot be read and no
    grant of this run will change that.
    """
    return plan_or_raise(*decide(recipe, snapshot, kinds, request))


def decide(recipe: Recipe, snapshot: Snapshot, kinds: Kinds, request: Request) -> tuple[Plan, Errors]:
    """The steps for everything that can be decided, and the errors of the nodes that have no step."""
    decisions = _Decisions(kinds, snapshot, view_of(recipe, snapshot, kinds, request))
    for node in ordered(recipe.nodes):
        decisions.decide(node)
    for orphan in sorted(snapshot.orphans, key=lambda one: -one.rank):
        decisions.decide_orphan(orphan)
    sources = _sources(decisions.view, decisions.outputs)
    plan = ordered_plan(recipe.environment, decisions.steps, outputs=decisions.outputs, sources=sources)
    return plan, decisions.errors


def plan_or_raise(decided: Plan, errors: Errors) -> Plan:
    """The plan. Raises the error if there is one, Refusals if there are several."""
    every = tuple(error for found in errors.values() for error in found)
    if every:
        raise every[0] if len(every) == 1 else Refusals(every)
    return decided


def ordered_plan(
    environment: str,
    steps: Mapping[Address, Step],
    *,
    outputs: Mapping[Address, Mapping[str, Any]] | None = None,
    sources: Mapping[Address, tuple[Address, str]] | None = None,
) -> Plan:
    """A plan with the steps in an order in which they can be done, and their digest."""
    ranked = tuple(steps[address] for address in sort({a: step.after for a, step in steps.items()}))
    return Plan(
        environment=environment,
        steps=ranked,
        digest=digest(ranked),
        outputs=outputs or {},
        sources=sources or {},
    )


def digest(steps: Iterable[Step]) -> str:
    """SHA-256 over addresses, actions, changed field names and observed versions; no value goes in."""
    lines = [
        [str(s.address), s.action.value, sorted(c.field for c in s.changes), s.observed.version if s.observed else ""]
        for s in steps
    ]
    return hashlib.sha256(json.dumps(sorted(lines)).encode()).hexdigest()


def view_of(recipe: Recipe, snapshot: Snapshot, kinds: Kinds, request: Request) -> View:
    """What kinds may know of each other: which holder has which key of which credential, and which should."""
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
        request=request,
        key_references=key_references,
        declared_holders=declared_holders(recipe),
        unread=tuple(address for address, reading in snapshot.readings.items() if reading.error is not None),
        unusable_keys=snapshot.unusable_keys,
    )


def declared_holders(recipe: Recipe) -> dict[Address, tuple[Address, ...]]:
    """By credential, the nodes that are to have its value."""
    found: dict[Address, tuple[Address, ...]] = {}
    for node in recipe.nodes:
        for ref in node.refs:
            if ref.secret:
                found[ref.address] = (*found.get(ref.address, ()), node.address)
    return found


@dataclass
class _Decisions:
    """The decisions made so far, dependencies first."""

    kinds: Kinds
    snapshot: Snapshot
    view: View
    steps: dict[Address, Step] = field(default_factory=dict[Address, Step])
    needs: dict[Address, tuple[Address, ...]] = field(default_factory=dict[Address, tuple[Address, ...]])
    outputs: dict[Address, Mapping[str, Any]] = field(default_factory=dict[Address, Mapping[str, Any]])
    errors: dict[Address, tuple[Exception, ...]] = field(default_factory=dict[Address, tuple[Exception, ...]])

    def decide(self, node: Node) -> None:
        """Add the node's step and, where it stays, its outputs; or its errors.

        Add nothing if something that it is read through has no step.
        """
        reading = self.snapshot.readings[node.address]
        if any(address not in self.steps for address in self._needed_to_read(node)):
            return  # its dependency could not be read and no grant of this run changes that: that error is reported
        waits_on = self._waits_on(node, reading)
        if waits_on:
            reason = f"cannot be read until {', '.join(waits_on)}; decided again after that"
            self._add(node, Action.DEFER, reason=reason, waits_on=waits_on)
        elif reading.error is not None:
            self._record_errors(node, reading.error)
        elif reading.observed is None:
            self._add_create_step(node, reading.retained)
        else:
            self._add_step_by_diff(node, reading.observed)

    def decide_orphan(self, orphan: Orphan) -> None:
        """Add the step for a managed resource that the spec no longer names, if there is something to do."""
        decision = orphan_action(orphan, self.kinds, self.view)
        if decision.action is not Action.KEEP:
            step = orphan_step(orphan, decision, self.snapshot)
            if waits := [wait for one in decision.unread if one in self.steps for wait in self.steps[one].waits_on]:
                step = replace(step, waits_on=tuple(dict.fromkeys(waits)))
            access = any(one.access and address.kind == orphan.address.kind for address, one in self.steps.items())
            self.steps[orphan.address] = replace(
                step,
                after=(*step.after, *self._access_for(orphan.address.kind)),
                reason=LEFT if access else step.reason,
                routine=access or self.kinds[orphan.address.kind].credential is not None,
                access=access,
            )

    def _access_for(self, kind: str) -> tuple[Address, ...]:
        """The grants that resources of a kind are written with."""
        needed = {need for address, needs in self.needs.items() if address.kind == kind for need in needs}
        return tuple(sorted(address for address, step in self.steps.items() if step.access and address in needed))

    def _record_errors(self, node: Node, *errors: Exception) -> None:
        if errors:
            self.errors[node.address] = errors

    def _add(self, node: Node, action: Action, **more: Any) -> None:
        after = node.all_needs
        self.steps[node.address] = Step(
            address=node.address,
            action=action,
            after=after,
            access=node.access,
            released=node.released,
            read_by=node.read_by,
            **more,
        )
        self.needs[node.address] = after

    def _waits_on(self, node: Node, reading: Reading) -> tuple[str, ...]:
        """The grants that this run creates or waits for and that must exist before the node can be read."""
        blocking = [self.steps[address] for address in self._needed_to_read(node)]
        inherited = [wait for step in blocking if step.action is Action.DEFER for wait in step.waits_on]
        if not isinstance(reading.error, NotAuthorized):
            return tuple(dict.fromkeys(inherited))
        near = (self.steps[a] for a in closure(node.all_needs, self.needs) if a in self.steps)
        grants = [s.address for s in near if s.access and s.action in (Action.CREATE, Action.UPDATE)]
        return tuple(dict.fromkeys((*inherited, *map(str, sorted(grants)))))

    def _needed_to_read(self, node: Node) -> tuple[Address, ...]:
        """What must be known to read the node: the resources that its identity refers to, and its container."""
        request = {ref.address for ref in identity_refs(node.desired)}
        return (*request, *((node.container,) if node.container else ()))

    def _add_create_step(self, node: Node, retained: str) -> None:
        """Add the step that creates the node, or an error for a kind that only looks up."""
        kind = self.kinds[node.address.kind]
        desired = resolve(node.desired, self.outputs)
        if kind.create is None:
            where = getattr(node.desired, "id", node.address.name)
            self._record_errors(
                node, Refused(str(node.address), f"{where} does not exist", "Check its name in the spec")
            )
            return
        reason = f"it does not exist; {retained}" if retained else NEXT_WRITE if node.released else "it does not exist"
        self._add(node, Action.CREATE, changes=changes_of_creation(desired), reason=reason, desired=node.desired)

    def _add_step_by_diff(self, node: Node, observed: Observed) -> None:
        """Add the step that its changes require, refusals as errors, and the outputs that stay."""
        kind = self.kinds[node.address.kind]
        taken, before = (), self.view.request.predecessor
        if before and self.view.request.takes_over and observed.owner == before:
            reason = "taken over from that environment"
            taken = (Change(field="owner", before=before, after=self.view.environment_id, reason=reason),)
            observed = replace(observed, owned=True)
        changes = (*kind.diff(resolve(node.desired, self.outputs), observed, self.view), *taken)
        changes = tuple(self._masked(change) for change in changes)
        self._record_errors(node, *(_refusal(node.address, one) for one in changes if one.forces is Forces.REFUSE))
        adopted = kind.container is not None and observed.managed_keys is None and not observed.owned
        action = Action.KEEP if adopted else _strongest_action(changes)
        if node.released and observed.owned and action is Action.KEEP:
            self._add(node, Action.DELETE, reason=LEFT, routine=True, desired=node.desired, observed=observed)
            return
        kept = () if action is Action.KEEP else changes
        reason = "; ".join(dict.fromkeys(change.reason for change in kept if change.reason))
        note = "adopted: it existed before, so it is left as it is" if adopted else reason or observed.note
        self._add(node, action, changes=kept, reason=note, desired=node.desired, observed=observed)
        if action not in (Action.REPLACE, Action.ROTATE):
            self.outputs[node.address] = kind.publish(observed, self.view).known()

    def _masked(self, change: Change) -> Change:
        """The change without any of the environment's secrets in the text that it shows."""
        if not change.diff:
            return change
        shown = change.diff
        for reading in self.snapshot.readings.values():
            for text in secrets_in(reading.node.desired):
                shown = shown.replace(text, HIDDEN) if text else shown
        return replace(change, diff=shown)


def orphan_action(orphan: Orphan, kinds: Kinds, view: View) -> OrphanAction:
    """What to do with a managed resource that the spec no longer names."""
    if orphan.kept and view.intent is not Intent.TEARDOWN:
        return OrphanAction(action=Action.KEEP, reason=orphan.kept)
    credential = kinds[orphan.address.kind].credential
    if credential is not None:
        return credential.orphan_action(orphan.observed, view)
    if view.intent is Intent.TEARDOWN:
        return OrphanAction(action=Action.DELETE, reason="owned")
    if orphan.described is None:
        return OrphanAction(action=Action.DELETE, reason="the spec no longer names it")
    why = orphan.described.lost or "the spec no longer names it"
    return OrphanAction(action=Action.DELETE, reason=f"{orphan.described.label}: {why}")


def orphan_step(orphan: Orphan, decision: OrphanAction, snapshot: Snapshot) -> Step:
    """The step for an orphan. It comes after the steps of orphans that were created later."""
    later = tuple(one.address for one in snapshot.orphans if one.rank > orphan.rank)
    until = (decision.until.isoformat(timespec="seconds"),) if decision.until else ()
    return Step(
        address=orphan.address,
        action=decision.action,
        reason=decision.reason,
        after=later,
        waits_on=until,
        dated=bool(until),
        wait_in_run=decision.wait_in_run,
        successor_in_use=decision.successor_in_use,
        unconfirmed=decision.unconfirmed,
        observed=orphan.observed,
        origin=Origin.AZURE if orphan.described and orphan.described.lost else None,
    )


def _refusal(address: Address, change: Change) -> PlanError:
    what = f"{change.field} is {change.before}" if change.before is not None else change.field
    needed = f", not {change.after}" if change.after is not None else ""
    return Refused(str(address), f"{what}{needed}", change.reason)


def _strongest_action(changes: tuple[Change, ...]) -> Action:
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
