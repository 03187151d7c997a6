"""DAGs, runs and tasks as Airflow's REST API shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILED = "failed"
ENDED = frozenset({"success", FAILED})
DUE = "provisioner__due__"  # what the id of a run begins with that was made for a moment of the DAG's schedule


@dataclass(frozen=True, kw_only=True)
class Dag:
    """A DAG. file: where Airflow has its source. token: what v1 asks for the source by."""

    id: str
    paused: bool
    file: str
    token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class DagRun:
    """One run. state: queued, running, success, failed. note: of whoever created it, or of a person.

    due: of a run by its DAG's schedule, when the schedule was due.
    """

    id: str
    state: str
    conf: Mapping[str, Any] = field(repr=False)
    ended: datetime | None = None
    note: str = ""
    due: datetime | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended, successfully or not."""
        return self.state in ENDED

    @property
    def failed(self) -> bool:
        """Whether it has failed."""
        return self.state == FAILED


@dataclass(frozen=True, kw_only=True)
class TaskReport:
    """What a task left. began: when its run did, by Airflow's clock."""

    values: Mapping[str, Any]
    began: datetime


@dataclass(frozen=True, kw_only=True)
class TaskRun:
    """One task of a run. state: empty until it is scheduled. tries: the number of the last attempt."""

    id: str
    state: str
    tries: int
    map_index: int = -1


@dataclass(frozen=True, kw_only=True)
class ImportFailure:
    """Why Airflow could not import a file, and when it last tried."""

    file: str
    trace: str
    at: str

    @property
    def reason(self) -> str:
        """The last line of the traceback."""
        return self.trace.strip().rpartition("\n")[2]


def read_dag(item: Mapping[str, Any]) -> Dag:
    """From an answer."""
    return Dag(
        id=str(item["dag_id"]),
        paused=bool(item.get("is_paused")),
        file=str(item.get("fileloc") or ""),
        token=str(item.get("file_token") or ""),
    )


def read_import_failure(item: Mapping[str, Any]) -> ImportFailure:
    """From an item of an answer."""
    return ImportFailure(
        file=str(item.get("filename") or ""),
        trace=str(item.get("stack_trace") or ""),
        at=str(item.get("timestamp") or ""),
    )


def dag_run(item: Mapping[str, Any]) -> DagRun:
    """From an item of an answer."""
    ended = item.get("end_date")
    of_schedule = item.get("run_type") == "scheduled"
    due = item.get("run_after") or item.get("data_interval_end") if of_schedule else None
    return DagRun(
        id=str(item["dag_run_id"]),
        state=str(item.get("state") or ""),
        conf=item.get("conf") or {},
        note=str(item.get("note") or ""),
        ended=datetime.fromisoformat(str(ended)) if ended else None,
        due=datetime.fromisoformat(str(due)) if due else due_of(str(item["dag_run_id"])),
    )


def due_id(due: datetime) -> str:
    """The id of a run that is made for a moment of the DAG's schedule."""
    return f"{DUE}{due:%Y%m%dT%H%M%SZ}"


def due_run_body(
    due: datetime, interval: tuple[datetime, datetime], *, since_3: bool, takes_intervals: bool
) -> dict[str, str]:
    """What a run is created with for a moment of the schedule. Airflow makes no second one of the same logical date.

    That is the moment itself in Airflow 3; in Airflow 2 the beginning of the interval that ends with it.
    https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/timetable.html
    """
    if since_3:
        return {"dag_run_id": due_id(due), "logical_date": due.isoformat()}
    start, end = (one.isoformat() for one in interval)
    intervals = {"data_interval_start": start, "data_interval_end": end} if takes_intervals else {}
    return {"dag_run_id": due_id(due), "logical_date": start, **intervals}


def due_of(run_id: str) -> datetime | None:
    """The moment that such an id names; None of any other id."""
    return datetime.strptime(f"{run_id}+0000", f"{DUE}%Y%m%dT%H%M%SZ%z") if run_id.startswith(DUE) else None
