"""Where a change came from, by a note that each provision leaves in the lock container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.cloud.lease import DECLARED
from provisioner.engine import provenance
from provisioner.kinds.lock_container import ObservedLockContainer
from provisioner.recipe.containers import LOCK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provisioner.cloud.lease import Lease
    from provisioner.commands.run import Run
    from provisioner.model import Outcome, Plan, Snapshot


def with_origins(run: Run, planned: Plan, snapshot: Snapshot) -> Plan:
    """The plan, which says of each step whether Azure or the file has changed, as far as that is known."""
    return provenance.with_origins(planned, run.recipe, _metadata(snapshot).get(DECLARED, ""))


def note_declared(run: Run, lease: Lease | None, snapshot: Snapshot, outcomes: Iterable[Outcome]) -> None:
    """Note what is as declared after this run, for the plans to come."""
    before = _metadata(snapshot).get(DECLARED, "")
    note = provenance.note_after_run(before, run.recipe, outcomes)
    if note != before and lease is not None:
        lease.try_note(DECLARED, note)


def _metadata(snapshot: Snapshot) -> Mapping[str, str]:
    lock = snapshot.readings[LOCK].observed
    return lock.metadata if isinstance(lock, ObservedLockContainer) else {}
