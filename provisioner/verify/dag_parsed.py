"""Waiting until Airflow has parsed this very text of the DAG. Airflow keeps the text that it parsed last."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from provisioner.errors import DagNotParsed, NotYetVisible, Refused

if TYPE_CHECKING:
    from provisioner.cloud.clients.airflow import ImportFailure
    from provisioner.verify.deployed import Links


class State(StrEnum):
    """What Airflow has of the DAG."""

    CURRENT = "current"
    OTHER = "another text"
    ABSENT = "absent"
    UNTOLD = "there, its text untold"


def require_imported(links: Links) -> None:
    """Raises Refused if the DAG of the spec is not the one that was put into Airflow: waiting would not help."""
    node = links.node(links.targets.airflow.dag)
    if links.drift(node) != ():
        remedy = f"Run `provisioner provision {links.environment.name}` first"
        raise Refused(str(node.address), "Airflow has not been given this DAG as the spec has it", remedy)


def state(links: Links) -> State:
    """What it has now."""
    dag = links.airflow.find_dag(links.environment.dag.id)
    if dag is None:
        return State.ABSENT
    source = links.airflow.find_source(dag)
    if source is None:
        return State.UNTOLD
    # Airflow reads the file as text, so its lines may end otherwise.
    return State.CURRENT if source.splitlines() == links.content.splitlines() else State.OTHER


def failure(links: Links) -> ImportFailure | None:
    """Why Airflow could not read the file of that name, if it could not."""
    return next(iter(links.airflow.import_failures(links.environment.dag.file)), None)


def await_parsed(links: Links, *, fresh: bool) -> None:
    """Until Airflow has parsed the text. Raises DagNotParsed with Airflow's reason, or at the deadline.

    fresh: it was handed over in this very run, so an error that stood before may be that of the text before.
    """
    waiting = _Waiting(links=links, fresh=fresh)
    what, seconds = (
        f"Airflow to parse dags/{links.environment.dag.file}",
        links.environment.waits.import_.total_seconds(),
    )
    try:
        links.cloud.session.waits.until(waiting.done, deadline_seconds=seconds, what=what)
    except NotYetVisible as late:
        if late.operation != what:
            raise
        raise waiting.error(seconds) from late


@dataclass(kw_only=True)
class _Waiting:
    """What was seen so far. Airflow's errors are judged by whether they are those of this text.

    One that was not there at first, or is told otherwise, came of a new reading. One that stays is believed if Airflow
    has read the file twice more (each reading stamps it), unless the text may still be under way.
    """

    links: Links
    fresh: bool
    looked: bool = False
    first: str = ""
    trace: str = ""
    stamps: set[str] = field(default_factory=set[str])

    def done(self) -> bool:
        if state(self.links) is State.CURRENT:
            return True
        found = failure(self.links)
        self.trace = found.trace if found else ""
        if found is not None and self._is_of_this_text(found):
            raise self.error(0)
        self.looked = True
        return False

    def _is_of_this_text(self, found: ImportFailure) -> bool:
        self.stamps.add(found.at)
        if not self.looked:
            self.first = found.trace
        read_again = not self.fresh and len(self.stamps) > 2
        return found.trace != self.first or read_again

    def error(self, seconds: float) -> DagNotParsed:
        environment = self.links.environment
        file = f"dags/{environment.dag.file}"
        return DagNotParsed(file=file, dag=environment.dag.id, trace=self.trace, seconds=seconds)
