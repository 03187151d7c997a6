"""What one step does: write, read back, and prove where its kind can. Steps may be done at once, each in its thread."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from provisioner.engine.usage import usages
from provisioner.errors import NotAuthorized, NotFound, NotInUse, NotYetVisible, Unexpected
from provisioner.model import (
    Action,
    Address,
    Change,
    Forces,
    Intent,
    Observed,
    Plan,
    Proof,
    Published,
    ReadBy,
    Step,
    Unproven,
    Usage,
    View,
    refs,
    resolve,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.cloud.cloud import Cloud
    from provisioner.kind import Kind
    from provisioner.secret import Secret

Kinds = Mapping[str, "Kind[Any, Any]"]
DISPLACED = "what it stands in has just been removed"


@dataclass
class Doer:
    """Of one plan.

    deadline_seconds: how long a write may take to be seen and proven. outputs: what done steps have published.
    key_ids: for the journal, which keys a step was about.
    """

    cloud: Cloud
    kinds: Kinds
    plan: Plan
    view: View
    deadline_seconds: float
    outputs: dict[Address, Mapping[str, Any]] = field(default_factory=dict[Address, Mapping[str, Any]])
    key_ids: dict[Address, dict[str, str]] = field(default_factory=dict[Address, dict[str, str]])

    def __post_init__(self) -> None:
        self.outputs.update(self.plan.outputs)

    @cached_property
    def _steps(self) -> dict[Address, Step]:
        return {step.address: step for step in self.plan.steps}

    def do(self, step: Step, *, let_in: bool) -> str:
        """The step; what of it could not be proven, and why. Raises ProvisionerError.

        let_in: this very run let the caller in, so again while some front end does not know of it yet.
        https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected
        """
        if not let_in:
            return self._do(step)
        notes: list[str] = []
        denials: list[NotAuthorized] = []

        def admitted() -> bool:
            try:
                notes.append(self._do(step))
            except NotAuthorized as denied:
                denials[:] = [denied]
            return bool(notes)

        self._wait(admitted, "the caller's new access to take effect")
        if not notes:
            raise denials[0]
        return notes[0]

    def _do(self, step: Step) -> str:
        kind = self.kinds[step.address.kind]
        untold = self._succeeded(step) if step.succeeded else ""
        if step.action in (Action.DELETE, Action.REPLACE) and kind.delete and step.observed is not None:
            self._note(step, removed=getattr(step.observed, "key_id", None) if kind.credential else None)
            old = self._old_text(step, kind)
            kind.delete(self.cloud, step.observed)
            self._dead(step, kind, old)
        if step.action is Action.DELETE:
            return untold
        desired = resolve(step.desired, {**self.outputs, **self._copied(step.desired)})
        try:
            return self._set(kind, step, desired)
        except NotFound:
            if self._displaced(kind, desired):
                return DISPLACED
            raise

    def _set(self, kind: Kind[Any, Any], step: Step, desired: Any) -> str:
        """Write it, read it back, prove it."""
        made = self._write(kind, step, desired)
        values = made.known() if made else {}
        if kind.credential and made:
            replaced = next((change.before for change in step.changes if change.field == "key_id"), None)
            self._note(step, key_id=values.get("key_id"), replaced=replaced)
        observed = self._read_back(kind, step, desired)
        for keys in kind.holder.holds(observed).values() if kind.holder else ():
            self._note(step, published=next((one.key_id for one in keys if one.current), None))
        self.outputs[step.address] = {**kind.publish(observed, None).known(), **values}
        return self._proven(kind, step, desired, observed, made or Published())

    def _displaced(self, kind: Kind[Any, Any], desired: Any) -> bool:
        """Whether this is a teardown, and another environment's has removed meanwhile what the resource stands in."""
        if self.view.intent is not Intent.TEARDOWN:
            return False
        try:
            kind.read(self.cloud, desired)
        except NotFound:
            return True
        return False

    def _read(self, kind: Kind[Any, Any], desired: Any) -> Observed | None:
        """As it is now. Raises NotFound in a teardown if what it stands in is gone: then nothing is waited for."""
        try:
            return kind.read(self.cloud, desired)
        except NotFound:
            if self.view.intent is Intent.TEARDOWN:
                raise
            return None

    def _note(self, step: Step, **key_ids: str | None) -> None:
        """For the journal: which key this step is about."""
        known = {name: key_id for name, key_id in key_ids.items() if key_id}
        self.key_ids[step.address] = {**self.key_ids.get(step.address, {}), **known}

    def _succeeded(self, step: Step) -> str:
        """Once the readers of the key's successor use it; why that is not known where nobody can tell."""
        last: dict[Address, Usage] = {}

        def shown() -> bool:
            for holder, usage in usages(self.cloud, self.kinds, self.plan, self.view, step.address):
                if not (usage.untold and holder in last and last[holder].asked):  # one lost answer is no answer
                    last[holder] = usage
            return not any(usage.asked for usage in last.values())

        self._wait(shown, f"the use of what replaces {step.address}")
        for holder, usage in last.items():
            if usage.asked:
                key, seconds = str(step.address), self.deadline_seconds
                raise NotInUse(key=key, place=str(holder), asked=usage.asked, seconds=seconds)
        untold = (f"{holder} by its dates: {usage.untold}" for holder, usage in last.items() if usage.untold)
        return "; ".join(untold)

    def _old_text(self, step: Step, kind: Kind[Any, Any]) -> Secret | None:
        """The text of a credential that goes, where a holder still has it: only with it can its end be proven."""
        if kind.proofs.deleted is None or step.address not in self.plan.sources:
            return None
        return self._revealed(*self.plan.sources[step.address])

    def _dead(self, step: Step, kind: Kind[Any, Any], old: Secret | None) -> None:
        deleted, observed = kind.proofs.deleted, step.observed
        if deleted is None or old is None:
            return
        self._wait(lambda: deleted(self.cloud, observed, old), "the removed key to stop working")
        if not deleted(self.cloud, observed, old):
            raise Unexpected(operation=f"proving the end of {step.address}", message="it was removed and still works")

    def _revealed(self, address: Address, key_id: str) -> Secret | None:
        holder = self.kinds[address.kind].holder
        observed = self._steps[address].observed if address in self._steps else None
        return holder.reveal(self.cloud, observed, key_id) if holder and observed is not None else None

    def _write(self, kind: Kind[Any, Any], step: Step, desired: Any) -> Published | None:
        if step.action is Action.UPDATE and kind.update:
            return kind.update(self.cloud, desired, step.observed)
        if step.action is Action.ROTATE and kind.credential:
            return kind.credential.rotate(self.cloud, desired, step.observed, self.view)
        if step.action in (Action.CREATE, Action.REPLACE) and kind.create:
            return kind.create(self.cloud, desired)
        raise Unexpected(
            operation=f"{step.action} {step.address}", remedy=f"{step.address.kind} cannot be {step.action}d."
        )

    def _copied(self, desired: Any) -> dict[Address, Mapping[str, Any]]:
        """Credentials that this step writes and that no step of this run made: read from their holders."""
        copied: dict[Address, Mapping[str, Any]] = {}
        for ref in refs(resolve(desired, self.outputs)):
            if ref.secret and ref.address in self.plan.sources:
                value = self._revealed(*self.plan.sources[ref.address])
                if value is not None:
                    copied[ref.address] = {**self.outputs.get(ref.address, {}), ref.output: value}
        return copied

    def _read_back(self, kind: Kind[Any, Any], step: Step, desired: Any) -> Observed:
        """The second reading, once it shows what was written."""
        last: list[tuple[Observed | None, tuple[Change, ...]]] = []

        def agrees() -> bool:
            observed = self._read(kind, desired)
            changes = () if observed is None or kind.credential else tuple(kind.diff(desired, observed, self.view))
            last[:] = [(observed, tuple(c for c in changes if c.forces is not Forces.REFUSE))]
            if kind.update and observed is not None and any(change.contested for change in last[0][1]):
                kind.update(self.cloud, desired, observed)
            return observed is not None and not last[0][1]

        self._wait(agrees, "Azure to show what was written")
        observed, changes = last[0]
        if observed is None or changes:
            differing = ", ".join(change.field for change in changes) or "all of it"
            raise Unexpected(operation=f"reading {step.address} back", message=f"still not as written: {differing}")
        return observed

    def _proven(self, kind: Kind[Any, Any], step: Step, desired: Any, observed: Observed, made: Published) -> str:
        prove, proofs = kind.proofs.written, list[Proof | Unproven]([Proof.NOT_YET])
        if prove is None:
            return ""

        def usable() -> bool:
            proofs[:] = [prove(self.cloud, desired, observed, made, self._reader(step))]
            if proofs[0] is Proof.NOT_YET and self._displaced(kind, desired):
                proofs[:] = [Unproven(why=DISPLACED)]
            return proofs[0] is not Proof.NOT_YET and not getattr(proofs[0], "error", None)

        self._wait(usable, "proof that it can be used")
        (proof,) = proofs
        if isinstance(proof, Unproven):
            if proof.error is not None:
                raise proof.error
            return proof.why
        if proof is Proof.NOT_YET:
            raise Unexpected(
                operation=f"proving {step.address}", message=f"not usable in {self.deadline_seconds:.0f} s"
            )
        return "" if proof is Proof.USABLE else proof.value

    def _reader(self, step: Step) -> ReadBy | None:
        """Who reads the step's resource, with what their holder hands out now; None where it hands out nothing yet."""
        reader = step.read_by
        holder_step = self._steps.get(reader.holder) if reader is not None else None
        if reader is None or holder_step is None or holder_step.desired is None:
            return None
        kind: Kind[Any, Any] = self.kinds[holder_step.address.kind]
        known = replace(reader, client_id=resolve(reader.client_id, self.outputs))
        try:
            observed = kind.read(self.cloud, resolve(holder_step.desired, self.outputs))
        except NotAuthorized:
            return known  # who may not read the holder cannot sign in as its reader
        if observed is None or kind.holder is None:
            return None
        current = next((one for one in kind.holder.holds(observed).get(reader.credential, ()) if one.current), None)
        if current is None:
            return known if holder_step.remains else None
        if not current.readable:
            return known
        return replace(known, secret=kind.holder.reveal(self.cloud, observed, current.key_id))

    def _wait(self, check: Callable[[], bool], what: str) -> None:
        """Until it is so or the deadline has passed; the caller looks which."""
        with suppress(NotYetVisible):
            self.cloud.session.waits.until(check, deadline_seconds=self.deadline_seconds, what=what)
