"""A client of one running Flink's REST API: the states of its jobs, and the operations on them.

Everything here may wait for Flink, so it is called in threads. `job_states` is updated by the runtime's thread; the
event loop reads it.
https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/ops/rest_api/
"""

from __future__ import annotations

import http.client
import json
import secrets
import threading
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

# States that a job never leaves. https://…/docs/internals/job_scheduling/#jobmanager-data-structures
TERMINAL = frozenset({"FINISHED", "FAILED", "CANCELED", "SUSPENDED"})
_INITIAL = frozenset({"INITIALIZING", "CREATED"})
_POLL_SECONDS = 0.25
_WAIT_SECONDS = 120.0  # for a savepoint or the end of a cancelled job
_TIMEOUT_SECONDS = 60.0
_CHUNK_BYTES = 1 << 20


class FlinkError(Exception):
    """An operation failed in Flink. The text is its root cause, then the errors around it, one a line."""


@dataclass(frozen=True, kw_only=True)
class JobState:
    """The last known state of a job, and the cause of its failure, if it failed."""

    state: str
    cause: str = ""


@dataclass(frozen=True, kw_only=True)
class LaunchRequest:
    """A job to start. The jar is the first `size` bytes of the file. savepoint: the folder to restore from, if any."""

    jar: Path
    size: int
    jar_name: str
    entry_class: str
    arguments: list[str]
    parallelism: int | None = None
    savepoint: Path | None = None
    configuration: Mapping[str, str] = field(default_factory=dict[str, str])


class Cluster:
    """A running Flink. folder: its working folder. tls_context: has the client certificate that it requires."""

    def __init__(self, url: str, folder: Path, tls_context: ssl.SSLContext) -> None:
        self.url = url
        self.tls_context = tls_context
        self.folder = folder
        self.job_states: Mapping[str, JobState] = {}
        self._lock = threading.Lock()
        self.ended = threading.Event()
        self.start_id = secrets.token_hex(8)  # identifies this start of the cluster

    def is_up(self) -> bool:
        """Return whether it answers and its task slots are available."""
        try:
            return self._get("/overview")["slots-total"] > 0
        except (OSError, FlinkError, http.client.HTTPException, ValueError):
            return False

    def watch(self, ended: threading.Event) -> None:
        """Update the job states again and again until the cluster has ended.

        On one connection, so that not every round begins with a TLS handshake.
        """
        with closing(self._connection()) as connection:
            while not ended.wait(_POLL_SECONDS):
                # An error is passed over: the next round, or the end of the cluster, follows.
                with suppress(OSError, FlinkError, http.client.HTTPException, KeyError, ValueError):
                    self.update_job_states(connection)
        self.ended.set()

    def update_job_states(self, connection: http.client.HTTPSConnection) -> None:
        """Read the states of all jobs. The connection stays open unless that fails."""
        try:
            jobs = _exchange(connection, "GET", "/jobs/overview", None, {})["jobs"]
        except BaseException:
            connection.close()  # the next request opens it again
            raise
        for job in jobs:
            self._record_unless_ended(job["jid"], job["state"])

    def _record_unless_ended(self, job_id: str, state: str) -> None:
        """Keep a job's state, but never leave a terminal one, since a response may be older."""
        before = self.job_states.get(job_id)
        if before is None or (before.state != state and before.state not in TERMINAL):
            cause = self._failure_cause(job_id) if state in {"FAILED", "RESTARTING", "FAILING"} else ""
            with self._lock:
                self.job_states = {**self.job_states, job_id: JobState(state=state, cause=cause)}

    def launch(self, request: LaunchRequest) -> str:
        """Start a job and wait until it is initialized. Returns its id. Raises FlinkError."""
        jar_id = self._upload(request)
        body: dict[str, Any] = {
            "entryClass": request.entry_class,
            "programArgsList": request.arguments,
            "flinkConfiguration": dict(request.configuration),
        }
        if request.parallelism is not None:
            body["parallelism"] = request.parallelism
        if request.savepoint is not None:
            body["savepointPath"] = _uri(request.savepoint)
        try:
            job_id = str(self._request("POST", f"/jars/{jar_id}/run", body)["jobid"])
        finally:
            self._request("DELETE", f"/jars/{jar_id}")
        self._wait_until(lambda: self.get_state(job_id) not in _INITIAL)
        return job_id

    def get_state(self, job_id: str) -> str:
        """Ask Flink for the state of a job, and record it. Raises FlinkError."""
        state = str(self._get(f"/jobs/{job_id}/status")["status"])
        self._record_unless_ended(job_id, state)
        return state

    def cancel(self, job_id: str) -> None:
        """Cancel a job without a savepoint, and wait until it has ended."""
        self._request("PATCH", f"/jobs/{job_id}?mode=cancel")
        self._wait_until(lambda: self.get_state(job_id) in TERMINAL)

    def stop_with_savepoint(self, job_id: str, directory: Path) -> str:
        """Stop a job with a savepoint below the directory, and wait for its end. Returns the savepoint's name."""
        savepoint = self._trigger_savepoint_and_wait(
            job_id, "stop", {"targetDirectory": _uri(directory), "drain": False}
        )
        self._wait_until(lambda: self.get_state(job_id) in TERMINAL)
        return savepoint

    def take_savepoint(self, job_id: str, directory: Path) -> str:
        """Take a savepoint of a job that keeps running. Returns the savepoint's name."""
        body = {"target-directory": _uri(directory), "cancel-job": False}
        return self._trigger_savepoint_and_wait(job_id, "savepoints", body)

    def find_last_checkpoint(self, job_id: str) -> Path | None:
        """Return the folder of a job's last completed checkpoint, or None."""
        # The REST API may be seconds late and name one that a newer one has replaced.
        metadata_files = (self.folder / "checkpoints" / job_id).glob("chk-*/_metadata")
        return max(
            (metadata.parent for metadata in metadata_files), key=lambda folder: int(folder.name[4:]), default=None
        )

    def _trigger_savepoint_and_wait(self, job_id: str, operation: str, body: dict[str, Any]) -> str:
        """Trigger a savepoint and wait for it. Returns its name. Raises FlinkError."""
        trigger_id = self._request("POST", f"/jobs/{job_id}/{operation}", body)["request-id"]
        result: dict[str, Any] = {}

        def is_done() -> bool:
            result.update(self._get(f"/jobs/{job_id}/savepoints/{trigger_id}"))
            return result["status"]["id"] == "COMPLETED"

        self._wait_until(is_done)
        failure = result["operation"].get("failure-cause")
        if failure:
            raise FlinkError(causes_innermost_first(str(failure.get("stack-trace") or failure.get("class"))))
        return str(result["operation"]["location"]).rstrip("/").rpartition("/")[2]

    def _failure_cause(self, job_id: str) -> str:
        exceptions = self._get(f"/jobs/{job_id}/exceptions")
        entries = exceptions.get("exceptionHistory", {}).get("entries", [])
        return causes_innermost_first(
            str(entries[0]["stacktrace"] if entries else exceptions.get("root-exception", ""))
        )

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        rounds = int(_WAIT_SECONDS / _POLL_SECONDS)
        for _ in range(rounds):
            if condition():
                return
            if self.ended.wait(_POLL_SECONDS):
                raise FlinkError("Flink has ended.")
        raise FlinkError(f"Flink was not done after {_WAIT_SECONDS:.0f} s.")

    def _upload(self, request: LaunchRequest) -> str:
        """Upload the jar. Returns the id that Flink gives it."""
        boundary = secrets.token_hex(16)
        disposition = f'form-data; name="jarfile"; filename="{request.jar_name}"'
        head = (
            f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: application/x-java-archive\r\n\r\n"
        ).encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + request.size + len(tail)),
        }
        uploaded = self._send("POST", "/jars/upload", _multipart_chunks(head, request, tail), headers)
        return str(uploaded["filename"]).rpartition("/")[2]

    def _get(self, path: str) -> Any:
        return self._request("GET", path)

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        return self._send(method, path, content, {"Content-Type": "application/json"})

    def _send(self, method: str, path: str, content: Any, headers: dict[str, str]) -> Any:
        with closing(self._connection()) as connection:
            return _exchange(connection, method, path, content, headers)

    def _connection(self) -> http.client.HTTPSConnection:
        """Return a connection that opens with its first request."""
        url = urlsplit(self.url)
        return http.client.HTTPSConnection(
            str(url.hostname), url.port, timeout=_TIMEOUT_SECONDS, context=self.tls_context
        )


def _exchange(
    connection: http.client.HTTPSConnection, method: str, path: str, content: Any, headers: Mapping[str, str]
) -> Any:
    """Send a request. Returns the JSON of the response. Raises FlinkError if it is an error of Flink."""
    connection.request(method, path, content, headers)
    response = connection.getresponse()
    body: Any = json.loads(response.read() or b"{}")
    if response.status >= 400:
        raise FlinkError(
            causes_innermost_first("\n".join(map(str, body.get("errors", [])))) or f"Flink answered {response.status}."
        )
    return body


def _uri(path: Path) -> str:
    """Return a file URI as Flink writes it, without percent-encoding."""
    return f"file://{path}"


def _multipart_chunks(head: bytes, request: LaunchRequest, tail: bytes) -> Iterator[bytes]:
    yield head
    remaining = request.size
    with request.jar.open("rb") as file:
        while remaining > 0 and (chunk := file.read(min(remaining, _CHUNK_BYTES))):
            remaining -= len(chunk)
            yield chunk
    yield tail


def causes_innermost_first(trace: str) -> str:
    """Return the innermost exception of a Java stack trace, then those around it, outermost first, without frames."""
    lines = [line.strip() for line in trace.splitlines()]
    messages = [
        line for line in lines if line and not line.startswith(("at ", "...", "<Exception", "End of exception"))
    ]
    causes = [line.removeprefix("Caused by: ") for line in messages]
    inner = next(
        (line for line in reversed(messages) if line.startswith("Caused by: ")), messages[0] if messages else ""
    )
    first = inner.removeprefix("Caused by: ")
    return "\n".join(dict.fromkeys((first, *causes)))
