"""Move an environment to another file: provision the new one beside the old one, hand its work over, remove the old.

Nothing is kept but in Azure: owner tags say whose a resource is, Airflow which DAGs are paused, and a note on the old
environment's lock container that its DAGs are being paused. So a run that died is finished by running it again.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from provisioner.commands.handover import Handover, Note, find_note
from provisioner.commands.leased_passes import create_up_to_lock_container, holding_lease
from provisioner.commands.observing import read_after_other_runs
from provisioner.commands.reading import await_dags_parsed, verify
from provisioner.commands.writing import provision, teardown
from provisioner.engine.examine import examine
from provisioner.engine.observe import observe
from provisioner.engine.plan import ordered_plan
from provisioner.engine.teardown import plan_teardown
from provisioner.errors import Refused
from provisioner.kind import OWNER_TAG
from provisioner.kinds.application import RegisteredApplication
from provisioner.model import Action, Plan, Snapshot
from provisioner.recipe.containers import lock_name
from provisioner.verify.rollout import ROLLOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from provisioner.commands.run import Report, Run
    from provisioner.model import Address

OWNER = "owner"  # the field of a change by which a resource is taken over


@dataclass(frozen=True, kw_only=True)
class Migration:
    """Two environments. stop: jobs whose state cannot be handed over are cancelled. tell: called with each phase."""

    old: Run
    new: Run
    stop: bool = False
    tell: Callable[[str], None] = field(default=lambda _phase: None)


@dataclass(frozen=True, kw_only=True)
class MigrationPlan:
    """What a migration would do. new: of the new environment; taken over are those with a change of the owner.

    old: what is removed of the old one at the end. note: of a migration under way, once the old DAGs are being paused.
    work: what runs in the old one, and what becomes of it, for people.
    """

    new: Plan
    old: Plan
    note: Note | None
    snapshot: Snapshot
    work: tuple[str, ...] = ()

    @property
    def whole(self) -> Plan:
        """Both as one plan, for people to agree to."""
        steps = (*self.new.steps, *(step for step in self.old.steps if step.action is not Action.KEEP))
        return replace(self.new, environment=f"{self.old.environment} to {self.new.environment}", steps=steps)

    @property
    def pending(self) -> bool:
        """Whether anything is to be done."""
        return self.new.pending or any(step.pending for step in self.old.steps)


def plan_migration(migration: Migration) -> MigrationPlan:
    """Plan what `migrate` would do now, the removal as if all that is taken over were. Raises Refused, Refusals."""
    old, new = migration.old, _new_run_taking_over(migration)
    _require_two_ids(migration)

    def read() -> tuple[Plan, Snapshot]:
        return examine(new.cloud, new.recipe, new.kinds, new.request)

    planned, snapshot = read_after_other_runs(new, read, wait=False)
    _require_own_applications(migration, snapshot)
    taken = {step.address for step in planned.steps if any(change.field == OWNER for change in step.changes)}
    removal = _plan_removal(old, taken)
    note = find_note(old, new)
    has_work = _stands(old) and not (note and note.handed_over)
    work = (
        Handover(old=old, new=new, stop=migration.stop, tell=migration.tell).describe_work_under_way()
        if has_work
        else ()
    )
    return MigrationPlan(new=planned, old=removal, note=note, snapshot=snapshot, work=work)


def migrate(migration: Migration) -> tuple[Report, ...]:
    """Do it, or go on with it. Returns the report of each phase that writes; the last one may have failed."""
    planned = plan_migration(migration)
    if not planned.pending:
        return ()
    old, new = migration.old, migration.new
    stands = _stands(old)
    if not stands and not _stands(new):
        raise Refused(old.environment.name, "it does not stand", f"Run `provisioner provision {new.environment.name}`")
    handover = Handover(old=old, new=new, stop=migration.stop, tell=migration.tell)
    if stands and planned.note is None:
        handover.require_feasible()
    for line in planned.work:
        migration.tell(line)
    new.confirm(planned.whole)
    migration = replace(migration, old=_without_confirmation(old), new=_without_confirmation(new))
    handover = replace(handover, old=migration.old, new=migration.new)
    create_up_to_lock_container(migration.new, planned.snapshot)
    with _holding_both(migration, stands=stands):
        return tuple(_run_phases(migration, handover, planned, old_stands=stands))


def undo_migration(migration: Migration) -> Report:
    """Remove what the new environment has of its own. Raises Refused once the old one's DAGs are being paused."""
    old, new = migration.old, migration.new
    _require_two_ids(migration)
    _require_way_back(migration)
    stands = _stands(new)
    with ExitStack() as leases:

        def confirm(planned: Plan) -> None:
            new.confirm(planned)  # nobody else is kept waiting while a person reads it
            for run in _by_lock(old, new):
                leases.enter_context(holding_lease(run, exists=stands or run is old))
            _require_way_back(migration)

        return teardown(replace(new, confirm=confirm))


def _require_way_back(migration: Migration) -> None:
    """Raise Refused if the old environment is not as it was before the migration."""
    old = migration.old
    if not _stands(old):
        raise Refused(old.environment.name, "it does not stand any more", _remedy_to_go_back(migration))
    if find_note(old, migration.new) is not None:
        wrong = "its DAGs are paused already, so there is only the way on"
        raise Refused(old.environment.name, wrong, _remedy_to_go_back(migration))


def _remedy_to_go_back(migration: Migration) -> str:
    old, new = migration.old.environment.name, migration.new.environment.name
    return f"Run `provisioner migrate {old} {new}` to its end; `provisioner migrate {new} {old}` then goes back"


def _run_phases(
    migration: Migration, handover: Handover, planned: MigrationPlan, *, old_stands: bool
) -> Generator[Report]:
    """Each phase that is left. Another one begins only where the one before it went well."""
    old, new, tell = migration.old, migration.new, migration.tell
    if old_stands:
        note = planned.note
        if note is None:
            tell(f"provisioning {new.environment.name} beside {old.environment.name}, its schedules paused")
            report = provision(_new_run_beside_old(migration))
            yield report
            if report.failed or report.interrupted:
                return
            tell(f"verifying {new.environment.name}")
            _verify_or_refuse(migration, report)
            note = handover.pass_point_of_no_return()
        if not note.handed_over:
            old.cloud.session.note_write()  # the note itself, and every DAG that is paused and job that is stopped
        handover.hand_over(note)
    tell(f"taking over what both declare from {old.environment.name}")
    report = provision(_new_run_taking_over(migration))
    yield report
    if report.failed or report.interrupted:
        return
    tell(f"removing what only {old.environment.name} declares")
    yield teardown(old)


def _verify_or_refuse(migration: Migration, report: Report) -> None:
    """Raise Refused unless the new environment works, as far as that shows without a job.

    That Airflow does not tell its versions, or settings, stops nothing; that its workers do not report theirs does.
    """
    new, name = migration.new, migration.new.environment.name
    undo = (
        f"`provisioner migrate {migration.old.environment.name} {name} --undo` goes back: nothing of the old is changed"
    )
    paused = _new_run_beside_old(migration)
    unparsed = await_dags_parsed(paused, report)
    if unparsed is not None:
        raise Refused(name, str(unparsed), undo)
    platform = paused.deployed.targets.airflow.platform(new.cloud)
    if platform.drift:
        deploy = f"Deploy what `provisioner render {name} --format` prints for your platform, and run the command again"
        raise Refused(name, platform.drift, f"{deploy}. {undo}")
    checks = verify(paused)
    failed = [one for one in checks if one.state == "failed" or (one.name == ROLLOUT and one.state != "ok")]
    wrong = [f"{check.name}: {check.detail}" for check in failed]
    if wrong:
        raise Refused(name, "; ".join(wrong), f"Correct that and run the command again. {undo}")


def _plan_removal(old: Run, taken: set[Address]) -> Plan:
    """What a teardown of the old environment would do once these are the new one's."""
    snapshot = observe(old.cloud, old.recipe, old.kinds, teardown=True)
    readings = {
        address: replace(reading, observed=replace(reading.observed, owned=False))
        if address in taken and reading.observed is not None
        else reading
        for address, reading in snapshot.readings.items()
    }
    planned = plan_teardown(old.recipe, replace(snapshot, readings=readings), old.kinds)
    left = {step.address: step for step in planned.steps if step.address not in taken}
    after = {address: tuple(one for one in step.after if one in left) for address, step in left.items()}
    steps = {address: replace(step, after=after[address]) for address, step in left.items()}
    return ordered_plan(old.recipe.environment, steps)


def _require_two_ids(migration: Migration) -> None:
    old, new = migration.old, migration.new
    if old.recipe.environment_id == new.recipe.environment_id:
        what = f"both files have the id {new.recipe.environment_id}"
        raise Refused(new.environment.name, what, "Leave `id` out of the new file")


def _require_own_applications(migration: Migration, snapshot: Snapshot) -> None:
    """Raise Refused if the new file adopts an application of the old one, since that one is removed with it."""
    tag = f"{OWNER_TAG}={migration.old.recipe.environment_id}"
    for address, reading in snapshot.readings.items():
        adopted = reading.observed
        if isinstance(adopted, RegisteredApplication) and tag in adopted.tags:
            what = f"it is {migration.old.environment.name}'s own, and removed with it"
            raise Refused(str(address), what, "Leave `client_id` out of the new file, so that it gets one of its own")


def _new_run_beside_old(migration: Migration) -> Run:
    """The new environment while the old one works: its schedules are paused, and a file of both is the old one's."""
    return replace(migration.new, predecessor=migration.old.recipe.environment_id, dags_paused=True)


def _new_run_taking_over(migration: Migration) -> Run:
    return replace(migration.new, predecessor=migration.old.recipe.environment_id, takes_over=True)


def _without_confirmation(run: Run) -> Run:
    """The run, whose plan somebody has agreed to already."""

    def agreed(_plan: Plan) -> None:
        return

    return replace(run, confirm=agreed)


def _stands(run: Run) -> bool:
    """Whether the environment has a lock container. Raises CloudError.

    It is made before all but group and account, and removed last.
    """
    container = lock_name(run.recipe.environment_id)
    return run.cloud.storage_accounts.find_container(run.environment.account_id, container) is not None


def _by_lock(*runs: Run) -> list[Run]:
    """In the order in which every migration takes leases, so that two of them cannot wait for each other."""
    return sorted(runs, key=lambda run: lock_name(run.recipe.environment_id))


@contextmanager
def _holding_both(migration: Migration, *, stands: bool) -> Generator[None]:
    with ExitStack() as leases:
        for run in _by_lock(migration.old, migration.new):
            leases.enter_context(holding_lease(run, exists=stands or run is migration.new))
        yield
