"""The sign-in of a self-managed Airflow and two answers behind it, on loopback, as Airflow's own code gives them.

SimpleAuthManager and FAB: POST /auth/token with username and password answers 201, 401 for a wrong one; Keycloak takes
grant_type client_credentials there. Airflow 2 takes a user in each request.
"""

from __future__ import annotations

import base64
import json
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from provisioner.cloud.cloud import Cloud
from provisioner.cloud.profile import PUBLIC
from provisioner.cloud.transport.connections import Route
from provisioner.cloud.transport.session import Session
from provisioner.cloud.transport.waits import WAIT_LIMITS, Waits
from tests.http_server import listening

if TYPE_CHECKING:
    from collections.abc import Generator
    from ssl import SSLContext

USER, WORD = "robot", "a-robots-password"
VERSIONS = {"apache-airflow": "3.3.2", "apache-airflow-providers-microsoft-azure": "15.2.1"}
PROXIED = "http://airflow.example.com"  # a proxy asks with the whole address
MOMENT = "2026-11-29T12:00:00Z"
DIRECT = Route(proxies={})
CREATED, REFUSED, NOT_FOUND = 201, 401, 404


@dataclass(kw_only=True)
class AirflowServer:
    """url: its address. tokens: those that it takes; calls: method, path and body of each request. state: of runs."""

    url: str = ""
    tokens: set[str] = field(default_factory=set[str])
    runs: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    calls: list[tuple[str, str, Any]] = field(default_factory=list[tuple[str, str, Any]])
    state: str = "success"
    states: list[str] = field(default_factory=list[str])  # that a run has before, one for each look at it
    tasks: dict[str, str] = field(default_factory=dict[str, str])  # of each run: the log of each, by its id
    report: str = ""  # what the task of a run left
    versions: dict[str, str] = field(default_factory=lambda: dict(VERSIONS))  # of Airflow and its providers
    variables: list[str] = field(default_factory=list[str])  # keys in its own store
    settings: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])  # that it exposes, if any
    token_name: str = "access_token"  # in the answer of /auth/token
    import_errors: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    source: str | None = ""  # of each DAG, as it parsed it last; None if it does not tell
    forbidden: str = ""  # what it tells nobody: a part of paths
    parsed: bool = True  # whether it has ever parsed the DAGs that it is asked for
    paused: bool = False  # whether those are

    def answer(self, method: str, path: str, authorization: str, body: Any) -> tuple[int, Any]:
        """Status and document."""
        path = path.removeprefix(PROXIED).removeprefix("/airflow")
        self.calls.append((method, path, body))
        if path == "/auth/token":
            return self._token(body)
        basic = "Basic " + base64.b64encode(f"{USER}:{WORD}".encode()).decode()
        if authorization != basic and authorization.removeprefix("Bearer ") not in self.tokens:
            return REFUSED, {"detail": "Not authenticated"}
        if self.forbidden and self.forbidden in path:
            return 403, {"detail": "Forbidden"}
        if method == "PATCH":
            self.paused = body["is_paused"]
        return self._run(body) if method == "POST" else self._found(path)

    def _run(self, body: Any) -> tuple[int, Any]:
        name = body["dag_run_id"]
        run = {"dag_run_id": name, "state": self.state, "note": body["note"], "start_date": MOMENT, "end_date": MOMENT}
        self.runs[name] = run
        return 200, run

    def _seen_run(self, name: str) -> tuple[int, Any]:
        """A run, in the state that it has at this look."""
        return 200, {**self.runs[name], "state": self.states.pop(0)} if self.states else self.runs[name]

    def _tasks(self, path: str) -> tuple[int, Any]:
        """The tasks of a run, the last one in its state; what a task left; its log: text in v1, objects in v2."""
        if "/xcomEntries/" in path:
            key = path.rpartition("/")[2]
            return (200, {"key": key, "value": self.report}) if self.report else (NOT_FOUND, {"detail": "no entry"})
        if "/logs/" not in path:
            states = dict.fromkeys(self.tasks, "success") | dict.fromkeys([*self.tasks][-1:], self.state)
            listed = [{"task_id": name, "state": state, "try_number": 1} for name, state in states.items()]
            return 200, {"task_instances": listed, "total_entries": len(listed)}
        log = self.tasks[path.partition("/taskInstances/")[2].partition("/")[0]]
        return 200, {"content": [{"event": line} for line in log.splitlines()]} if "/api/v2/" in path else log

    def _found(self, path: str) -> tuple[int, Any]:
        name = path.rpartition("/")[2]
        if "/taskInstances" in path:
            return self._tasks(path)
        kind = name.partition("?")[0]
        if kind == "config":
            return self._exposed()
        if kind in {"importErrors", "providers", "variables", "version"}:
            return self._installed(kind)
        if "/dagRuns?" in path:
            return 200, {"dag_runs": list(self.runs.values())[-1:], "total_entries": len(self.runs)}
        if "/dagRuns/" in path:
            return self._seen_run(name) if name in self.runs else (NOT_FOUND, {"detail": "no such run"})
        return self._dag(path, name)

    def _dag(self, path: str, name: str) -> tuple[int, Any]:
        if "/dagSources/" in path:
            return (200, {"content": self.source}) if self.source is not None else (NOT_FOUND, {"detail": "no source"})
        dag = {"dag_id": name, "is_paused": self.paused, "fileloc": f"/dags/{name}.py", "file_token": "t"}
        return (200, dag) if self.parsed else (NOT_FOUND, {"detail": f"The Dag with ID: `{name}` was not found"})

    def _exposed(self) -> tuple[int, Any]:
        """Its configuration, as Airflow 3 answers."""
        if not self.settings:
            return 403, {"detail": "Your Airflow administrator chose not to expose the configuration"}
        sections = [
            {"name": name, "options": [{"key": key, "value": value} for key, value in options.items()]}
            for name, options in self.settings.items()
        ]
        return 200, {"sections": sections}

    def _installed(self, kind: str) -> tuple[int, Any]:
        """Of itself: its version, providers unless it has none to show, its own variables, what it cannot import."""
        if kind == "importErrors":
            return 200, {"import_errors": self.import_errors, "total_entries": len(self.import_errors)}
        if kind == "variables":
            return 200, {"variables": [{"key": key} for key in self.variables], "total_entries": len(self.variables)}
        if kind == "version":
            return 200, {"version": self.versions["apache-airflow"], "git_version": None}
        there = [{"package_name": name, "version": version} for name, version in self.versions.items()]
        return (200, {"providers": there, "total_entries": len(there)}) if there[1:] else (403, {"detail": "no"})

    def _token(self, body: Any) -> tuple[int, Any]:
        grant = {"grant_type": "client_credentials", "client_id": USER, "client_secret": WORD}
        if body not in ({"username": USER, "password": WORD}, grant):
            return REFUSED, {"detail": "Invalid credentials"}
        self.tokens.add(f"token-{len(self.calls)}")
        return CREATED, {self.token_name: f"token-{len(self.calls)}"}


def _handler(airflow: AirflowServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # http.server calls it so
            self._reply("GET")

        def do_POST(self) -> None:  # as above
            self._reply("POST")

        def do_PATCH(self) -> None:  # as above
            self._reply("PATCH")

        def log_message(self, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # it logs to stderr
            pass

        def _reply(self, method: str) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            authorization = self.headers.get("Authorization", "")
            status, document = airflow.answer(method, self.path, authorization, json.loads(text or b"null"))
            is_text = isinstance(document, str)
            content = (document if is_text else json.dumps(document)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if is_text else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler


@contextmanager
def airflow_server(tls: SSLContext | None = None) -> Generator[AirflowServer]:
    """It listens until the end. tls: with a certificate for localhost."""
    airflow = AirflowServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(airflow))
    airflow.url = f"http://127.0.0.1:{server.server_port}/airflow"
    if tls is not None:
        airflow.url = f"https://localhost:{server.server_port}/airflow"
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    with listening(server):
        yield airflow


@contextmanager
def direct_cloud(route: Route = DIRECT) -> Generator[Cloud]:
    """A cloud whose requests go straight to their hosts, without anybody signed in to Azure."""
    session = Session(PUBLIC, subscription="", tenant=None, route=route, waits=Waits(WAIT_LIMITS), debug=False)
    with closing(session):
        session.credential = None  # pyright: ignore[reportAttributeAccessIssue]  # nothing here may ask for a token
        yield Cloud(session)
