"""One run of the DAG: asked for or joined, followed to its end, with what its job came to."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from provisioner.errors import CloudError, NotFound, NotYetVisible, Refused, Throttled, Unexpected, Unreachable
from provisioner.spec.rendering import job_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.clients.airflow import DagRun, TaskRun
    from provisioner.cloud.clients.flink_jobs import FlinkJob
    from provisioner.verify.deployed import Links

PREFIX = "provisioner__"
LAST_LINES = 20
SERVER_ERROR = 500
Tell = Callable[[str, str], None]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked for.

    conf: the run's configuration. run_id: of a certain run, made if absent; by default a run of ours with this
    configuration that is under way, else a new one. seconds: how long it is followed; None: not at all.
    """

    conf: Mapping[str, Any] = field(default_factory=dict[str, Any])
    run_id: str = ""
    seconds: float | None = None
    unpause: bool = False


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What became of it.

    joined: it was under way already. failed: the task that broke it, and its last lines. job_untold: why the job could
    not be asked for.
    """

    run_id: str
    url: str
    joined: bool
    state: str
    timed_out: bool = False
    tasks: tuple[TaskRun, ...] = ()
    failed: str = ""
    log: tuple[str, ...] = ()
    job_name: str = ""
    job: FlinkJob | None = None
    job_untold: str = ""

    @property
    def result(self) -> str:
        """Where the job's result lies, as its arguments say; empty if they name no place."""
        words = shlex.split(self.job.args) if self.job and self.job.args else []
        pairs = zip(words, [*words, ""][1:], strict=True)
        named = (word.partition("=")[2] or after for word, after in pairs if word.partition("=")[0] == "--output")
        return next(named, "")


def run_dag(links: Links, wanted: Wanted, tell: Tell) -> Ran:
    """Ask for a run or join one, follow it. tell: what (the run's id or a task's) and its new state."""
    run_id, joined = _begun(links, wanted)
    tell(run_id, "joined" if joined else "triggered")
    begun = Ran(run_id=run_id, url=_page(links, run_id), joined=joined, state=_found(links, run_id).state)
    if wanted.seconds is None:
        return begun
    following = _Following(links=links, run_id=run_id, tell=tell)
    timed_out = not following.to_the_end(wanted.seconds)
    failed = next((task for task in following.tasks if task.state == "failed"), None)
    return replace(
        _with_job(links, begun, wanted.conf),
        state=following.state,
        timed_out=timed_out,
        tasks=following.tasks,
        failed=failed.id if failed else "",
        log=_log(links, run_id, failed) if failed else (),
    )


def _with_job(links: Links, ran: Ran, conf: Mapping[str, Any]) -> Ran:
    """With its job, as far as the cluster tells: what became of the run does not depend on that."""
    name = job_name(links.environment, ran.run_id)
    try:
        job = links.targets.flink.find_job(links.cloud, name, conf)
    except CloudError as error:
        return replace(ran, job_name=name, job_untold=str(error))
    return replace(ran, job_name=name, job=job)


def _begun(links: Links, wanted: Wanted) -> tuple[str, bool]:
    """The id of the run, and whether it was there."""
    airflow, dag_id = links.airflow, links.environment.dag.id
    dag = airflow.find_dag(dag_id)
    if dag is None:
        raise Refused(dag_id, "Airflow has no such DAG", "Correct `dag.id`, or `provisioner provision` it first")
    if dag.paused and wanted.unpause:
        airflow.unpause(dag_id)
    elif dag.paused:
        remedy = f"Switch it on in Airflow ({airflow.url}) or add `--unpause` (make: ARGS=--unpause)"
        raise Refused(dag_id, "the DAG is paused, so a run would stay queued", remedy)
    if wanted.run_id:
        there = airflow.find_run(dag_id, wanted.run_id) is not None
        return wanted.run_id, there or not airflow.create_run(dag_id, wanted.run_id, wanted.conf)
    ours = re.compile(rf"{PREFIX}\d+__{_digest(wanted.conf)}__(\d+)")
    under_way = next((run.id for run in airflow.runs_under_way(dag_id) if ours.fullmatch(run.id)), "")
    run_id = under_way or _next_id(links, wanted.conf, ours)
    return run_id, bool(under_way) or not airflow.create_run(dag_id, run_id, wanted.conf)


def _next_id(links: Links, conf: Mapping[str, Any], ours: re.Pattern[str]) -> str:
    """The day, the configuration's digest, and which run of that day: two who ask at once ask for the same one.

    One that somebody began since it was looked for is under way: its id, then.
    """
    today = links.cloud.session.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    day = f"{PREFIX}{today:%Y%m%d}__"
    found = links.airflow.runs_since(links.environment.dag.id, today)
    runs = {int(named[1]): run for run in found if run.id.startswith(day) and (named := ours.fullmatch(run.id))}
    last = max(runs, default=0)
    number = last if runs and not runs[last].over else last + 1
    return f"{day}{_digest(conf)}__{number}"


def _digest(conf: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(conf, sort_keys=True).encode()).hexdigest()[:8]


def _found(links: Links, run_id: str) -> DagRun:
    found = links.airflow.find_run(links.environment.dag.id, run_id)
    if found is None:
        raise NotFound(operation=f"GET Airflow run {run_id}", status=404, remedy="Somebody deleted it; run it again.")
    return found


def _page(links: Links, run_id: str) -> str:
    """The run in Airflow's web interface."""
    dags = f"{links.airflow.url}/dags/{links.environment.dag.id}"
    return f"{dags}/runs/{run_id}" if links.airflow.since_3 else f"{dags}/grid?dag_run_id={run_id}"


def _log(links: Links, run_id: str, task: TaskRun) -> tuple[str, ...]:
    """The last lines of a task; a log that cannot be had is told as such, and hides no failure."""
    try:
        return links.airflow.log(links.environment.dag.id, run_id, task)[-LAST_LINES:]
    except (NotFound, Unexpected, Unreachable) as error:
        return (f"its log cannot be had: {error}",)


@dataclass(kw_only=True)
class _Following:
    """What was seen of a run so far."""

    links: Links
    run_id: str
    tell: Tell
    state: str = ""
    tasks: tuple[TaskRun, ...] = ()
    told: dict[str, str] = field(default_factory=dict[str, str])

    def to_the_end(self, seconds: float) -> bool:
        """Whether it ended in that time."""
        what = f"the end of {self.run_id}"
        try:
            self.links.cloud.session.waits.until(self._look, deadline_seconds=seconds, what=what)
        except NotYetVisible as late:
            if late.operation != what:
                raise
            return False
        return True

    def _look(self) -> bool:
        """Whether it is over. A web server that restarts meanwhile is asked again until the deadline."""
        try:
            run = _found(self.links, self.run_id)
            tasks = self.links.airflow.tasks(self.links.environment.dag.id, self.run_id)
        except (Throttled, Unreachable) as error:
            self._news("Airflow", f"does not answer, asking again: {error.message}")
            return False
        except Unexpected as error:
            if error.status < SERVER_ERROR:
                raise
            self._news("Airflow", f"answers {error.status}, asking again")
            return False
        self.state, self.tasks = run.state, tasks
        self._news(self.run_id, run.state)
        for task in tasks:
            self._news(task.id if task.map_index < 0 else f"{task.id}[{task.map_index}]", task.state)
        return run.over

    def _news(self, what: str, state: str) -> None:
        if state and self.told.get(what) != state:
            self.told[what] = state
            self.tell(what, state)
