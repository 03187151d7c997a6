"""Finds out by runs of the probe DAG whether Airflow's workers use the key that is published to them.

There is one run for each publication of a key, as the same key may come back. A worker waits in it until it has the key
and reads a variable with it; when the run has ended, the key is in use.
The DAG is templates/dags/parts/key_probe.py.j2. And reads in the newest report of that DAG whether the workers of an
Airflow that somebody runs have the rendered settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.errors import (
    CloudError,
    Conflict,
    NotAuthorized,
    NotFound,
    NotYetVisible,
    Throttled,
    Unexpected,
    Unreachable,
)
from provisioner.model import Platform, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from provisioner.cloud.clients.airflow import Airflow, DagRun, TaskReport
    from provisioner.cloud.cloud import Cloud
    from provisioner.model import AirflowApi
    from provisioner.parsed_dag import ExpectedDag

TASK = "has_key"  # of the probe DAG
NO_REPORT = "no run of the probe DAG has reported what workers run with; `provisioner verify` starts one"
RUNS = 3  # that may fail before a person must look
# If Airflow cannot be asked, the rollout time decides.
UNANSWERED = (Conflict, NotAuthorized, NotFound, NotYetVisible, Throttled, Unexpected, Unreachable)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """How to ask: the DAG, and the API of its Airflow."""

    dag_id: str
    api: AirflowApi


@dataclass(frozen=True, kw_only=True)
class Publication:
    """A key that has been published since then."""

    key_id: str
    since: datetime | None

    def run_id(self, number: int) -> str:
        """The id of the probe run for it; the number counts failed ones."""
        since = f"{self.since:%Y%m%dT%H%M%S}" if self.since else "unknown"
        return f"provisioner-key__{self.key_id}__{since}__{number}"


def usage_so_far(cloud: Cloud, probe: Probe, web_url: str, published: Publication) -> Usage:
    """The usage that existing probe runs show. Writes nothing."""
    return _ask(
        cloud, probe, web_url, lambda airflow: usage_of(probe, *_probe_run_to_look_at(airflow, probe, published))
    )


def usage_by_probe_run(cloud: Cloud, probe: Probe, web_url: str, published: Publication) -> Usage:
    """The usage now; starts a probe run if none can show it any more."""

    def ask(airflow: Airflow) -> Usage:
        run_id, last = _probe_run_to_look_at(airflow, probe, published)
        if last is None:
            airflow.create_run(probe.dag_id, run_id, {"keyId": published.key_id})
            return Usage(awaited_from=_named(probe, run_id))
        usage = usage_of(probe, run_id, last)
        return (
            usage
            if last.over or not _paused(airflow, probe)
            else Usage(awaited_from=f"{usage.awaited_from} (it is paused there)")
        )

    return _ask(cloud, probe, web_url, ask)


def _ask(cloud: Cloud, probe: Probe, web_url: str, ask: Callable[[Airflow], Usage]) -> Usage:
    """Ask Airflow once, without retries: while it is rebuilt it responds 503 for minutes."""
    if not web_url:
        return Usage(unknown_reason="Airflow has no web server")
    airflow = cloud.airflow(web_url, probe.api, retry=False)
    try:
        return ask(airflow)
    except UNANSWERED as error:
        return Usage(unknown_reason=f"Airflow did not answer: {error}")


def _probe_run_to_look_at(airflow: Airflow, probe: Probe, published: Publication) -> tuple[str, DagRun | None]:
    """Id of the probe run to look at, and the run; None if it must be created. A failed one is followed by another."""
    run_id, run = "", None
    for number in range(1, RUNS + 1):
        run_id = published.run_id(number)
        run = airflow.find_run(probe.dag_id, run_id)
        if run is None or not run.failed:
            break
    return run_id, run


def _paused(airflow: Airflow, probe: Probe) -> bool:
    """Whether the probe DAG is paused, so that its runs wait for a person."""
    dag = airflow.find_dag(probe.dag_id)
    return dag is not None and dag.paused


def usage_of(probe: Probe, run_id: str, run: DagRun | None) -> Usage:
    """The usage that one probe run shows."""
    if run is None:
        return Usage(unknown_reason=f"no run of {probe.dag_id} has shown it")
    if run.failed:  # its worker may have waited for the key in vain: that is no sign that it has it
        return Usage(awaited_from=f"{_named(probe, run_id)} (it failed; clear it there to ask again)")
    return Usage(since=run.ended) if run.over else Usage(awaited_from=_named(probe, run_id))


def _named(probe: Probe, run_id: str) -> str:
    return f"the run {run_id} of {probe.dag_id}"


@dataclass(frozen=True, kw_only=True)
class WrittenFile:
    """A DAG's file in the data lake, as it is declared."""

    account: str
    filesystem: str
    path: str
    sha256: str
    dag: ExpectedDag

    def find_write_time_if_current(self, cloud: Cloud) -> datetime | None:
        """When it was written; None if it is not there as it is declared. Raises CloudError."""
        there = cloud.data_lake.find_path(self.account, self.filesystem, self.path)
        return there.modified if there is not None and there.sha256 == self.sha256 else None


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """The settings that workers are to run with, as the probe DAG reports them.

    rendered: their hash. secretless: Airflow signs in without a client secret, so none may be left to workers. holders:
    names of vault secrets with a client secret that workers may use until then. web_url: empty if nobody can be asked.
    sign_in: a hash of how principals sign in, which the DAG has; files: the DAGs, which change with it.
    """

    probe: Probe
    web_url: str
    rendered: str
    secretless: bool
    holders: tuple[str, ...]
    sign_in: str
    files: tuple[WrittenFile, ...]


def why_not_rolled_out(cloud: Cloud, rollout: Rollout) -> str:
    """Why workers are not known to run with the settings; empty if the newest report shows it. Writes nothing.

    The settings may have been others meanwhile, and be those of an earlier report again. Each change of how principals
    sign in writes the DAGs, so only a report of a run that began after that is of the deployment that is declared now.
    """
    report = _newest(cloud, rollout)
    if isinstance(report, str):
        return report
    return report_problem(report.values, rollout) or _report_too_old(cloud, rollout, report.began)


def _report_too_old(cloud: Cloud, rollout: Rollout, began: datetime) -> str:
    try:
        written = _written(cloud, rollout)
    except CloudError as error:  # a firewall, too
        return f"when the files of DAGs were written is not known: {error}"
    if isinstance(written, str):
        return f"{written} is still to be written; deploy after that, then `verify`"
    if not written or began > max(written):
        return ""
    newest = f"{began:%Y-%m-%dT%H:%M:%SZ}, before the DAGs were written at {max(written):%Y-%m-%dT%H:%M:%SZ}"
    return f"the newest report of the probe DAG is of {newest}; deploy what `provisioner render` prints, then `verify`"


def _written(cloud: Cloud, rollout: Rollout) -> list[datetime] | str:
    """When the DAGs were written; the path of the first that is not there as it is declared. Raises CloudError."""
    written: list[datetime] = []
    for file in rollout.files:
        moment = file.find_write_time_if_current(cloud)
        if moment is None:
            return file.path
        written.append(moment)
    return written


def seconds_until_accepted(cloud: Cloud, rollout: Rollout, settle_seconds: float) -> int:
    """For how many seconds more Entra may refuse what workers sign in with; 0 also if nobody knows.

    settle_seconds: in all.

    Each change of how principals sign in writes the DAGs. A request soon after the write can make Entra refuse for
    minutes: https://azure.github.io/azure-workload-identity/docs/faq.html
    """
    try:
        written = _written(cloud, rollout)
    except CloudError:
        return 0
    if not written or isinstance(written, str):
        return 0
    left = (max(written) - cloud.session.clock.decision_time()).total_seconds() + settle_seconds
    return max(0, round(left))


def read_reported_drift(cloud: Cloud, rollout: Rollout) -> Platform:
    """What the newest report of the probe DAG shows of the settings of workers. Writes nothing."""
    report = _newest(cloud, rollout)
    return (
        Platform(unknown=report)
        if isinstance(report, str)
        else Platform(drift=_settings_problem(report.values, rollout))
    )


def _newest(cloud: Cloud, rollout: Rollout) -> TaskReport | str:
    """The newest report, or why there is none."""
    if not rollout.web_url:
        return "`airflow.url` and `airflow.api` name nobody to ask what workers run with"
    airflow = cloud.airflow(rollout.web_url, rollout.probe.api, retry=False)
    try:
        return airflow.find_newest_report(rollout.probe.dag_id, TASK) or NO_REPORT
    except UNANSWERED as error:
        return f"Airflow did not answer what workers run with: {error}"


def report_problem(report: Mapping[str, Any], rollout: Rollout) -> str:
    """What a report of the probe DAG shows to be otherwise than it should; empty if nothing is."""
    problem = _settings_problem(report, rollout)
    if not problem and report.get("sign_in") != rollout.sign_in:
        return "workers have the DAGs of before; bring them the files of the container, then `verify`"
    return problem


def _settings_problem(report: Mapping[str, Any], rollout: Rollout) -> str:
    """What a report of the probe DAG shows of workers' settings to be otherwise than it should; empty if nothing is.

    DAGs of another version of this tool are as good.
    """
    if rollout.rendered not in str(report.get("rendered")).split(","):  # one of each environment in this Airflow
        what = f"{report.get('rendered') or 'unknown'}, not {rollout.rendered}"
        return f"workers run with the settings {what}; deploy what `provisioner render` prints, then `verify`"
    if rollout.secretless and report.get("secrets"):
        return f"workers have {' and '.join(report['secrets'])}; remove that where your platform sets it"
    if report.get("refused"):
        return f"workers cannot sign in without a secret: {report['refused']}"
    return ""
