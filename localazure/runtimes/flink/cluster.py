"""One running Flink, through its REST API: what jobs there are, and each thing that can be asked of one.

Everything here may wait for Flink, so it is called in threads. `seen` is what a thread of the supervisor learned last;
the event loop reads that.
https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/ops/rest_api/
"""

from __future__ import annotations

import http.client
import json
import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

# A job in one of these ends by itself never more. https://…/docs/internals/job_scheduling/#jobmanager-data-structures
TERMINAL = frozenset({"FINISHED", "FAILED", "CANCELED", "SUSPENDED"})
_BEGINNING = frozenset({"INITIALIZING", "CREATED"})
_LOOK_SECONDS = 0.25
_WAIT_SECONDS = 120.0  # for a savepoint or the end of a cancelled job
_TIMEOUT_SECONDS = 60.0
_PIECE_BYTES = 1 << 20


class FlinkError(Exception):
    """Flink did not do it; the text is its own root cause, with the errors around it in the lines below."""


@dataclass(frozen=True, kw_only=True)
class JobState:
    """A job as Flink told it last; `why` it failed."""

    state: str
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class LaunchRequest:
    """A job to start: the jar's bytes are the first `size` of the file."""

    jar: Path
    size: int
    jar_name: str
    entry_class: str
    arguments: list[str]
    parallelism: int | None = None
    savepoint: Path | None = None
    configuration: Mapping[str, str] = field(default_factory=dict[str, str])


class Cluster:
    """A running Flink; `folder` is its own, `context` has the client certificate that it asks for."""

    def __init__(self, url: str, folder: Path, context: ssl.SSLContext) -> None:
        self.url = url
        self.context = context
        self.folder = folder
        self.seen: Mapping[str, JobState] = {}
        self._guard = threading.Lock()
        self.ended = threading.Event()
        self.started = secrets.token_hex(8)  # tells this start from others

    def answers(self) -> bool:
        """Whether it is up, with all its slots."""
        try:
            return self._get("/overview")["slots-total"] > 0
        except (OSError, FlinkError, http.client.HTTPException, ValueError):
            return False

    def watch(self, ended: threading.Event) -> None:
        """Learn what its jobs do until it has ended."""
        while not ended.wait(_LOOK_SECONDS):
            # The next look, or its end, tells more.
            with suppress(OSError, FlinkError, http.client.HTTPException, KeyError, ValueError):
                self.look()
        self.ended.set()

    def look(self) -> None:
        """Learn what its jobs do."""
        for job in self._get("/jobs/overview")["jobs"]:
            self._saw(job["jid"], job["state"])

    def _saw(self, job_id: str, state: str) -> None:
        """Keep a job's state; what ended does not go on, whatever an answer says that is older."""
        before = self.seen.get(job_id)
        if before is None or (before.state != state and before.state not in TERMINAL):
            why = self._why(job_id) if state in {"FAILED", "RESTARTING", "FAILING"} else ""
            with self._guard:
                self.seen = {**self.seen, job_id: JobState(state=state, why=why)}

    def launch(self, wanted: LaunchRequest) -> str:
        """Start a job; its id, once it is past its beginning."""
        jar = self._upload(wanted)
        body: dict[str, Any] = {
            "entryClass": wanted.entry_class,
            "programArgsList": wanted.arguments,
            "flinkConfiguration": dict(wanted.configuration),
        }
        if wanted.parallelism is not None:
            body["parallelism"] = wanted.parallelism
        if wanted.savepoint is not None:
            body["savepointPath"] = _uri(wanted.savepoint)
        try:
            job_id = str(self._ask("POST", f"/jars/{jar}/run", body)["jobid"])
        finally:
            self._ask("DELETE", f"/jars/{jar}")
        self._until(lambda: self.state(job_id) not in _BEGINNING)
        return job_id

    def state(self, job_id: str) -> str:
        """What a job does now."""
        state = str(self._get(f"/jobs/{job_id}/status")["status"])
        self._saw(job_id, state)
        return state

    def cancel(self, job_id: str) -> None:
        """End a job without a savepoint."""
        self._ask("PATCH", f"/jobs/{job_id}?mode=cancel")
        self._until(lambda: self.state(job_id) in TERMINAL)

    def stop(self, job_id: str, directory: Path) -> str:
        """End a job with a savepoint below the directory; its name."""
        taken = self._savepoint(job_id, "stop", {"targetDirectory": _uri(directory), "drain": False})
        self._until(lambda: self.state(job_id) in TERMINAL)
        return taken

    def savepoint(self, job_id: str, directory: Path) -> str:
        """Take a savepoint of a job that goes on; its name."""
        asked = {"target-directory": _uri(directory), "cancel-job": False}
        return self._savepoint(job_id, "savepoints", asked)

    def checkpoint(self, job_id: str) -> Path | None:
        """Where the last completed checkpoint of a job lies, if it has one."""
        # Flink's own answer may be seconds old and name one that a newer one has replaced.
        found = (self.folder / "checkpoints" / job_id).glob("chk-*/_metadata")
        return max((metadata.parent for metadata in found), key=lambda at: int(at.name[4:]), default=None)

    def _savepoint(self, job_id: str, how: str, asked: dict[str, Any]) -> str:
        trigger = self._ask("POST", f"/jobs/{job_id}/{how}", asked)["request-id"]
        told: dict[str, Any] = {}

        def is_done() -> bool:
            told.update(self._get(f"/jobs/{job_id}/savepoints/{trigger}"))
            return told["status"]["id"] == "COMPLETED"

        self._until(is_done)
        failed = told["operation"].get("failure-cause")
        if failed:
            raise FlinkError(root_cause(str(failed.get("stack-trace") or failed.get("class"))))
        return str(told["operation"]["location"]).rstrip("/").rpartition("/")[2]

    def _why(self, job_id: str) -> str:
        told = self._get(f"/jobs/{job_id}/exceptions")
        entries = told.get("exceptionHistory", {}).get("entries", [])
        return root_cause(str(entries[0]["stacktrace"])) if entries else root_cause(str(told.get("root-exception", "")))

    def _until(self, is_so: Callable[[], bool]) -> None:
        rounds = int(_WAIT_SECONDS / _LOOK_SECONDS)
        for _ in range(rounds):
            if is_so():
                return
            if self.ended.wait(_LOOK_SECONDS):
                raise FlinkError("Flink has ended.")
        raise FlinkError(f"Flink was not done after {_WAIT_SECONDS:.0f} s.")

    def _upload(self, wanted: LaunchRequest) -> str:
        """The id that Flink gives the jar."""
        boundary = secrets.token_hex(16)
        disposition = f'form-data; name="jarfile"; filename="{wanted.jar_name}"'
        head = (
            f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: application/x-java-archive\r\n\r\n"
        ).encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + wanted.size + len(tail)),
        }
        told = self._send("POST", "/jars/upload", _pieces(head, wanted, tail), headers)
        return str(told["filename"]).rpartition("/")[2]

    def _get(self, path: str) -> Any:
        return self._ask("GET", path)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        return self._send(method, path, content, {"Content-Type": "application/json"})

    def _send(self, method: str, path: str, content: Any, headers: dict[str, str]) -> Any:
        where = urlsplit(self.url)
        connection = http.client.HTTPSConnection(
            str(where.hostname), where.port, timeout=_TIMEOUT_SECONDS, context=self.context
        )
        try:
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            told: Any = json.loads(answer.read() or b"{}")
        finally:
            connection.close()
        if answer.status >= 400:
            raise FlinkError(
                root_cause("\n".join(map(str, told.get("errors", [])))) or f"Flink answered {answer.status}."
            )
        return told


def _uri(path: Path) -> str:
    """As Flink writes it: nothing in it is quoted."""
    return f"file://{path}"


def _pieces(head: bytes, wanted: LaunchRequest, tail: bytes) -> Iterator[bytes]:
    yield head
    left = wanted.size
    with wanted.jar.open("rb") as file:
        while left > 0 and (piece := file.read(min(left, _PIECE_BYTES))):
            left -= len(piece)
            yield piece
    yield tail


def root_cause(trace: str) -> str:
    """The innermost exception of a Java stack trace, then the exceptions around it, outermost first; no frames."""
    lines = [line.strip() for line in trace.splitlines()]
    told = [line for line in lines if line and not line.startswith(("at ", "...", "<Exception", "End of exception"))]
    causes = [line.removeprefix("Caused by: ") for line in told]
    inner = next((line for line in reversed(told) if line.startswith("Caused by: ")), told[0] if told else "")
    first = inner.removeprefix("Caused by: ")
    return "\n".join(dict.fromkeys((first, *causes)))
