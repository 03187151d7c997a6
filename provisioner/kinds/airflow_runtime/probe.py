"""Whether Airflow's workers use the key that their runtime hands out: runs of the probe DAG tell.

One for each time that a key was published: the same key may come back. A worker waits in it until it has the key, reads
a variable with it and so ends it: from then on it is in use.
The DAG is templates/dags/parts/key_probe.py.j2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.errors import Conflict, NotAuthorized, NotFound, NotYetVisible, Throttled, Unexpected, Unreachable
from provisioner.model import Usage

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from provisioner.cloud.clients.airflow import Airflow, DagRun
    from provisioner.cloud.cloud import Cloud

RUNS = 3  # that may fail before a person is to look
# Whatever keeps Airflow from telling stops nobody: then time tells.
UNTOLD = (Conflict, NotAuthorized, NotFound, NotYetVisible, Throttled, Unexpected, Unreachable)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """How to ask: the DAG, the Airflow's version, the scope of a token for its API, and what a caller needs there."""

    dag_id: str
    version: str
    scope: str
    right: str


@dataclass(frozen=True, kw_only=True)
class Publication:
    """A key that a runtime has had since then."""

    key_id: str
    since: datetime | None

    def run_id(self, number: int) -> str:
        """Of the run that tells of it; the number counts those that failed."""
        since = f"{self.since:%Y%m%dT%H%M%S}" if self.since else "unknown"
        return f"provisioner-key__{self.key_id}__{since}__{number}"


def seen(cloud: Cloud, probe: Probe, web_url: str, published: Publication) -> Usage:
    """What the runs so far tell. Writes nothing."""
    return _told(cloud, probe, web_url, lambda airflow: usage_of(probe, *_last(airflow, probe, published)))


def asked(cloud: Cloud, probe: Probe, web_url: str, published: Publication) -> Usage:
    """The same, once a run is there that may still tell."""

    def ask(airflow: Airflow) -> Usage:
        run_id, last = _last(airflow, probe, published)
        if last is None:
            airflow.create_run(probe.dag_id, run_id, {"keyId": published.key_id})
            return Usage(asked=_named(probe, run_id))
        told = usage_of(probe, run_id, last)
        return told if last.over or not _paused(airflow, probe) else Usage(asked=f"{told.asked} (it is paused there)")

    return _told(cloud, probe, web_url, ask)


def _told(cloud: Cloud, probe: Probe, web_url: str, ask: Callable[[Airflow], Usage]) -> Usage:
    """Airflow is asked once only: while it is rebuilt it answers 503 for minutes."""
    if not web_url:
        return Usage(untold="Airflow has no web server")
    airflow = cloud.airflow(web_url=web_url, version=probe.version, scope=probe.scope, right=probe.right, patient=False)
    try:
        return ask(airflow)
    except UNTOLD as error:
        return Usage(untold=f"Airflow does not tell: {error}")


def _last(airflow: Airflow, probe: Probe, published: Publication) -> tuple[str, DagRun | None]:
    """The id of the run that may tell, and the run; None if it is to be made. A failed one is followed by another."""
    run_id, run = "", None
    for number in range(1, RUNS + 1):
        run_id = published.run_id(number)
        run = airflow.find_run(probe.dag_id, run_id)
        if run is None or not run.failed:
            break
    return run_id, run


def _paused(airflow: Airflow, probe: Probe) -> bool:
    """Whether its runs do not go on before a person switches it on again."""
    dag = airflow.find_dag(probe.dag_id)
    return dag is not None and dag.paused


def usage_of(probe: Probe, run_id: str, run: DagRun | None) -> Usage:
    """What one run tells."""
    if run is None:
        return Usage(untold=f"no run of {probe.dag_id} has shown it")
    if run.failed:  # its worker may have waited for the key in vain: that is no sign that it has it
        return Usage(asked=f"{_named(probe, run_id)} (it failed; clear it there to ask again)")
    return Usage(since=run.ended) if run.over else Usage(asked=_named(probe, run_id))


def _named(probe: Probe, run_id: str) -> str:
    return f"the run {run_id} of {probe.dag_id}"
