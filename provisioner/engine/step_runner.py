"""Runs one step of a plan: write, read back, prove where the kind can. Steps may run in parallel, one per thread.

In one file: a step's write, its reading back and its proof are one sequence.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from provisioner.cloud.error_table import Handling, handling_of
from provisioner.engine.order import closure
from provisioner.engine.usage import probe_holder_usages
from provisioner.engine.vanished import require_containers
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
    from provisioner.errors import CloudError
    from provisioner.kind import Kind
    from provisioner.secret import Secret

Kinds = Mapping[str, "Kind[Any, Any]"]
CONTAINER_GONE = "its container has just been removed"


@dataclass
class StepRunner:
    """Runs the steps of one plan.

    deadline_seconds: how long a write may take to become visible and be proven. outputs: what finished steps have
    published. key_ids: for the journal, the keys that a step created, replaced, published or removed. read_back: also
    what was created. made: what this run has created so far, in other plans too.
    """

    cloud: Cloud
    kinds: Kinds
    plan: Plan
    view: View
    deadline_seconds: float
    outputs: dict[Address, Mapping[str, Any]] = field(default_factory=dict[Address, Mapping[str, Any]])
    key_ids: dict[Address, dict[str, str]] = field(default_factory=dict[Address, dict[str, str]])
    read_back: bool = True
    made: set[Address] = field(default_factory=set[Address])

    def __post_init__(self) -> None:
        self.outputs.update(self.plan.outputs)

    @cached_property
    def _steps(self) -> dict[Address, Step]:
        return {step.address: step for step in self.plan.steps}

    def run(self, step: Step, *, new_access: bool) -> str:
        """Run one step. Returns a note if the write could not be verified. Raises ProvisionerError.

        It is repeated while it is refused for lack of what this run has just made: new_access, which it has granted the
        caller, or a resource that not every replica knows yet.
        https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected
        """
        notes: list[str] = []
        early: list[CloudError] = []

        def is_done() -> bool:
            try:
                notes.append(self._run_once(step))
            except NotAuthorized as denied:
                if not new_access:
                    raise
                early[:] = [denied]
            except NotFound as missing:
                self._require_containers(step)
                if not self._was_made(step, missing):
                    raise
                early[:] = [missing]
            return bool(notes)

        self._wait_until_or_deadline(
            is_done, f"Azure to know what this run has just {'granted' if new_access else 'created'}"
        )
        if not notes:
            raise early[0]
        if step.action is Action.CREATE:
            self.made.add(step.address)
        return notes[0]

    def _was_made(self, step: Step, missing: NotFound) -> bool:
        """Whether what the step misses may be something that it needs and that this run has made."""
        if handling_of(missing) is not Handling.WAIT_IF_CREATED:
            return False
        needs = {one.address: one.after for one in self.plan.steps}
        return not self.made.isdisjoint(closure([step.address], needs))

    def _require_containers(self, step: Step) -> None:
        if self.view.intent is not Intent.TEARDOWN:  # what another teardown has removed is no loss
            require_containers(self.cloud, self.kinds, self.plan, step, self.outputs)

    def _run_once(self, step: Step) -> str:
        kind = self.kinds[step.address.kind]
        unknown_reason = self._await_successor_in_use(step) if step.successor_in_use else ""
        if step.action in (Action.DELETE, Action.REPLACE) and kind.delete and step.observed is not None:
            self._note_keys(step, removed=getattr(step.observed, "key_id", None) if kind.credential else None)
            old = self._secret_to_delete(step, kind)
            kind.delete(self.cloud, step.observed)
            self._await_secret_stops_working(step, kind, old)
        if step.action is Action.DELETE:
            return unknown_reason
        desired = resolve(step.desired, {**self.outputs, **self._secrets_from_holders(step.desired)})
        try:
            return self._write_and_verify(kind, step, desired)
        except NotFound:
            if self._teardown_took_container(kind, desired):
                return CONTAINER_GONE
            raise

    def _write_and_verify(self, kind: Kind[Any, Any], step: Step, desired: Any) -> str:
        """Write the resource, read it back and prove that it can be used. Returns a note if that cannot be proven."""
        created = self._write(kind, step, desired)
        values = created.known() if created else {}
        if kind.credential and created:
            replaced = next((change.before for change in step.changes if change.field == "key_id"), None)
            self._note_keys(step, key_id=values.get("key_id"), replaced=replaced)
        if step.action is Action.CREATE and not self.read_back:
            return ""
        observed = self._read_back_and_rewrite_contested(kind, step, desired)
        for keys in kind.holder.holds(observed).values() if kind.holder else ():
            self._note_keys(step, published=next((one.key_id for one in keys if one.current), None))
        self.outputs[step.address] = {**kind.publish(observed, None).known(), **values}
        return self._prove(kind, step, desired, observed, created or Published())

    def _teardown_took_container(self, kind: Kind[Any, Any], desired: Any) -> bool:
        """Whether this is a teardown and the teardown of another environment has removed the container meanwhile."""
        if self.view.intent is not Intent.TEARDOWN:
            return False
        try:
            kind.read(self.cloud, desired)
        except NotFound:
            return True
        return False

    def _read(self, kind: Kind[Any, Any], step: Step, desired: Any) -> Observed | None:
        """The resource as it is now. Raises NotFound if its container is gone, to end all waiting."""
        try:
            found = kind.read(self.cloud, desired)
        except NotFound:
            if self.view.intent is Intent.TEARDOWN:
                raise
            found = None
        if found is None:
            self._require_containers(step)
        return found

    def _note_keys(self, step: Step, **key_ids: str | None) -> None:
        """Note for the journal which keys this step concerns."""
        known = {name: key_id for name, key_id in key_ids.items() if key_id}
        self.key_ids[step.address] = {**self.key_ids.get(step.address, {}), **known}

    def _await_successor_in_use(self, step: Step) -> str:
        """Wait until the key's readers use its successor. Returns why that is unknown for some, else an empty text."""
        last: dict[Address, Usage] = {}

        def in_use() -> bool:
            for holder, usage in probe_holder_usages(self.cloud, self.kinds, self.plan, self.view, step.address):
                if not (
                    usage.unknown_reason and holder in last and last[holder].awaited_from
                ):  # one lost response is no evidence
                    last[holder] = usage
            return not any(usage.awaited_from for usage in last.values())

        self._wait_until_or_deadline(in_use, f"the successor of {step.address} to be in use")
        for holder, usage in last.items():
            if usage.awaited_from:
                key, seconds = str(step.address), self.deadline_seconds
                raise NotInUse(key=key, holder=str(holder), awaited_from=usage.awaited_from, seconds=seconds)
        unknown_reasons = (
            f"{holder} by its dates: {usage.unknown_reason}" for holder, usage in last.items() if usage.unknown_reason
        )
        return "; ".join(unknown_reasons)

    def _secret_to_delete(self, step: Step, kind: Kind[Any, Any]) -> Secret | None:
        """The text of a key to be deleted, if a holder still has it: only with it can its end be proven."""
        if kind.proofs.deleted is None or step.address not in self.plan.sources:
            return None
        return self._reveal(*self.plan.sources[step.address])

    def _await_secret_stops_working(self, step: Step, kind: Kind[Any, Any], old_secret: Secret | None) -> None:
        deleted, observed = kind.proofs.deleted, step.observed
        if deleted is None or old_secret is None:
            return
        self._wait_until_or_deadline(
            lambda: deleted(self.cloud, observed, old_secret), "the removed key to stop working"
        )
        if not deleted(self.cloud, observed, old_secret):
            raise Unexpected(operation=f"proving the end of {step.address}", message="it was removed but still works")

    def _reveal(self, address: Address, key_id: str) -> Secret | None:
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

    def _secrets_from_holders(self, desired: Any) -> dict[Address, Mapping[str, Any]]:
        """Secrets that this step writes and that no step of this run created: read from their holders."""
        copied: dict[Address, Mapping[str, Any]] = {}
        for ref in refs(resolve(desired, self.outputs)):
            if ref.secret and ref.address in self.plan.sources:
                value = self._reveal(*self.plan.sources[ref.address])
                if value is not None:
                    copied[ref.address] = {**self.outputs.get(ref.address, {}), ref.output: value}
        return copied

    def _read_back_and_rewrite_contested(self, kind: Kind[Any, Any], step: Step, desired: Any) -> Observed:
        """Read the resource until it shows what was written. A change that is contested is written again.

        Raises Unexpected at the deadline.
        """
        last: list[tuple[Observed | None, tuple[Change, ...]]] = []

        def agrees() -> bool:
            observed = self._read(kind, step, desired)
            changes = () if observed is None or kind.credential else tuple(kind.diff(desired, observed, self.view))
            last[:] = [(observed, tuple(c for c in changes if c.forces is not Forces.REFUSE))]
            if kind.update and observed is not None and any(change.contested for change in last[0][1]):
                kind.update(self.cloud, desired, observed)
            return observed is not None and not last[0][1]

        self._wait_until_or_deadline(agrees, "Azure to show what was written")
        observed, changes = last[0]
        if observed is None or changes:
            differing = ", ".join(change.field for change in changes) or "the whole resource"
            raise Unexpected(
                operation=f"reading {step.address} back", message=f"Azure does not show what was written: {differing}"
            )
        return observed

    def _prove(self, kind: Kind[Any, Any], step: Step, desired: Any, observed: Observed, created: Published) -> str:
        prove, proofs = kind.proofs.written, list[Proof | Unproven]([Proof.NOT_YET])
        if prove is None:
            return ""

        def usable() -> bool:
            proofs[:] = [prove(self.cloud, desired, observed, created, self._find_reader(step))]
            if proofs[0] is Proof.NOT_YET and self._teardown_took_container(kind, desired):
                proofs[:] = [Unproven(why=CONTAINER_GONE)]
            return proofs[0] is not Proof.NOT_YET and not getattr(proofs[0], "error", None)

        self._wait_until_or_deadline(usable, "proof that it can be used")
        (proof,) = proofs
        if isinstance(proof, Unproven):
            if proof.error is not None:
                raise proof.error
            return proof.why
        if proof is Proof.NOT_YET:
            raise Unexpected(
                operation=f"proving {step.address}", message=f"not usable after {self.deadline_seconds:.0f} s"
            )
        return "" if proof is Proof.USABLE else proof.value

    def _find_reader(self, step: Step) -> ReadBy | None:
        """Who reads the step's resource, with the secret that its holder hands out now; None if it hands out none."""
        reader = step.read_by
        holder_step = self._steps.get(reader.holder) if reader is not None else None
        if reader is None or holder_step is None or holder_step.desired is None:
            return None
        kind: Kind[Any, Any] = self.kinds[holder_step.address.kind]
        client_id, replaced = resolve(reader.client_id, self.outputs), holder_step.action is not Action.KEEP
        known = replace(reader, client_id=client_id, replaced=replaced)
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

    def _wait_until_or_deadline(self, is_done: Callable[[], bool], what: str) -> None:
        """Wait until the check holds or the deadline has passed; the caller finds out which."""
        with suppress(NotYetVisible):
            self.cloud.session.waits.until(is_done, deadline_seconds=self.deadline_seconds, what=what)
