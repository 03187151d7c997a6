"""Hand the work of one environment's Airflow over to another's: schedules, runs under way, jobs without end.

No run is lost and none is run twice. A DAG is paused in a moment without runs under way, since in a paused DAG Airflow
takes no run to its next task. Whatever was due since then has its run in the new Airflow before that is started.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from provisioner.errors import CloudError, NotFound, Refused
from provisioner.recipe.containers import lock_name
from provisioner.spec.cron import moment_before, moments

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.cloud.clients.airflow import DagRun
    from provisioner.commands.run import Run
    from provisioner.render.dags import RenderedDag
    from provisioner.spec.jobs import DeclaredJob

NOTE = "migration"  # in the metadata of the old environment's lock container
MIGRATION_RUN_ID = "provisioner__migration"
LATE = timedelta(hours=1)  # Airflow's scheduler makes a run this long after it was due at the latest
GRACE = timedelta(minutes=10)  # for a run to end after its timeout
SECOND = timedelta(seconds=1)
STOP = "or add `--stop`, which cancels it and begins it anew"
STATE = (
    "Give the job `upgrade: savepoint` and the same folder `savepoints` in both files, where the new one runs Flink "
    f"behind its REST API; {STOP}"
)


@dataclass(frozen=True, kw_only=True)
class Note:
    """That a migration is past the way back. to: the new environment's id; since: when the first DAG was to be paused.

    paused: the jobs whose DAGs somebody had paused before; endless: the jobs without end that ran; handed_over: the
    new environment does the work, so the old one's Airflow may be gone.
    """

    to: str
    since: datetime
    paused: tuple[str, ...]
    endless: tuple[str, ...]
    handed_over: bool = False

    def text(self) -> str:
        """As it is kept: JSON in ASCII."""
        return json.dumps([self.to, self.since.isoformat(), self.paused, self.endless, self.handed_over])


def find_note(old: Run, new: Run) -> Note | None:
    """The note of a migration under way. Raises Refused if it leads to another environment."""
    container = old.cloud.storage_accounts.find_container(old.environment.account_id, _lock(old))
    text = container.metadata.get(NOTE) if container else None
    if not text:
        return None
    to, since, paused, endless, handed_over = json.loads(text)
    if to != new.recipe.environment_id:
        what = f"it is being migrated to the environment {to}"
        raise Refused(old.environment.name, what, "Run that migration to its end first")
    moment = datetime.fromisoformat(since)
    return Note(to=to, since=moment, paused=tuple(paused), endless=tuple(endless), handed_over=handed_over)


@dataclass(frozen=True, kw_only=True)
class Handover:
    """Both environments, under their leases. stop: jobs whose state cannot be handed over are cancelled."""

    old: Run
    new: Run
    stop: bool
    tell: Callable[[str], None]

    def require_feasible(self) -> None:
        """Raise Refused for what would keep the work from being handed over; before anything is written."""
        for run in (self.old, self.new):
            host = run.deployed.targets.airflow
            if host.unaskable:
                raise Refused(run.environment.name, host.unaskable, "Its Airflow has to be asked for a migration")
        endless = self._list_running_endless()
        for dag in self._dags(self.old):
            self._require_dag_feasible(dag, {job.name for job in endless})
        for job in () if self.stop else endless:
            self._refuse_lost_state(job)

    def _refuse_lost_state(self, job: DeclaredJob) -> None:
        """Raise Refused unless the new DAG finds the savepoint of this job."""
        if not self._keeps_state(job):
            raise Refused(job.name, "it runs without end, and its state cannot be handed over", STATE)
        folder = f"{job.spec.upgrade_state_folder}/{job.prefix}"
        for one in self.old.deployed.targets.flink.running(self.old.cloud, job):
            if one.savepoints not in ("", folder):
                what = f"its savepoints go to {one.savepoints}, and the new one looks for them in {folder}"
                raise Refused(job.name, what, f"Run its DAG, so that it has what its file says; {STOP}")

    def _require_dag_feasible(self, dag: RenderedDag, endless_names: set[str]) -> None:
        airflow, schedule = self.old.deployed.airflow, dag.job.dag.schedule if dag.job else None
        found = airflow.find_dag(dag.id)
        if found and found.paused and (airflow.unfinished_runs(dag.id) or (dag.job and dag.job.name in endless_names)):
            what = "it is paused with runs under way or a job without end, which would not go on"
            raise Refused(dag.id, what, "Unpause it in Airflow, or end them")
        if found and schedule:
            last = moment_before(schedule, self.old.cloud.session.clock.decision_time())
            dues = [run.due for run in airflow.runs_since(dag.id, moment_before(schedule, last)) if run.due]
            if any(moments(schedule, due - SECOND, due) != (due,) for due in dues):
                what = f"its runs are not due when its schedule {schedule} is in UTC"
                raise Refused(dag.id, what, "Give its DAG a start_date in UTC, and no timetable of its own")

    def describe_work_under_way(self) -> tuple[str, ...]:
        """What is under way in the old environment, and what becomes of it: a line for each run and job without end."""
        airflow, lines = self.old.deployed.airflow, list[str]()
        if unaskable := self.old.deployed.targets.airflow.unaskable:
            return (f"whether DAG runs are under way is not known: {unaskable}",)
        try:
            for dag in self._dags(self.old):
                under_way = airflow.unfinished_runs(dag.id) if airflow.find_dag(dag.id) else ()
                lines += (f"the run {run.id} of {dag.id} is under way, and waited for" for run in under_way)
            for job in self._list_running_endless():
                end = "is stopped with a savepoint" if self._keeps_state(job) else "is cancelled if you add --stop"
                lines.append(f"the job {job.name} runs without end, and {'is cancelled' if self.stop else end}")
        except CloudError as error:
            lines.append(f"what else is under way is not known: {error}")
        return tuple(lines)

    def pass_point_of_no_return(self) -> Note:
        """Note that there is no way back from here. Raises Refused if a new DAG runs already."""
        for dag in self._dags(self.new):
            found = self.new.deployed.airflow.find_dag(dag.id)
            if found and not found.paused and dag.job and dag.job.dag.schedule:
                what = "it is not paused, so it runs beside the old one"
                raise Refused(dag.id, what, f"Pause it in Airflow ({self.new.deployed.airflow.url})")
        airflow = self.old.deployed.airflow
        paused = (dag for dag in self._dags(self.old) if (found := airflow.find_dag(dag.id)) and found.paused)
        note = Note(
            to=self.new.recipe.environment_id,
            since=self.old.cloud.session.clock.recording_time(),
            paused=tuple(dag.job.name for dag in paused if dag.job),
            endless=tuple(job.name for job in self._list_running_endless()),
        )
        self._write(note)
        return note

    def hand_over(self, note: Note) -> None:
        """Job by job, unless that is done: pause the old DAG, end the old job without end, start the new ones."""
        if note.handed_over:
            return
        endless = {job.name: job for job in self._list_running_endless()}
        new = {dag.job.name: dag for dag in self._dags(self.new) if dag.job}
        for dag in self._dags(self.old):
            self._pause(dag, note)
            name = dag.job.name if dag.job else ""
            if name in endless:
                self._stop_old_job(endless[name])
            if name in new:
                self._start(new[name], note)
        for dag in self._dags(self.new):  # also those that the old environment does not have
            self._start(dag, note)
        for name in note.endless:
            if name in new:
                self._await_endless_job_started(new[name])
        self._write(replace(note, handed_over=True))

    def _write(self, note: Note) -> None:
        """Write the note until it is read back."""
        from provisioner.cloud.lease import Lease

        lease = self.old.cloud.session.lease
        accounts, where = self.old.cloud.storage_accounts, (self.old.environment.account_id, _lock(self.old))

        def written() -> bool:
            container = accounts.find_container(*where)
            if container is not None and container.metadata.get(NOTE) == note.text():
                return True
            if isinstance(lease, Lease):
                lease.try_note(NOTE, note.text())
            return False

        self.old.cloud.session.waits.until(written, what="the note of the migration to show")

    @staticmethod
    def _dags(run: Run) -> tuple[RenderedDag, ...]:
        """The DAGs of jobs and people's own, without those whose id cannot be read, and without the probe DAG."""
        dags = run.deployed.targets.dags
        return tuple(dag for dag in dags if dag.id and dag.id != run.environment.probe_id)

    def _list_running_endless(self) -> tuple[DeclaredJob, ...]:
        """The old jobs without end that run now."""
        old = self.old
        jobs = (job for job in old.environment.all_jobs if job.spec.until == "running")
        return tuple(job for job in jobs if old.deployed.targets.flink.running(old.cloud, job))

    def _keeps_state(self, job: DeclaredJob) -> bool:
        """Whether the new DAG finds the savepoint with which the old job is stopped."""
        found = next((one for one in self.new.environment.all_jobs if one.name == job.name), None)
        old, new = (run.deployed.targets.flink for run in (self.old, self.new))
        if found is None or old.stop is None or not new.takes_over:
            return False
        states = {(one.spec.upgrade, one.spec.upgrade_state_folder, one.prefix) for one in (job, found)}
        return len(states) == 1 and job.spec.upgrade == "savepoint"

    def _pause(self, dag: RenderedDag, note: Note) -> None:
        """Pause an old DAG in a moment without runs under way. One that somebody had paused is left."""
        airflow, waits = self.old.deployed.airflow, self.old.cloud.session.waits
        if (dag.job and dag.job.name in note.paused) or airflow.find_dag(dag.id) is None:
            return
        self.tell(f"pausing {dag.id} of {self.old.environment.name} once no run of it is under way")

        def is_paused() -> bool:
            under_way = bool(airflow.unfinished_runs(dag.id))
            found = airflow.find_dag(dag.id)
            if found is not None and found.paused == under_way:  # a run that began meanwhile has to go on to its end
                airflow.set_paused(dag.id, paused=not under_way)
            return found is not None and found.paused and not under_way

        seconds = ((dag.job.dag.timeout if dag.job else timedelta()) + GRACE).total_seconds()
        waits.until(is_paused, what=f"the runs of {dag.id} to end", deadline_seconds=seconds)

    def _stop_old_job(self, job: DeclaredJob) -> None:
        """Stop a job without end: with a savepoint that the new DAG finds, else for good."""
        flink, cloud = self.old.deployed.targets.flink, self.old.cloud
        for one in flink.running(cloud, job):
            if self._keeps_state(job) and flink.stop is not None:
                self.tell(f"stopping {job.name} with a savepoint")
                flink.stop(cloud, job, one)
            elif self.stop:
                self.tell(f"cancelling {job.name}")
                flink.cancel(cloud, one)
            else:
                raise Refused(job.name, "it runs without end, and its state cannot be handed over", STATE)
        waits = cloud.session.waits
        waits.until(partial(_none, flink.running, cloud, job), what=f"{job.name} to end")

    def _start(self, dag: RenderedDag, note: Note) -> None:
        """Start a new DAG, unless somebody had paused the old one; before that, runs for all that was due meanwhile."""
        airflow, name = self.new.deployed.airflow, dag.job.name if dag.job else ""
        if name and name in note.paused:
            self.tell(f"{dag.id} stays paused, as it was in {self.old.environment.name}")
            return
        found = airflow.find_dag(dag.id)
        if found is None:
            raise NotFound(operation=f"GET Airflow dags/{dag.id}", status=404, remedy="Run the command again.")
        if found.paused:
            self.tell(f"starting {dag.id} of {self.new.environment.name}")
            self._make_due_runs(dag, note)
            airflow.set_paused(dag.id, paused=False)
        if name in note.endless:
            airflow.create_run(dag.id, MIGRATION_RUN_ID, {})

    def _await_endless_job_started(self, dag: RenderedDag) -> None:
        """Wait until a new job without end runs. Raises Refused if its DAG failed."""
        airflow, waits = self.new.deployed.airflow, self.new.cloud.session.waits
        runs: list[DagRun] = []

        def is_over() -> bool:
            runs[:] = filter(None, [airflow.find_run(dag.id, MIGRATION_RUN_ID)])
            return not runs or runs[0].over

        seconds = ((dag.job.dag.timeout if dag.job else timedelta()) + GRACE).total_seconds()
        waits.until(is_over, what=f"the first run of {dag.id}", deadline_seconds=seconds)
        if runs and runs[0].failed:
            what = f"its run {MIGRATION_RUN_ID} has failed, so the job without end does not run"
            raise Refused(dag.id, what, f"Clear it in Airflow ({airflow.url}) and run the command again")

    def _make_due_runs(self, dag: RenderedDag, note: Note) -> None:
        """A run for each moment since the note; one that is over where the old DAG ran, and for the last before.

        Without those, Airflow would run the last moment once more. Its clock may be ahead of this run's.
        """
        schedule = dag.job.dag.schedule if dag.job else None
        before = next(
            (one for one in self._dags(self.old) if one.job and dag.job and one.job.name == dag.job.name), None
        )
        if schedule is None or before is None or before.job is None or before.job.dag.schedule is None:
            return
        last = moment_before(schedule, note.since)
        done = moment_before(schedule, last)
        ran = {run.due for run in self.old.deployed.airflow.runs_since(before.id, done) if run.due}
        if note.since - last > LATE:
            ran.add(last)
        while due := moments(schedule, done, max({self.new.cloud.session.clock.recording_time(), *ran})):
            for moment in due:
                interval = (moment_before(schedule, moment), moment)
                self.new.deployed.airflow.ensure_due_run(dag.id, moment, interval, ran_elsewhere=moment in ran)
            done = due[-1]


def _none(running: Callable[..., object], *arguments: object) -> bool:
    return not running(*arguments)


def _lock(run: Run) -> str:
    return lock_name(run.recipe.environment_id)
