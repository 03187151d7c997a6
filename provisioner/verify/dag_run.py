"""One run of the DAG: triggered or joined, followed to its end, with its job in Flink."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from provisioner.errors import CloudError, NotFound, NotYetVisible, Refused, Throttled, Unexpected, Unreachable
from provisioner.render.dag import job_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.clients.airflow import DagRun, TaskRun
    from provisioner.model import FlinkJob
    from provisioner.render.dags import RenderedDag
    from provisioner.verify.deployed import DeployedEnvironment

PREFIX = "provisioner__"
LAST_LINES = 20
SERVER_ERROR = 500
ACTING = "submit_flink_example_job"  # the task of the templates' DAGs that does a run's action
ShowState = Callable[[str, str], None]


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """Which run to trigger or join, and how long to follow it.

    conf: the run's configuration. run_id: of a certain run, triggered if absent; by default a run that this tool
    triggered with this configuration and that is not over, else a new one. seconds: None does not follow it.
    """

    conf: Mapping[str, Any] = field(default_factory=dict[str, Any])
    run_id: str = ""
    seconds: float | None = None
    unpause: bool = False

    @property
    def acts(self) -> bool:
        """Whether the run does something to jobs that run, and begins none."""
        return "action" in self.conf


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """The run as it was seen last.

    joined: it existed before. failed: the task that failed, and log: its last lines, or those of the task that did the
    run's action. job_error: why the job could not be read.
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
    job_error: str = ""

    @property
    def output_location(self) -> str:
        """Where the job writes its result, from the `--output` of its arguments; empty if they have none."""
        words = shlex.split(self.job.args) if self.job and self.job.args else []
        pairs = zip(words, [*words, ""][1:], strict=True)
        values = (word.partition("=")[2] or after for word, after in pairs if word.partition("=")[0] == "--output")
        return next(values, "")


def run_dag(deployed: DeployedEnvironment, dag: RenderedDag, request: RunRequest, show_state: ShowState) -> RunResult:
    """Trigger a run or join one, and follow it. show_state: called with a run's or a task's id and its new state."""
    run_id, joined = _trigger_or_join(deployed, dag, request)
    show_state(run_id, "joined" if joined else "triggered")
    state = _get_run(deployed, dag, run_id).state
    result = RunResult(run_id=run_id, url=_page(deployed, dag, run_id), joined=joined, state=state)
    if request.seconds is None:
        return result
    follower = _Follower(deployed=deployed, dag=dag, run_id=run_id, show_state=show_state)
    timed_out = not follower.follow_to_end(request.seconds)
    failed = next((task for task in follower.tasks if task.state == "failed"), None)
    acted = next((task for task in follower.tasks if task.id == ACTING and request.acts and not timed_out), None)
    shown = failed or acted
    return replace(
        result if request.acts else _with_job(deployed, dag, result, request.conf),
        state=follower.state,
        timed_out=timed_out,
        tasks=follower.tasks,
        failed=failed.id if failed else "",
        log=_log(deployed, dag, run_id, shown) if shown else (),
    )


def _with_job(deployed: DeployedEnvironment, dag: RenderedDag, result: RunResult, conf: Mapping[str, Any]) -> RunResult:
    """The result with its job in Flink, or why that cannot be read: the run's own state does not depend on it."""
    if dag.job is None:
        return result
    name = job_name(dag.job, result.run_id)
    try:
        job = deployed.targets.flink.find_job(deployed.cloud, dag.job, result.run_id, conf)
    except CloudError as error:
        return replace(result, job_name=name, job_error=str(error))
    return replace(result, job_name=name, job=job)


def _trigger_or_join(deployed: DeployedEnvironment, dag: RenderedDag, request: RunRequest) -> tuple[str, bool]:
    """The id of the run, and whether it existed before."""
    airflow, dag_id = deployed.airflow, dag.id
    _unpause_or_refuse(deployed, dag, unpause=request.unpause)
    if request.run_id:
        exists = airflow.find_run(dag_id, request.run_id) is not None
        return request.run_id, exists or not airflow.create_run(dag_id, request.run_id, request.conf)
    pattern = re.compile(rf"{PREFIX}\d+__{_digest(request.conf)}__(\d+)")
    under_way = next((run.id for run in airflow.unfinished_runs(dag_id) if pattern.fullmatch(run.id)), "")
    run_id = under_way or _next_or_joined_run_id(deployed, dag, request.conf, pattern)
    return run_id, bool(under_way) or not airflow.create_run(dag_id, run_id, request.conf)


def _unpause_or_refuse(deployed: DeployedEnvironment, dag: RenderedDag, *, unpause: bool) -> None:
    """Unpause the DAG if that is asked for. Raises Refused if it is absent, or paused and not to be unpaused."""
    airflow, dag_id = deployed.airflow, dag.id
    found = airflow.find_dag(dag_id)
    if found is None:
        raise Refused(
            dag_id, "Airflow has no such DAG", "Correct its id in the spec, or `provisioner provision` it first"
        )
    if found.paused and unpause:
        airflow.set_paused(dag_id, paused=False)
    elif found.paused:
        remedy = f"Switch it on in Airflow ({airflow.url}) or add `--unpause` (make: ARGS=--unpause)"
        raise Refused(dag_id, "the DAG is paused, so a run would stay queued", remedy)


def _next_or_joined_run_id(
    deployed: DeployedEnvironment, dag: RenderedDag, conf: Mapping[str, Any], pattern: re.Pattern[str]
) -> str:
    """The day, the configuration's digest and the run's number on that day, so that two callers at once get the same.

    A run that somebody triggered since the list of runs under way was read is joined: its id, then.
    """
    today = deployed.cloud.session.clock.decision_time().replace(hour=0, minute=0, second=0, microsecond=0)
    day = f"{PREFIX}{today:%Y%m%d}__"
    since = deployed.airflow.runs_since(dag.id, today)
    runs = {int(match[1]): run for run in since if run.id.startswith(day) and (match := pattern.fullmatch(run.id))}
    last = max(runs, default=0)
    number = last if runs and not runs[last].over else last + 1
    return f"{day}{_digest(conf)}__{number}"


def _digest(conf: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(conf, sort_keys=True).encode()).hexdigest()[:8]


def _get_run(deployed: DeployedEnvironment, dag: RenderedDag, run_id: str) -> DagRun:
    run = deployed.airflow.find_run(dag.id, run_id)
    if run is None:
        raise NotFound(operation=f"GET Airflow run {run_id}", status=404, remedy="Somebody deleted it; run it again.")
    return run


def _page(deployed: DeployedEnvironment, dag: RenderedDag, run_id: str) -> str:
    """The run's page in Airflow's web interface."""
    dags = f"{deployed.airflow.url}/dags/{dag.id}"
    return f"{dags}/runs/{run_id}" if deployed.airflow.since_3 else f"{dags}/grid?dag_run_id={run_id}"


def _log(deployed: DeployedEnvironment, dag: RenderedDag, run_id: str, task: TaskRun) -> tuple[str, ...]:
    """The last lines of a task's log; if it cannot be read, a line with the reason, so that no failure is hidden."""
    try:
        return deployed.airflow.log(dag.id, run_id, task)[-LAST_LINES:]
    except (NotFound, Unexpected, Unreachable) as error:
        return (f"its log cannot be had: {error}",)


@dataclass(kw_only=True)
class _Follower:
    """The states of a run and its tasks as they were seen last, and those that were shown."""

    deployed: DeployedEnvironment
    dag: RenderedDag
    run_id: str
    show_state: ShowState
    state: str = ""
    tasks: tuple[TaskRun, ...] = ()
    shown: dict[str, str] = field(default_factory=dict[str, str])

    def follow_to_end(self, seconds: float) -> bool:
        """Follow the run until its end or the deadline. Returns whether it has ended."""
        operation = f"the end of {self.run_id}"
        try:
            self.deployed.cloud.session.waits.until(self._poll, deadline_seconds=seconds, what=operation)
        except NotYetVisible as late:
            if late.operation != operation:
                raise
            return False
        return True

    def _poll(self) -> bool:
        """Whether the run is over. A web server that restarts meanwhile is asked again until the deadline."""
        try:
            run = _get_run(self.deployed, self.dag, self.run_id)
            tasks = self.deployed.airflow.tasks(self.dag.id, self.run_id)
        except (Throttled, Unreachable) as error:
            self._show_new("Airflow", f"does not answer, asking again: {error.message}")
            return False
        except Unexpected as error:
            if error.status < SERVER_ERROR:
                raise
            self._show_new("Airflow", f"answers {error.status}, asking again")
            return False
        self.state, self.tasks = run.state, tasks
        self._show_new(self.run_id, run.state)
        for task in tasks:
            self._show_new(task.id if task.map_index < 0 else f"{task.id}[{task.map_index}]", task.state)
        return run.over

    def _show_new(self, name: str, state: str) -> None:
        if state and self.shown.get(name) != state:
            self.shown[name] = state
            self.show_state(name, state)
