"""Flink's own REST API, with or without a web server before it that asks who is there.

https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/ops/rest_api/
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provisioner.errors import NotAuthorized, Unexpected, Unreachable
from provisioner.model import FlinkJob

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    import requests

    from provisioner.cloud.transport.session import Session
    from provisioner.model import FlinkAccess

SECONDS = (5.0, 20.0)  # to connect, to answer
DENIED = (401, 403)
REDIRECT = 300
TASKS_RUN = {"RUNNING", "FINISHED"}  # states of tasks with which a checkpoint can be taken
ENDS = (
    None,
    "CANCELLING",
    "CANCELED",
    "FAILED",
    "FINISHED",
)  # of a job that is or will be over; None: forgotten
BUSY = (429, 502, 503, 504)
LIMIT = "rest.server.max-content-length"
DEFAULT_LIMIT = 104_857_600  # of https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/deployment/config/


@dataclass(frozen=True, kw_only=True)
class FlinkCluster:
    """A running Flink. upload_bytes: the largest request that it takes; takes_jars: whether jars can be uploaded."""

    version: str
    upload_bytes: int
    takes_jars: bool


class FlinkRest:
    """Raises CloudError: Unreachable without an answer of Flink, NotAuthorized where its front denies the caller."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def cluster(self, access: FlinkAccess) -> FlinkCluster:
        """What the cluster says of itself."""
        with self._http(access) as http:
            config: dict[str, Any] = _send(http, access, "/config")
            settings: list[dict[str, Any]] = _send(http, access, "/jobmanager/config")
        limit = next((str(one.get("value")) for one in settings if one.get("key") == LIMIT), "")
        return FlinkCluster(
            version=str(config.get("flink-version") or ""),
            upload_bytes=int(limit) if limit.isdigit() else DEFAULT_LIMIT,
            takes_jars=bool(config.get("features", {}).get("web-submit", True)),
        )

    def list_jobs(self, access: FlinkAccess) -> list[FlinkJob]:
        """All jobs that it shows, the one that was started last first."""
        with self._http(access) as http:
            listed: list[dict[str, Any]] = _send(http, access, "/jobs/overview").get("jobs") or []
        listed.sort(key=lambda job: -int(job.get("start-time") or 0))
        return [
            FlinkJob(
                name=str(job.get("name") or ""),
                id=str(job.get("jid", "")),
                status=str(job.get("state") or ""),
                args="",
                output="",
            )
            for job in listed
        ]

    def cancel(self, access: FlinkAccess, job_id: str) -> None:
        """Have a job cancelled; fine if it has ended. Without an answer, what Flink says of the job decides."""
        with self._http(access) as http:
            try:
                _send(http, access, f"/jobs/{job_id}?mode=cancel", method="PATCH", fine=(404, 409))
            except Unreachable:
                if _send(http, access, f"/jobs/{job_id}", fine=(404,)).get("state") not in ENDS:
                    raise

    def take_savepoint(self, access: FlinkAccess, job_id: str, directory: str) -> str:
        """Take a savepoint of a running job and wait for it. Returns its URI. directory: empty: the cluster's own."""
        body = {
            "cancel-job": False,
            "triggerId": self._session.new_id().replace("-", ""),
            **({"target-directory": directory} if directory else {}),
        }
        with self._http(access) as http:
            self._await_tasks(http, access, job_id)
            return self._request_and_await_savepoint(http, access, job_id, "savepoints", body)

    def stop_with_savepoint(self, access: FlinkAccess, job_id: str, directory: str) -> str:
        """Stop a running job with a savepoint, and wait for that. Returns its URI.

        The id of the request follows from the job's, so that one whose answer was lost is not sent twice.
        """
        trigger = hashlib.sha256(f"{job_id} migration".encode()).hexdigest()[:32]
        body = {"drain": False, "targetDirectory": directory, "triggerId": trigger}
        with self._http(access) as http:
            if _is_known(http, access, job_id, trigger):
                return self._await_savepoint(http, access, job_id, trigger)
            self._await_tasks(http, access, job_id)
            return self._request_and_await_savepoint(http, access, job_id, "stop", body)

    def _request_and_await_savepoint(
        self, http: requests.Session, access: FlinkAccess, job_id: str, operation: str, body: Mapping[str, Any]
    ) -> str:
        """The URI of a savepoint that is asked for. Without an answer, Flink is asked whether it takes it."""
        trigger = str(body["triggerId"])
        try:
            _send(http, access, f"/jobs/{job_id}/{operation}", method="POST", body=body)
        except Unreachable:
            if not _is_known(http, access, job_id, trigger):
                raise
        return self._await_savepoint(http, access, job_id, trigger)

    def _await_tasks(self, http: requests.Session, access: FlinkAccess, job_id: str) -> None:
        """Wait until every task runs: before, Flink takes no savepoint, though it calls the job running."""
        self._session.waits.until(
            lambda: {one["status"] for one in _send(http, access, f"/jobs/{job_id}")["vertices"]} <= TASKS_RUN,
            what=f"every task of {job_id} to run",
        )

    def _await_savepoint(self, http: requests.Session, access: FlinkAccess, job_id: str, trigger: str) -> str:
        """The URI of a savepoint that was asked for."""
        found: dict[str, Any] = {}

        def is_over() -> bool:
            found.clear()
            found.update(_send(http, access, f"/jobs/{job_id}/savepoints/{trigger}", fine=(404,)))
            return not found or found["status"]["id"] == "COMPLETED"

        seconds = self._session.waits.limits.operation_seconds
        self._session.waits.until(is_over, what=f"the savepoint of {job_id}", deadline_seconds=seconds)
        if not found:
            message = "Flink has forgotten it, as after a restart of its JobManager"
            raise Unexpected(operation=f"savepoint of {job_id}", message=message, remedy="Take another one.")
        operation: dict[str, Any] = found["operation"]
        if "location" not in operation:
            trace = str(operation.get("failure-cause", {}).get("stack-trace", ""))
            message = trace.partition("\n")[0] or "Flink does not say why"
            raise Unexpected(operation=f"savepoint of {job_id}", message=message, remedy="The job runs on.")
        return str(operation["location"])

    @contextmanager
    def _http(self, access: FlinkAccess) -> Generator[requests.Session]:
        """A session on this run's route, signed in. PEM texts are files of this user for as long as it lasts."""
        import requests

        route = self._session.route
        with requests.Session() as http, tempfile.TemporaryDirectory(prefix="provisioner-") as folder:
            http.trust_env = route.proxies is None
            http.proxies.update(route.proxies or {})
            http.verify = _write_file(folder, "ca.pem", access.ca) or route.ca_bundle or True
            certificate = access.certificate.reveal() if access.certificate else ""
            http.cert = _write_file(folder, "client.pem", certificate) or None
            http.headers.update({name: value.reveal() for name, value in access.headers.items()})
            http.auth = partial(_signed, self._authorization(access))
            yield http

    def _authorization(self, access: FlinkAccess) -> str:
        """The header's value; empty without one."""
        if access.password is not None:
            pair = f"{access.user}:{access.password.reveal()}".encode()
            return f"Basic {base64.b64encode(pair).decode()}"
        if access.bearer is not None:
            return f"Bearer {access.bearer.reveal()}"
        if not access.scope:
            return ""
        from provisioner.cloud.errors import translated

        with translated("sign-in"):
            return f"Bearer {self._session.credential.get_token_info(access.scope).token}"


def _signed(authorization: str, request: requests.PreparedRequest) -> requests.PreparedRequest:
    """The request with its header; set like this, a .netrc of the user says nothing of it."""
    if authorization:
        request.headers["Authorization"] = authorization
    return request


def _is_known(http: requests.Session, access: FlinkAccess, job_id: str, trigger: str) -> bool:
    """Whether Flink has been asked for this savepoint."""
    return bool(_send(http, access, f"/jobs/{job_id}/savepoints/{trigger}", fine=(404,)))


def _write_file(folder: str, name: str, text: str) -> str:
    if not text:
        return ""
    file = Path(folder, name)
    file.write_text(text, encoding="utf-8")
    return str(file)


def _send(
    http: requests.Session,
    access: FlinkAccess,
    path: str,
    *,
    method: str = "GET",
    body: Any = None,
    fine: tuple[int, ...] = (),
) -> Any:
    """The JSON of one answer. fine: statuses that are no error besides those below 300."""
    import requests

    operation = f"{method} {access.url}{path}"
    try:
        # Said once more, since a variable such as REQUESTS_CA_BUNDLE would go before the session's own.
        url = f"{access.url}{path}"
        answer = http.request(method, url, json=body, timeout=SECONDS, allow_redirects=False, verify=http.verify)
        status = answer.status_code
        if status in fine:
            return {}
        if status in DENIED:
            raise NotAuthorized(operation=operation, status=status, remedy="Correct `flink.auth`.")
        if status in BUSY:
            raise Unreachable(operation=operation, status=status, remedy="Start Flink, or the server before it.")
        if status >= REDIRECT:
            raise Unexpected(operation=operation, status=status, remedy="Correct `flink.url`.")
        return answer.json()
    except requests.exceptions.JSONDecodeError:
        raise Unexpected(
            operation=operation, message="the answer is not Flink's", remedy="Correct `flink.url`."
        ) from None
    except (requests.exceptions.RequestException, OSError) as error:  # OSError: a certificate that is none
        remedy = "Correct `flink`, or let this machine in."
        raise Unreachable(operation=operation, message=type(error).__name__, remedy=remedy) from None


CLIENT = FlinkRest
