"""Real Airflow, made ready and started: scheduler, web server and, from Airflow 3 on, DAG processor.

A triggerer, too, where `enableTriggerers` says so.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from localazure.app import process
from localazure.app.program import Program, RuntimeFailure, package_index_variables
from localazure.app.secret import Secret
from localazure.runtimes.airflow import home, packages, programs, settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from localazure.app.program import ProgramSpec, Workspace

KIND = "airflow"
_HOST = "127.0.0.1"
_ANSWER_SECONDS = 120
_START_SECONDS = 240.0


def prepare(wanted: ProgramSpec, site: Workspace) -> Program:
    """Install what is missing, make its home, say how to start it. `given`: airflowProperties and `web_id`."""
    airflow: dict[str, Any] = dict(wanted.given["airflow"])
    installed = _installed(wanted, airflow["airflowRequirements"], site)
    place = home.home_folder(site.folder, wanted.given["web_id"])
    modern = packages.major_minor(wanted.version) >= (3, 0)
    home.create_home(place, installed / "template", users_in_database=not modern)
    port = site.port("web")
    web = WebServer(folder=place, port=port, modern=modern)
    url = str(airflow["airflowWebUrl"]).removesuffix("/login/")
    routing = process.proxy_settings(site.folder.parent.parent)
    triggerer = airflow["enableTriggerers"] is True
    commands = list(_commands(installed / "bin", place, port, modern=modern, triggerer=triggerer))
    return Program(
        command=(sys.executable, "-I", "-S", str(programs.__file__), json.dumps(commands)),
        ready=web.ready,
        url=f"http://{_HOST}:{port}",
        environment=settings.airflow_environment(airflow, place, port, url=url, routing=routing),
        seconds=_START_SECONDS,
        behind=web,
        shown={"user": packages.USER, "password in": str(place / "password")},
    )


def _installed(wanted: ProgramSpec, requirements: Sequence[str], site: Workspace) -> Path:
    """Its packages, installed now if need be; RuntimeFailure with the end of what uv said."""
    folder = packages.installation_folder(site.installations, wanted.version, requirements)
    if not packages.is_installed(folder):
        site.say(f"installing Airflow {wanted.version} into {folder}, once")
        words = (sys.executable, str(packages.__file__), "--", str(folder), wanted.version, *requirements)
        try:
            site.run(words, package_index_variables())
        except RuntimeFailure as failure:
            what = f"Airflow {wanted.version} cannot be installed with {', '.join(requirements) or 'no requirements'}"
            remedy = "Correct the runtime's requirements, or see to it that pip reaches an index"
            raise RuntimeFailure(what, remedy, failure.log) from failure
    return folder


def _commands(programs: Path, place: Path, port: int, *, modern: bool, triggerer: bool) -> Iterator[Sequence[str]]:
    """Log servers would listen on every interface; the web server reads the logs from their folder."""
    airflow, quiet = str(programs / "airflow"), "--skip-serve-logs"
    if modern:
        where = ("--host", _HOST, "--port", str(port))
        yield (
            "env",
            settings.api_server_variable(place),
            airflow,
            "api-server",
            *where,
            "--workers",
            "1",
            "--proxy-headers",
        )
        yield airflow, "dag-processor"
    else:
        # As `airflow webserver` starts it, less a process that only watches it and the memory that takes.
        gunicorn = (str(programs / "python"), "-m", "gunicorn", "--bind", f"{_HOST}:{port}", "--timeout", "120")
        yield *gunicorn, "--worker-class", "gthread", "--threads", "4", "airflow.www.app:cached_app()"
    yield airflow, "scheduler", quiet
    if triggerer:
        yield airflow, "triggerer", quiet


@dataclass(kw_only=True)
class WebServer:
    """The web server of one Airflow. authorization: by which the local Azure speaks to it, once it is ready.

    writing: held by the call that changes something: of two, Airflow 3 waits for its database in the event loop that
    the other one needs for its commit (`log_action` in airflow/api_fastapi/logging/decorators.py), until sqlite's wait
    is over. PostgreSQL lets both go on.
    """

    folder: Path
    port: int
    modern: bool
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    authorization: Secret | None = None

    @property
    def headers(self) -> dict[str, str | Secret]:
        """What a call gets that is passed on to it: this Airflow knows no Entra token."""
        known = {"authorization": self.authorization} if self.authorization else {}
        return {**known, "x-forwarded-proto": "https"}

    def ready(self) -> bool:
        """Whether it answers, its scheduler and its DAG processor work, and the front can sign in."""
        health = self._ask("GET", "/api/v2/monitor/health" if self.modern else "/health")
        parts = ("scheduler", "dag_processor") if self.modern else ("scheduler",)
        if health is None or any(health.get(part, {}).get("status") != "healthy" for part in parts):
            return False
        if self.modern and self._ask("GET", "/execution/health") is None:  # it builds what tasks ask when first asked,
            return False  # for 4 s of work in which it answers nothing else
        self.authorization = self._token() if self.modern else home.basic_authorization(self.folder)
        return True

    def _token(self) -> Secret:
        """https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/auth-manager/simple/token.html."""
        given = {"username": packages.USER, "password": home.read_secret(self.folder, "password").reveal()}
        answer = self._ask("POST", "/auth/token", given)
        if answer is None:
            remedy = "Remove the folder and start it again"
            raise RuntimeFailure(f"Airflow does not take the password in {self.folder}", remedy)
        return Secret(f"Bearer {answer['access_token']}")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer, an object; None while there is none."""
        connection = http.client.HTTPConnection(_HOST, self.port, timeout=_ANSWER_SECONDS)
        with suppress(OSError, http.client.HTTPException, ValueError):
            try:
                content = None if body is None else json.dumps(body)
                connection.request(method, path, content, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                text = answer.read()
                return json.loads(text) if answer.status < 300 else None
            finally:
                connection.close()
        return None
