"""Installs, configures and starts a real Airflow: scheduler, web server and, from Airflow 3 on, DAG processor.

With `enableTriggerers` also a triggerer.
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
from localazure.app.inherited import package_index_variables
from localazure.app.program import Program, RuntimeFailure
from localazure.app.secret import Secret
from localazure.runtimes.airflow import home, packages, programs, requirements, settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from localazure.app.program import ProgramSpec, Workspace

KIND = "airflow"
_HOST = "127.0.0.1"
_TIMEOUT_SECONDS = 120
_START_SECONDS = 240.0


def prepare(spec: ProgramSpec, workspace: Workspace) -> Program:
    """Install an Airflow if it is missing, create its home, and return how to start it.

    The spec's parameters are `airflow`, its airflowProperties, and `web_id`, the id in its web server's host name.
    """
    airflow: dict[str, Any] = dict(spec.parameters["airflow"])
    installation = _install(spec, airflow["airflowRequirements"], workspace)
    folder = home.home_folder(workspace.folder, spec.parameters["web_id"])
    is_airflow_3 = packages.major_minor(spec.version) >= (3, 0)
    home.create_home_and_delete_others(folder, installation / "template", users_in_database=not is_airflow_3)
    port = workspace.choose_port("web")
    web = WebServer(home_folder=folder, port=port, is_airflow_3=is_airflow_3)
    url = str(airflow["airflowWebUrl"]).removesuffix("/login/")
    proxy = process.proxy_client_variables(workspace.folder.parent.parent)
    triggerer = airflow["enableTriggerers"] is True
    commands = list(
        _process_commands(installation / "bin", folder, port, is_airflow_3=is_airflow_3, triggerer=triggerer)
    )
    return Program(
        command=(sys.executable, "-I", "-S", str(programs.__file__), json.dumps(commands)),
        is_ready=web.sign_in_if_ready,
        url=f"http://{_HOST}:{port}",
        environment=settings.airflow_process_variables(airflow, folder, port, url=url, proxy=proxy),
        startup_seconds=_START_SECONDS,
        client=web,
        addresses={"user": packages.USER, "password in": str(folder / "password")},
    )


def _install(spec: ProgramSpec, lines: Sequence[str], workspace: Workspace) -> Path:
    """Install an Airflow unless it is there. Returns its folder. Raises RuntimeFailure with the end of uv's output."""
    requirements.refuse_options_and_urls(lines)
    lock = requirements.find_lock(spec.version, lines) if packages.has_python_for_locks(spec.version) else None
    folder = packages.installation_folder(workspace.installations, spec.version, lines, lock)
    if not packages.is_installed(folder):
        unhashed = requirements.not_in_lock(lines, lock)
        report = _unhashed_note(unhashed, locked=lock is not None)
        workspace.report_progress(f"installing Airflow {spec.version} into {folder}, once; {report}")
        files = _write_requirement_files(spec.version, unhashed, lock, workspace.folder)
        command = (sys.executable, str(packages.__file__), str(folder), spec.version, *map(str, files))
        try:
            workspace.run(command, package_index_variables())
        except RuntimeFailure as failure:
            what = f"Airflow {spec.version} cannot be installed with {', '.join(lines) or 'no requirements'}"
            remedy = "Correct the runtime's requirements, or check that pip reaches a package index"
            raise RuntimeFailure(what, remedy, failure.log) from failure
    return folder


def _unhashed_note(unhashed: Sequence[str], *, locked: bool) -> str:
    """Return which packages are checked by hash."""
    if not locked:
        return "this version has no lock, so its packages are not checked by hash"
    return f"checked by hash, except {', '.join(unhashed)}" if unhashed else "checked by hash"


def _write_requirement_files(version: str, unhashed: Sequence[str], lock: Path | None, folder: Path) -> list[Path]:
    """Write the requirements that no lock has into the folder. Returns the files to install, in order."""
    if lock and not unhashed:
        return [lock]
    file, constraints = folder / "requirements.txt", folder / "constraints.txt"
    constraints.write_text("\n".join(requirements.constraints(lock)) if lock else "", encoding="utf-8")
    lines = unhashed if lock else packages.requirement_lines(version, unhashed)
    file.write_text("\n".join((f"--constraint {constraints.name}", *lines)), encoding="utf-8")
    return [lock, file] if lock else [file]


def _process_commands(
    bin_folder: Path, home_folder: Path, port: int, *, is_airflow_3: bool, triggerer: bool
) -> Iterator[Sequence[str]]:
    """Yield the command of each process. None serves logs: log servers would listen on every interface."""
    airflow, no_log_server = str(bin_folder / "airflow"), "--skip-serve-logs"
    if is_airflow_3:
        options = ("--host", _HOST, "--port", str(port))
        yield (
            "env",
            settings.api_server_variable(home_folder),
            airflow,
            "api-server",
            *options,
            "--workers",
            "1",
            "--proxy-headers",
        )
        yield airflow, "dag-processor"
    else:
        # As `airflow webserver` starts it, without the monitoring process and its memory.
        gunicorn = (str(bin_folder / "python"), "-m", "gunicorn", "--bind", f"{_HOST}:{port}", "--timeout", "120")
        yield *gunicorn, "--worker-class", "gthread", "--threads", "4", "airflow.www.app:cached_app()"
    yield airflow, "scheduler", no_log_server
    if triggerer:
        yield airflow, "triggerer", no_log_server


@dataclass(kw_only=True)
class WebServer:
    """The web server of one Airflow, as the local Azure calls it. authorization: the header, set once it is ready.

    write_lock: held during a call that changes something. Of two such calls, Airflow 3 waits for sqlite in the event
    loop that the other needs for its commit (`log_action` in airflow/api_fastapi/logging/decorators.py), until sqlite
    times out. PostgreSQL has no such deadlock.
    """

    home_folder: Path
    port: int
    is_airflow_3: bool
    write_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    authorization: Secret | None = None

    @property
    def headers(self) -> dict[str, str | Secret]:
        """The headers of a forwarded call: Airflow's own authorization in place of the Entra token."""
        authorization = {"authorization": self.authorization} if self.authorization else {}
        return {**authorization, "x-forwarded-proto": "https"}

    def sign_in_if_ready(self) -> bool:
        """Check the health of web server, scheduler and DAG processor, then sign in. Returns whether all is ready.

        Raises RuntimeFailure if Airflow 3 does not accept the password.
        """
        health = self._try_request("GET", "/api/v2/monitor/health" if self.is_airflow_3 else "/health")
        components = ("scheduler", "dag_processor") if self.is_airflow_3 else ("scheduler",)
        if health is None or any(health.get(name, {}).get("status") != "healthy" for name in components):
            return False
        # Airflow 3 creates the API for tasks at its first request: 4 s of work in which it answers nothing else.
        if self.is_airflow_3 and self._try_request("GET", "/execution/health") is None:
            return False
        basic = home.basic_authorization(self.home_folder)
        self.authorization = self._sign_in() if self.is_airflow_3 else basic
        return True

    def _sign_in(self) -> Secret:
        """Sign in as the admin user. Returns the Authorization header.

        https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/auth-manager/simple/token.html
        """
        credentials = {"username": packages.USER, "password": home.read_secret(self.home_folder, "password").reveal()}
        body = self._try_request("POST", "/auth/token", credentials)
        if body is None:
            remedy = "Delete the folder and start the runtime again"
            raise RuntimeFailure(f"Airflow does not accept the password in {self.home_folder}", remedy)
        return Secret(f"Bearer {body['access_token']}")

    def _try_request(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request. Returns the JSON object of a successful response, else None."""
        connection = http.client.HTTPConnection(_HOST, self.port, timeout=_TIMEOUT_SECONDS)
        with suppress(OSError, http.client.HTTPException, ValueError):
            try:
                content = None if body is None else json.dumps(body)
                connection.request(method, path, content, {"Content-Type": "application/json"})
                response = connection.getresponse()
                text = response.read()
                return json.loads(text) if response.status < 300 else None
            finally:
                connection.close()
        return None
