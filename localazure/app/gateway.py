"""The ASGI application behind TLS: applies faults, dispatches, responds, and logs the calls for tests to count."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import zlib
from collections import Counter, deque
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from localazure.app import forward, limits, response_headers, wire
from localazure.app.call import AzureError, Reply, Upstream
from localazure.app.dispatch import error_reply

if TYPE_CHECKING:
    from collections.abc import Generator, MutableMapping

    from localazure.app.call import Call
    from localazure.app.dispatch import Dispatcher, Target
    from localazure.app.faults import Rule

NOT_SERVED = Reply(status=404, body="<h2>Our services aren't available for this host name and path</h2>")
_UNCHECKED_BYTES = 1 << 20  # of a body that is read before its caller is authenticated
_SIGNALS = {"kill": signal.SIGKILL, "interrupt": signal.SIGINT, "hold": signal.SIGSTOP}


@dataclass(frozen=True, kw_only=True)
class CallRecord:
    """One call in the log. status: 0 if a fault withheld the response. began_ms: on this machine's monotonic clock.

    query, client_request: checksums by which different queries and requests can be told apart without showing them; a
    request that a client retries has the same id (`x-ms-client-request-id`, which not every client sends). api_version:
    of Resource Manager and vaults; the one item of a query that is shown.
    """

    number: int
    method: str
    host: str
    path: str
    query: str
    client_request: str
    api_version: str
    status: int
    began_ms: float
    ms: float


class CallLog:
    """The log of the last 10,000 calls, with counts by method and host; no bodies, headers or queries."""

    def __init__(self) -> None:
        self.entries: deque[CallRecord] = deque(maxlen=10_000)
        self.counts: Counter[str] = Counter()
        self.total = 0

    def add(self, request: wire.Request, status: int, start: float) -> None:
        """Log a call that began at `start` (`time.perf_counter()`) and ends now."""
        self.total += 1
        self.counts[f"{request.method} {request.host}"] += 1
        self.entries.append(
            CallRecord(
                number=self.total,
                method=request.method,
                host=request.host,
                path=request.path,
                query=_checksum(repr(sorted(request.query.items()))),
                client_request=_checksum(request.headers.get("x-ms-client-request-id", "")),
                api_version=request.query.get("api-version", "")[:40],
                status=status,
                began_ms=round(start * 1000, 3),
                ms=round((time.perf_counter() - start) * 1000, 3),
            )
        )

    def after(self, number: int) -> dict[str, Any]:
        """Return the calls after that number as JSON, with the total and the counts of all."""
        calls = [asdict(entry) for entry in self.entries if entry.number > number]
        return {"total": self.total, "counts": dict(self.counts), "calls": calls}

    def clear(self) -> None:
        """Empty the log and count from one again."""
        self.entries.clear()
        self.counts.clear()
        self.total = 0


class Gateway:
    """The emulated services as one ASGI application."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.tenant = dispatcher.tenant
        self.calls = CallLog()
        self._under_way: dict[str, tuple[str, str]] = {}  # method and path of calls, in the order of their arrival

    async def __call__(self, scope: wire.Scope, receive: wire.Receive, send: wire.Send) -> None:
        """Answer one request."""
        request_id, request = self.tenant.clock.new_id(), wire.read_head(scope)
        is_for_tunnel = request.host == scope["state"]["tunnel"]
        target = self.dispatcher.find_target(request, request_id) if is_for_tunnel else None
        try:
            body, refusal = await self._read_body(target, receive)
        except wire.ClientDisconnected:
            return
        start = time.perf_counter()
        request = replace(request, body=body)
        rules = self.tenant.faults.count_and_match(request.method, request.host, request.path)
        aborted = _signal_clients(rules, after=False) or any(rule.fault == "reset" for rule in rules)
        with self._track_concurrent_calls(target, request_id) as target:
            await self._delay(rules)
            reply = Reply() if aborted else refusal or self._injected_or_real_reply(target, body, rules)
        lost = aborted or _loses_response(rules)
        headers, status = response_headers.common_headers(request, request_id, self.tenant), reply.status
        if isinstance(reply.body, Upstream):
            status = await forward.forward_request(request, reply.body, receive, _discard if lost else send, headers)
        _signal_clients(rules, after=True)
        self.calls.add(request, 0 if lost else status, start)
        if reply.reason_phrase and not lost:
            scope["state"]["set_reason_phrase"](reply.reason_phrase)
        if lost:
            scope["state"]["abort"]()
            await receive()  # returns when the client is disconnected
        elif any(rule.fault == "cut" for rule in rules) and not isinstance(reply.body, Upstream):
            await wire.send_truncated(send, reply, headers)
            scope["state"]["abort"]()
        elif not isinstance(reply.body, Upstream):
            await wire.send_reply(send, reply, headers)

    async def _read_body(self, target: Target | None, receive: wire.Receive) -> tuple[bytes, Reply | None]:
        """Read the body, of a large one only the beginning if its caller is refused. Returns the refusal, too."""
        begin, complete = await wire.read_body(receive, pause_after=_UNCHECKED_BYTES)
        if complete:
            return begin, None
        refusal = self.dispatcher.large_body_refusal(target) if target else NOT_SERVED
        if refusal is not None:
            return b"", refusal
        body, _ = await wire.read_body(receive, begin)
        return body, None

    @contextmanager
    def _track_concurrent_calls(self, target: Target | None, request_id: str) -> Generator[Target | None]:
        """Yield the target with a call that knows which calls were under way when it came; so is it meanwhile."""
        if target is not None:
            call = replace(target.call, beside=tuple(self._under_way.values()))
            target, self._under_way[request_id] = replace(target, call=call), (call.method, call.path)
        try:
            yield target
        finally:
            self._under_way.pop(request_id, None)

    async def _delay(self, rules: list[Rule]) -> None:
        """Wait as long as the faults of latency say, and while a call is held until all faults are cleared."""
        added = sum(rule.seconds for rule in rules if rule.fault == "latency")
        seconds = self.tenant.faults.latency_ms / 1000 + added
        if seconds:
            await asyncio.sleep(seconds)
        if any(rule.fault == "hold" for rule in rules):
            await self.tenant.faults.cleared.wait()

    def _injected_or_real_reply(self, target: Target | None, body: bytes, rules: list[Rule]) -> Reply:
        if target is None:
            return NOT_SERVED
        error = _injected_error(target.call, rules)
        if error is not None:
            return error_reply(target.service, target.call, error)
        return self._dispatch(replace(target, call=replace(target.call, body=body)), rules)

    def _dispatch(self, target: Target, rules: list[Rule]) -> Reply:
        self.tenant.store.keep_history(enabled=self.tenant.faults.needs_history)
        stale = max((rule.seconds for rule in rules if rule.fault == "stale"), default=0.0)
        return self.dispatcher.answer(target, stale_seconds=max(stale, self.tenant.faults.lag_seconds))


def _loses_response(rules: list[Rule]) -> bool:
    """Return whether the handler runs but no response is sent: it is lost, or its client is killed afterwards."""
    killed = any(rule.after and _SIGNALS.get(rule.fault) is signal.SIGKILL for rule in rules)
    return killed or any(rule.fault == "lost" for rule in rules)


async def _discard(_message: MutableMapping[str, Any]) -> None:
    """Discard an ASGI message of a response that is to be lost."""


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}" if text else ""


def _injected_error(call: Call, rules: list[Rule]) -> AzureError | None:
    """Return the error with which a rule replaces the response to a call, if one does."""
    for rule in rules:
        if rule.fault == "throttle":
            return limits.throttle_error(call, rule.retry_after)
        if rule.fault == "error":
            after = {} if rule.retry_after is None else {"Retry-After": f"{rule.retry_after:g}"}
            return AzureError(status=rule.status, code=rule.code, message=rule.message, headers=after)
    return None


def _signal_clients(rules: list[Rule], *, after: bool) -> bool:
    """Send the rules' signals to their clients. Returns whether one was killed, so that nobody waits for a response."""
    signals = [(rule.pid, _SIGNALS[rule.fault]) for rule in rules if rule.fault in _SIGNALS and rule.after is after]
    for pid, number in signals:
        if pid > 1:
            with suppress(ProcessLookupError):  # it has ended already
                os.kill(pid, number)
    return any(number is signal.SIGKILL for _, number in signals)
