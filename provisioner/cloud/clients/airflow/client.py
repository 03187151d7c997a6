"""Airflow's REST API: DAGs, runs, logs of tasks. v1 up to Airflow 2, v2 from Airflow 3 on.

https://airflow.apache.org/docs/apache-airflow/2.6.3/stable-rest-api-ref.html
https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from provisioner.cloud.clients.airflow.logs import plain_lines, structured_lines
from provisioner.cloud.clients.airflow.objects import (
    Dag,
    DagRun,
    ImportFailure,
    TaskReport,
    TaskRun,
    dag_run,
    due_run_body,
    read_dag,
    read_import_failure,
)
from provisioner.cloud.clients.airflow.sign_in import SignedIn
from provisioner.errors import Conflict, NotAuthorized, NotFound, Unexpected, Unreachable
from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from azure.core.rest import HttpResponse

    from provisioner.cloud.transport.session import Session
    from provisioner.model import AirflowApi

GONE = 404
MOVED = 300
SERVER_ERROR = 500
PAGE = 100
CORE = "apache-airflow"
MASKED = "< hidden >"
CREATIONS = 3  # attempts to create a run while the answers are lost


class Airflow:
    """One web server. Every method raises CloudError."""

    def __init__(
        self,
        session: Session,
        web_url: str,
        api: AirflowApi,
        *,
        retry: bool = True,
        read_token: Callable[[], Secret] | None = None,
    ) -> None:
        """web_url: with or without `/login/`. retry: repeat a request where a retry can help.

        read_token: reads the token to sign in with, where a vault has it.
        """
        self._session, self._retry, self._settings, version = session, retry, api, api.version
        self.url = web_url.rstrip("/").removesuffix("/login").rstrip("/")
        self._http = SignedIn(session, self.url, api.sign_in, read_token)
        self.since_3 = int(version.partition(".")[0] or 2) >= 3
        self._notes = tuple(map(int, version.split(".")[:2])) >= (2, 6)  # whether a new run takes a note
        self._takes_intervals = tuple(map(int, version.split(".")[:2])) >= (2, 10)  # of a new run
        self._api = f"{self.url}/api/{'v2' if self.since_3 else 'v1'}"

    def find_dag(self, dag_id: str) -> Dag | None:
        """The DAG, or None if Airflow has parsed none of that name."""
        answer = self._ask("GET", f"dags/{_quoted(dag_id)}", missing_ok=True)
        return None if answer.status_code == GONE else read_dag(self._require_json_object(answer))

    def set_paused(self, dag_id: str, *, paused: bool) -> None:
        """Pause it, or let its runs start. In a paused one a run under way does not go on to its next task."""
        self._ask("PATCH", f"dags/{_quoted(dag_id)}", json={"is_paused": paused})

    def find_source(self, dag: Dag) -> str | None:
        """The source that Airflow parsed last, or None if it stores none.

        v1 names it by a signed token of its file, v2 by the DAG.
        """
        name = _quoted(dag.id if self.since_3 else dag.token)
        answer = self._ask("GET", f"dagSources/{name}", missing_ok=True)
        return None if answer.status_code == GONE else str(self._require_json_object(answer).get("content") or "")

    def import_failures(self, file: str, bundle: str = "") -> tuple[ImportFailure, ...]:
        """The import errors of files with that name, whatever the folder of DAGs is. bundle: of that DAG bundle only.

        An Airflow 3 says which bundle a file is of; what another one says is of every bundle.
        """
        items = self._list("importErrors", "import_errors")
        failures = (read_import_failure(one) for one in items if bundle in {"", one.get("bundle_name") or bundle})
        return tuple(one for one in failures if one.file.rsplit("/", 1)[-1] == file)

    def find_run(self, dag_id: str, run_id: str) -> DagRun | None:
        """The run, or None."""
        answer = self._ask("GET", f"{_runs(dag_id)}/{_quoted(run_id)}", missing_ok=True)
        return None if answer.status_code == GONE else dag_run(self._require_json_object(answer))

    def find_newest_report(self, dag_id: str, task_id: str) -> TaskReport | None:
        """The XCom `report` of a task in the DAG's newest run that succeeded, a JSON object; None if it left none."""
        path = f"{_runs(dag_id)}?limit=1&order_by=-start_date&state=success"
        runs: list[dict[str, Any]] = self._require_json_object(self._ask("GET", path)).get("dag_runs") or []
        if not runs:
            return None
        run = f"{_runs(dag_id)}/{_quoted(str(runs[0]['dag_run_id']))}"
        answer = self._ask("GET", f"{run}/taskInstances/{_quoted(task_id)}/xcomEntries/report", missing_ok=True)
        if answer.status_code == GONE:
            return None
        report: Any = self._require_json_object(answer).get("value")
        while isinstance(report, str):  # v1 gives the text of a text
            report = json.loads(report)
        return TaskReport(values=dict(report), began=datetime.fromisoformat(str(runs[0]["start_date"])))

    def package_versions(self) -> dict[str, str]:
        """The versions of Airflow (`apache-airflow`) and of its providers, by package."""
        core = str(self._require_json_object(self._ask("GET", "version"))["version"])
        if self.since_3:
            providers = list(self._list("providers", "providers"))
        else:  # v1 gives all at once, and refuses a limit
            providers = self._require_json_object(self._ask("GET", "providers"))["providers"]
        return {CORE: core, **{str(one["package_name"]): str(one["version"]) for one in providers}}

    def shown_settings(self) -> dict[tuple[str, str], Secret]:
        """The configuration of its web server by section and option, without masked values; none if not exposed.

        Asked whole: for a section that only environment variables set, Airflow 3 answers 404.
        https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html#expose-config
        """
        try:
            answer = self._ask("GET", "config", missing_ok=True)
        except NotAuthorized:
            return {}
        sections: list[dict[str, Any]] = (
            [] if answer.status_code == GONE else self._require_json_object(answer)["sections"]
        )
        found = ((section["name"], one["key"], str(one["value"])) for section in sections for one in section["options"])
        return {(section, key): Secret(value) for section, key, value in found if value != MASKED}

    def variable_keys(self) -> frozenset[str]:
        """The keys of the variables in Airflow's own store. Their values are dropped as they come."""
        return frozenset(str(one["key"]) for one in self._list("variables", "variables"))

    def unfinished_runs(self, dag_id: str) -> tuple[DagRun, ...]:
        """The queued and running runs."""
        listed = self._list(_runs(dag_id), "dag_runs", {"state": ["queued", "running"]})
        return tuple(map(dag_run, listed))

    def unfinished_run_names(self) -> tuple[str, ...]:
        """The queued and running runs of all DAGs: DAG and run, for people."""
        listed = self._list(_runs("~"), "dag_runs", {"state": ["queued", "running"]})
        return tuple(f"{one['dag_id']} {one['dag_run_id']}" for one in listed)

    def runs_since(self, dag_id: str, moment: datetime) -> tuple[DagRun, ...]:
        """The runs created since then, in any state."""
        name = "run_after_gte" if self.since_3 else "execution_date_gte"
        return tuple(map(dag_run, self._list(_runs(dag_id), "dag_runs", {name: [moment.isoformat()]})))

    def ensure_due_run(
        self, dag_id: str, due: datetime, interval: tuple[datetime, datetime], *, ran_elsewhere: bool
    ) -> None:
        """Create the run of a moment at which the schedule was due, as Airflow would; fine if it exists.

        interval: the one that ends then. ran_elsewhere: it is over; only in a paused DAG it does not begin before.
        """
        body = due_run_body(due, interval, since_3=self.since_3, takes_intervals=self._takes_intervals)
        with suppress(Conflict):
            self._ask("POST", _runs(dag_id), json=body)
        if ran_elsewhere:
            self._ask("PATCH", f"{_runs(dag_id)}/{_quoted(body['dag_run_id'])}", json={"state": "success"})

    def create_run(self, dag_id: str, run_id: str, conf: Mapping[str, Any]) -> bool:
        """Create a run. Returns False if one with that id exists. Raises NotFound if there is no such DAG.

        After a lost answer, look for the run before creating it again. Its note distinguishes it from a run of the same
        id that somebody else created meanwhile.
        """
        body: dict[str, Any] = {"dag_run_id": run_id, "conf": dict(conf)}
        if self._notes:
            body["note"] = f"Asked for by provisioner ({self._session.new_id()})"
        if self.since_3:
            body["logical_date"] = None  # required there; runs of one moment would refuse each other otherwise
        for attempt in range(1, CREATIONS + 1):
            try:
                self._ask("POST", _runs(dag_id), json=body)
            except Conflict:
                if attempt == 1:  # later it may be what came of an earlier attempt
                    return False
            except (Unreachable, Unexpected) as error:
                if 0 < error.status < SERVER_ERROR or attempt == CREATIONS:
                    raise
            else:
                return True
            run = self.find_run(dag_id, run_id)
            if run is not None:
                return run.note == body.get("note", run.note)
        return False

    def tasks(self, dag_id: str, run_id: str) -> tuple[TaskRun, ...]:
        """The tasks of a run, in the order in which they started; those that have not started come last."""
        listed = self._list(f"{_runs(dag_id)}/{_quoted(run_id)}/taskInstances", "task_instances")
        ordered = sorted(listed, key=lambda one: str(one.get("start_date") or "~"))
        return tuple(
            TaskRun(
                id=str(one["task_id"]),
                state=str(one.get("state") or ""),
                tries=max(1, int(one.get("try_number") or 0)),
                map_index=int(one.get("map_index", -1)),
            )
            for one in ordered
        )

    def log(self, dag_id: str, run_id: str, task: TaskRun) -> tuple[str, ...]:
        """The log lines of a task's last attempt: text in v1, structured in v2."""
        path = f"{_runs(dag_id)}/{_quoted(run_id)}/taskInstances/{_quoted(task.id)}/logs/{task.tries}"
        params = {"full_content": "true", "map_index": str(task.map_index)}
        accept = {"Accept": "application/json" if self.since_3 else "text/plain"}
        answer = self._ask("GET", path, params=params, headers=accept)
        return structured_lines(self._require_json_object(answer)) if self.since_3 else plain_lines(answer.text())

    def _list(self, path: str, name: str, params: Mapping[str, list[str]] | None = None) -> Iterator[dict[str, Any]]:
        """Every item, page by page."""
        filters = "".join(f"&{key}={quote(one)}" for key, values in (params or {}).items() for one in values)
        seen = 0
        while True:
            page = self._require_json_object(self._ask("GET", f"{path}?limit={PAGE}&offset={seen}{filters}"))
            items: list[dict[str, Any]] = page.get(name) or []
            yield from items
            seen += len(items)
            if not items or seen >= int(page.get("total_entries") or 0):
                return

    def _ask(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        missing_ok: bool = False,
    ) -> HttpResponse:
        operation = f"{method} Airflow {path.partition('?')[0]}"
        try:
            answer = self._http.request(
                method,
                f"{self._api}/{path}",
                operation=operation,
                json=json,
                params=params,
                headers={"Accept": "application/json", **(headers or {})},
                missing_ok=missing_ok,
                retry=self._retry,
            )
        except NotAuthorized as error:
            error.remedy = self._remedy(error)
            raise
        except NotFound as error:
            error.remedy = "Look at the runtime's state: `provisioner status`."
            raise
        if MOVED <= answer.status_code < GONE:  # to the sign-in page: the token was not checked
            raise self._no_api(operation, answer.status_code, "Redirected")
        return answer

    def _no_api(self, operation: str, status: int, code: str) -> Unexpected:
        return Unexpected(operation=operation, status=status, code=code, remedy=self._scope_hint)

    def _require_json_object(self, answer: HttpResponse) -> dict[str, Any]:
        try:
            body: Any = answer.json()
        except json.JSONDecodeError:
            body = None
        if not isinstance(body, dict):
            raise self._no_api(f"Airflow at {self.url}", answer.status_code, "NoJson")
        return {**body}

    def _remedy(self, error: NotAuthorized) -> str:
        if error.status == 403:
            return f"Airflow lets in who has {self._settings.right}: ask an owner of it for that role."
        return self._scope_hint

    @property
    def _scope_hint(self) -> str:
        scope, setting = self._settings.sign_in.scope, self._settings.setting
        if not scope:
            return f"Correct `{setting}`: {self.url} does not take what it says."
        return f"The token was for {scope}; docs/access.md says when `{setting}` must be another one."


def _runs(dag_id: str) -> str:
    return f"dags/{_quoted(dag_id)}/dagRuns"


def _quoted(name: str) -> str:
    return quote(name, safe="")
