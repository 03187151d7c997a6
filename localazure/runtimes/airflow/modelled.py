"""A part of Airflow's REST API while no real Airflow runs: DAGs, their runs, and a scheduler that makes those.

Only if a test asks for it: `PUT /settings/modelled-airflow {"run_seconds": 2.0}`, how long each run works; those of a
DAG may take longer: `{"run_seconds": 2.0, "by_dag": {"DAG": 3600.0}}`. Then GET /airflow-runs at the control endpoint
shows every run, and whether it has worked. As in Airflow, with `catchup=False`: a DAG that is paused begins no run, and
its runs under way do not go on; once unpaused, the run of the last moment that was due begins, unless there is one
of that logical date. A schedule's moment is the logical date in Airflow 3; in Airflow 2 that is the moment before.
https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/timetable.html
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cronsim import CronSim

from localazure.app.call import Reply
from localazure.app.json_body import object_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

_TABLE = "airflow_model"
_DAG = re.compile(r"dag_id\s*=\s*['\"]([\w.-]+)['\"],([^()]*)")
_SCHEDULE = re.compile(r"[\"']schedule[\"']: ['\"]([^'\"]+)['\"]")
_PAUSED = re.compile(r"[\"']is_paused_upon_creation[\"']: True")
_SIGN_IN = re.compile(r"[\"']sign_in[\"']: ['\"]([^'\"]*)['\"]")
_PATH = re.compile(
    r"/api/v[12]/(?:dags/(?P<dag>[^/]+)(?P<runs>/dagRuns(?:/(?P<run>[^/]+)(?P<task>/taskInstances/.*)?)?)?"
    r"|dagSources/(?P<source>[^/]+)|(?P<errors>importErrors))"
)
_DAILY = {"@hourly": "0 * * * *", "@daily": "0 0 * * *"}
_CONFLICT, _NOT_FOUND = 409, 404


def advance_and_reply(
    call: Call, resource_id: str, version: str, files: Iterable[tuple[str, str]], rendered: str = ""
) -> Reply | None:
    """Bring all DAGs of the files to now, then return the answer.

    None if no test asks for it or the path is of another part.

    files: path and text. rendered: of its workers' settings, which each task reports in an XCom.
    """
    settings, match = call.tenant.store.get("settings", "modelled-airflow"), _PATH.fullmatch(call.path)
    if settings is None or match is None:
        return None
    airflow = _ModelledAirflow(call.tenant, resource_id, version, settings)
    texts: dict[str, tuple[str, str]] = {}
    for path, text in files:
        for dag_id, arguments in _DAG.findall(text):
            texts[dag_id] = (path, text)
            airflow.advance(dag_id, text if "**DAG_SETTINGS" in arguments else arguments)
    if match["errors"]:
        return Reply(body={"import_errors": [], "total_entries": 0})
    if match["dag"] == "~":
        return _run_list_reply([run for dag_id in texts for run in airflow.runs_of(dag_id)], call)
    name = match["dag"] or match["source"]
    if name not in texts:
        return _not_found_reply(f"The DAG {name} was not found")
    path, text = texts[name]
    return _xcom_reply(text, rendered) if match["task"] else _reply_for_known_dag(call, airflow, match, path, text)


def _xcom_reply(text: str, rendered: str) -> Reply:
    """What a task of the DAG's file reports: the settings of its worker, and how that signs in, as the text has it."""
    sign_in = next(iter(_SIGN_IN.findall(text)), None)
    report: dict[str, Any] = {"rendered": rendered, "sign_in": sign_in, "secrets": [], "refused": ""}
    return Reply(body={"key": "report", "value": json.dumps(report)})


def _reply_for_known_dag(call: Call, airflow: _ModelledAirflow, match: re.Match[str], path: str, text: str) -> Reply:
    name = match["dag"]
    if match["source"]:
        return Reply(body={"content": text})
    if match["runs"] is None:
        return _get_or_pause_dag(call, airflow, name, path)
    return (
        _get_or_set_run_state(call, airflow, name, match["run"])
        if match["run"]
        else _list_or_create_runs(call, airflow, name)
    )


def list_runs(tenant: Tenant, _send: object) -> list[Document]:
    """List every run of every modelled Airflow."""
    return [
        {"airflow": key.rpartition("|")[0], "dag_id": key.rpartition("|")[2], **run}
        for key, dag in tenant.store.rows(_TABLE)
        for run in dag["runs"].values()
    ]


class _ModelledAirflow:
    """The DAGs of one Airflow."""

    def __init__(self, tenant: Tenant, resource_id: str, version: str, settings: Document) -> None:
        self._tenant, self._id, self._settings = tenant, resource_id.lower(), settings
        self._since_3 = int(version.partition(".")[0]) >= 3  # Airflow 3

    def stored_dag(self, dag_id: str) -> Document:
        return self._tenant.store.get(_TABLE, f"{self._id}|{dag_id}") or {}

    def runs_of(self, dag_id: str) -> list[Document]:
        return [{"dag_id": dag_id, **run} for run in self.stored_dag(dag_id)["runs"].values()]

    def put_dag(self, dag_id: str, dag: Document) -> None:
        self._tenant.store.put(_TABLE, f"{self._id}|{dag_id}", dag)

    def advance(self, dag_id: str, text: str) -> None:
        """Bring a DAG to now: what it has worked since the last call, and what has become due."""
        now = self._tenant.clock.timestamp()
        found = _SCHEDULE.search(text)
        dag = self.stored_dag(dag_id) or {"paused": bool(_PAUSED.search(text)), "at": 0.0, "began": now, "runs": {}}
        dag["schedule"] = _DAILY.get(found[1], found[1]) if found else ""
        if not dag["paused"]:
            self._create_due_runs(dag, now)
            _advance_runs(
                dag, now, float(object_at(self._settings, "by_dag").get(dag_id, self._settings["run_seconds"]))
            )
        dag["at"] = now
        self.put_dag(dag_id, dag)

    def set_paused(self, dag_id: str, *, paused: bool) -> None:
        dag = self.stored_dag(dag_id)
        if dag["paused"] and not paused:
            dag = {**dag, "at": 0.0, "began": self._tenant.clock.timestamp()}
        dag["paused"] = paused
        if not paused:
            self._create_due_runs(dag, self._tenant.clock.timestamp())
        self.put_dag(dag_id, {**dag, "at": self._tenant.clock.timestamp()})

    def _create_due_runs(self, dag: Document, now: float) -> None:
        """Make the run of each moment since the last call; at first only of the last one."""
        if not dag["schedule"]:
            return
        until = datetime.fromtimestamp(now, UTC)
        last = next(CronSim(dag["schedule"], until, reverse=True))
        for moment in _scheduled_moments(dag["schedule"], dag["at"], now) if dag["at"] else (last,):
            self.add_run(dag, f"scheduled__{self._logical_date(dag, moment)}", self._logical_date(dag, moment), moment)

    def _logical_date(self, dag: Document, moment: datetime) -> str:
        before = moment if self._since_3 else next(CronSim(dag["schedule"], moment, reverse=True))
        return before.isoformat()

    def add_run(self, dag: Document, run_id: str, logical: str | None, due: datetime | None) -> bool:
        """Add a run to the DAG's document, which is not stored.

        Returns False if there is one of that id or logical date.
        """
        runs: dict[str, Document] = dag["runs"]
        if run_id in runs or (logical and any(one["logical_date"] == logical for one in runs.values())):
            return False
        when = (due or self._tenant.clock.now()).isoformat()
        runs[run_id] = {
            "dag_run_id": run_id,
            "run_type": "scheduled" if due else "manual",
            "logical_date": logical,
            "state": "queued",
            "note": None,
            "start_date": self._tenant.clock.now().isoformat(),
            "worked": 0.0,
            "began": (due or self._tenant.clock.now()).timestamp(),
            "has_worked": False,
            **({"run_after": when} if self._since_3 else {"data_interval_end": when, "execution_date": logical}),
        }
        return True


def _scheduled_moments(schedule: str, after: float, until: float) -> Iterator[datetime]:
    for moment in CronSim(schedule, datetime.fromtimestamp(after, UTC)):
        if moment.timestamp() > until:
            return
        yield moment


def _advance_runs(dag: Document, now: float, seconds: float) -> None:
    """Let each run that is not over work for the time since the last call."""
    for run in dag["runs"].values():
        if run["state"] in {"queued", "running"}:
            run["worked"] += now - max(dag["at"], run["began"], dag["began"])
            run["state"] = "success" if run["worked"] >= seconds else "running"
            run["has_worked"] = run["state"] == "success"


def _get_or_pause_dag(call: Call, airflow: _ModelledAirflow, dag_id: str, path: str) -> Reply:
    """Show a DAG; a PATCH pauses or unpauses it."""
    if call.method == "PATCH":
        body: Any = call.json()
        airflow.set_paused(dag_id, paused=bool(body["is_paused"]))
    paused = airflow.stored_dag(dag_id)["paused"]
    return Reply(body={"dag_id": dag_id, "fileloc": f"/opt/airflow/{path}", "file_token": dag_id, "is_paused": paused})


def _list_or_create_runs(call: Call, airflow: _ModelledAirflow, dag_id: str) -> Reply:
    """List the runs of a DAG; a POST creates one: 409 if there is one of that id or logical date."""
    if call.method != "POST":
        return _run_list_reply(airflow.runs_of(dag_id), call)
    body: Any = call.json()
    dag = airflow.stored_dag(dag_id)
    run_id, logical = str(body["dag_run_id"]), body.get("logical_date")
    if not airflow.add_run(dag, run_id, logical, None):
        message = f"A run of {dag_id} with this id or logical date exists already"
        return Reply(status=_CONFLICT, body={"detail": message, "status": _CONFLICT, "title": "Conflict"})
    dag["runs"][run_id]["note"] = body.get("note")
    airflow.put_dag(dag_id, dag)
    return Reply(body={"dag_id": dag_id, **dag["runs"][run_id]})


def _get_or_set_run_state(call: Call, airflow: _ModelledAirflow, dag_id: str, run_id: str) -> Reply:
    """Show a run; a PATCH sets its state."""
    dag = airflow.stored_dag(dag_id)
    if run_id not in dag["runs"]:
        return _not_found_reply(f"DAGRun with DAG ID: '{dag_id}' and DagRun ID: '{run_id}' not found")
    if call.method == "PATCH":
        body: Any = call.json()
        dag["runs"][run_id]["state"] = str(body["state"])
        airflow.put_dag(dag_id, dag)
    return Reply(body={"dag_id": dag_id, **dag["runs"][run_id]})


def _run_list_reply(runs: list[Document], call: Call) -> Reply:
    states = call.query.get("state", "")
    since = call.query.get("run_after_gte") or call.query.get("execution_date_gte") or ""
    if states:  # those that are over, or those that are not: of a name in the query the last value counts
        over = states == "success"
        runs = [one for one in reversed(runs) if (one["state"] == "success") is over]
    runs = [one for one in runs if (one.get("run_after") or one.get("execution_date") or "~") >= since]
    return Reply(body={"dag_runs": runs, "total_entries": len(runs)})


def _not_found_reply(message: str) -> Reply:
    return Reply(status=_NOT_FOUND, body={"detail": message, "status": _NOT_FOUND, "title": "Not Found"})
