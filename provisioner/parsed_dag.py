"""Whether Airflow has parsed a DAG's current text, and waiting until it has.

Airflow keeps the text that it parsed last. For the kind that imports a DAG, and for the verification of an environment.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from provisioner.errors import DagNotParsed, NotYetVisible
from provisioner.model import Platform

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.cloud.clients.airflow import Airflow, ImportFailure
    from provisioner.cloud.transport.waits import Waits
    from provisioner.render.dags import RenderedDag


class DagState(StrEnum):
    """Which text of the DAG Airflow has parsed."""

    CURRENT = "current"
    OTHER = "another text"
    ABSENT = "absent"
    UNREADABLE = "there, its text cannot be read"


@dataclass(frozen=True, kw_only=True)
class ExpectedDag:
    """A DAG as Airflow is to have it.

    file: in the folder `dags/`; lines_sha256: of its text, see `lines_sha256`; bundle: the DAG bundle that the file is
    of, empty if it is of any.
    """

    id: str
    file: str
    lines_sha256: str
    bundle: str = ""


def lines_sha256(text: str) -> str:
    """SHA-256 of the lines of a DAG's text. Airflow reads the file as text, so its lines may end otherwise."""
    return hashlib.sha256("\n".join(text.splitlines()).encode()).hexdigest()


def expected_dag(dag: RenderedDag, bundle: str = "") -> ExpectedDag:
    """The DAG of a rendered file."""
    return ExpectedDag(id=dag.id, file=dag.name, lines_sha256=lines_sha256(dag.content), bundle=bundle)


def dag_state(airflow: Airflow, expected: ExpectedDag) -> DagState:
    """Which text of the DAG Airflow has now. Raises CloudError."""
    dag = airflow.find_dag(expected.id)
    if dag is None:
        return DagState.ABSENT
    source = airflow.find_source(dag)
    if source is None:
        return DagState.UNREADABLE
    return DagState.CURRENT if lines_sha256(source) == expected.lines_sha256 else DagState.OTHER


def last_import_error(airflow: Airflow, expected: ExpectedDag) -> ImportFailure | None:
    """Airflow's last import error for the DAG's file, if it has one. Raises CloudError.

    It may be of an earlier text of the file: Airflow keeps it until it has read the new one.
    """
    return next(iter(airflow.import_failures(expected.file, expected.bundle)), None)


def dag_drift(
    airflow: Airflow, expected: ExpectedDag, written_at: Callable[[], datetime | None], now: datetime, within: timedelta
) -> Platform:
    """How Airflow's DAG differs from its file. Raises CloudError.

    written_at: when the file was written, None if it is not as expected itself: then there is nothing to compare. An
    import error from before is one of the former text. within: how long Airflow may take to read the new one.
    """
    state, file = dag_state(airflow, expected), f"dags/{expected.file}"
    if state is DagState.CURRENT:
        return Platform()
    failure = last_import_error(airflow, expected)
    written = None if state is DagState.UNREADABLE and failure is None else written_at()
    if failure is not None and written is not None and _since(failure.at, written):
        return Platform(drift=f"Airflow cannot import {file}: {failure.reason}; correct the DAG")
    if state is DagState.UNREADABLE:
        return Platform(unknown=f"Airflow has {expected.id} and does not tell its text")
    if written is None:
        return Platform()
    there = f"another text of {expected.id}" if state is DagState.OTHER else f"no {expected.id}"
    since = f"{file} was written at {written:%Y-%m-%dT%H:%M:%SZ}"
    if now < written + within:
        return Platform(unknown=f"Airflow has {there} yet; {since}")
    return Platform(drift=f"Airflow has {there}, and {since}; bring it that file, or look at its DAG processor's log")


def _since(at: str, written: datetime) -> bool:
    """Whether an import error is from then or later; one whose time cannot be read may be."""
    try:
        return datetime.fromisoformat(at) >= written
    except (TypeError, ValueError):  # no time, or one without a zone
        return True


def await_parsed(airflow: Airflow, expected: ExpectedDag, waits: Waits, *, seconds: float, fresh: bool) -> None:
    """Wait until Airflow has parsed the text. Raises DagNotParsed with Airflow's reason, or at the deadline.

    fresh: the file was written in this run, so an error from before may be that of the previous text.
    """
    waiting = _Waiting(airflow=airflow, expected=expected, fresh=fresh)
    operation = f"Airflow to parse dags/{expected.file}"
    try:
        waits.until(waiting.poll, deadline_seconds=seconds, what=operation)
    except NotYetVisible as late:
        if late.operation != operation:
            raise
        raise waiting.error(seconds) from late


@dataclass(kw_only=True)
class _Waiting:
    """What was seen so far, to judge whether an import error is that of the current text.

    An error that was not there at first, or has changed, comes from a new reading. One that stays counts after Airflow
    has read the file twice more (each reading has a new time), unless the text may still be on its way.
    """

    airflow: Airflow
    expected: ExpectedDag
    fresh: bool
    polled: bool = False
    first_trace: str = ""
    last_trace: str = ""
    read_at: set[str] = field(default_factory=set[str])

    def poll(self) -> bool:
        if dag_state(self.airflow, self.expected) is DagState.CURRENT:
            return True
        failure = last_import_error(self.airflow, self.expected)
        self.last_trace = failure.trace if failure else ""
        if failure is not None and self._of_current_text(failure):
            raise self.error(0)
        self.polled = True
        return False

    def _of_current_text(self, failure: ImportFailure) -> bool:
        self.read_at.add(failure.at)
        if not self.polled:
            self.first_trace = failure.trace
        read_again = not self.fresh and len(self.read_at) > 2
        return failure.trace != self.first_trace or read_again

    def error(self, seconds: float) -> DagNotParsed:
        file = f"dags/{self.expected.file}"
        return DagNotParsed(file=file, dag=self.expected.id, trace=self.last_trace, seconds=seconds)
