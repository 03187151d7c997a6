"""Finds out by runs of the probe DAG whether Airflow's workers use the key that is published to them.

There is one run for each publication of a key, as the same key may come back. A worker waits in it until it has the key
and reads a variable with it; when the run has ended, the key is in use.
The DAG is templates/dags/parts/key_probe.py.j2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provisioner.errors import Conflict, NotAuthorized, NotFound, NotYetVisible, Throttled, Unexpected, Unreachable
from provisioner.model import Platform, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from provisioner.cloud.clients.airflow import Airflow, DagRun
    from provisioner.cloud.cloud import Cloud
    from provisioner.model import AirflowApi

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
    return _ask(cloud, probe, web_url, lambda airflow: usage_of(probe, *_last(airflow, probe, published)))


def ask_workers(cloud: Cloud, probe: Probe, web_url: str, published: Publication) -> Usage:
    """The usage now; starts a probe run if none can show it any more."""

    def ask(airflow: Airflow) -> Usage:
        run_id, last = _last(airflow, probe, published)
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


def _last(airflow: Airflow, probe: Probe, published: Publication) -> tuple[str, DagRun | None]:
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
class Rollout:
    """The settings that workers are to run with, as the probe DAG reports them.

    rendered: their hash. secretless: no client secret may be left to workers, and they sign in without one. holders:
    names of vault secrets with a client secret that workers may use until then. web_url: empty if nobody can be asked.
    """

    probe: Probe
    web_url: str
    rendered: str
    secretless: bool
    holders: tuple[str, ...]


def not_rolled_out(cloud: Cloud, rollout: Rollout) -> str:
    """Why workers are not known to run with the settings; empty if the newest report shows it. Writes nothing."""
    found = platform_of(cloud, rollout)
    return found.drift or found.unknown


def platform_of(cloud: Cloud, rollout: Rollout) -> Platform:
    """What the newest report of the probe DAG shows of the settings of workers. Writes nothing."""
    if not rollout.web_url:
        return Platform(unknown="`airflow.url` and `airflow.api` name nobody to ask what workers run with")
    airflow = cloud.airflow(rollout.web_url, rollout.probe.api, retry=False)
    try:
        report = airflow.find_report(rollout.probe.dag_id, TASK)
    except UNANSWERED as error:
        return Platform(unknown=f"Airflow did not answer what workers run with: {error}")
    return Platform(unknown=NO_REPORT) if report is None else Platform(drift=report_problem(report, rollout))


def report_problem(report: Mapping[str, Any] | None, rollout: Rollout) -> str:
    """What a report of the probe DAG shows to be otherwise than it should; empty if nothing is."""
    if report is None:
        return NO_REPORT
    if rollout.rendered not in str(report.get("rendered")).split(","):  # one of each environment in this Airflow
        what = f"{report.get('rendered') or 'unknown'}, not {rollout.rendered}"
        return f"workers run with the settings {what}; deploy what `provisioner render` prints, then `verify`"
    if rollout.secretless and report.get("secrets"):
        return f"workers have {' and '.join(report['secrets'])}; remove that where your platform sets it"
    if rollout.secretless and report.get("federation"):
        return f"workers cannot sign in without a secret: {report['federation']}"
    return ""
