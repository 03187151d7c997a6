"""The ASGI application behind TLS: faults, then dispatch, then the answer; and the log of calls that tests count."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import zlib
from collections import Counter, deque
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from localazure.app import forward, response_headers, wire
from localazure.app.call import AzureError, Reply, Upstream
from localazure.app.dispatch import error_reply

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from localazure.app.dispatch import Dispatcher, Target
    from localazure.app.faults import Rule

_SIGNALS = {"kill": signal.SIGKILL, "interrupt": signal.SIGINT}


@dataclass(frozen=True, kw_only=True)
class CallRecord:
    """One call that was answered; `status` 0: the answer was withheld. began_ms: on this machine's steady clock.

    query, client_request: checksums that tell queries of one path apart, and requests, and show none; a request that
    a client sends again has the same id (`x-ms-client-request-id`, which not all send).
    """

    number: int
    method: str
    host: str
    path: str
    query: str
    client_request: str
    status: int
    began_ms: float
    ms: float


class CallLog:
    """The last calls, and how many there were of each kind; never bodies, headers or query values."""

    def __init__(self) -> None:
        self.entries: deque[CallRecord] = deque(maxlen=10_000)
        self.counts: Counter[str] = Counter()
        self.total = 0

    def add(self, request: wire.Request, status: int, start: float) -> None:
        """Note one call that began at `start`."""
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
                status=status,
                began_ms=round(start * 1000, 3),
                ms=round((time.perf_counter() - start) * 1000, 3),
            )
        )

    def shown(self, since: int = 0) -> dict[str, Any]:
        """The calls after number `since`."""
        calls = [asdict(entry) for entry in self.entries if entry.number > since]
        return {"total": self.total, "counts": dict(self.counts), "calls": calls}

    def clear(self) -> None:
        """Count from one again."""
        self.entries.clear()
        self.counts.clear()
        self.total = 0


class Gateway:
    """The emulated services as one ASGI application."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.world = dispatcher.world
        self.calls = CallLog()

    async def __call__(self, scope: wire.Scope, receive: wire.Receive, send: wire.Send) -> None:
        """Answer one request."""
        try:
            request = await wire.read_request(scope, receive)
        except wire.ClientDisconnected:
            return
        start = time.perf_counter()
        request_id = self.world.clock.new_id()
        rules = self.world.faults.hits(request.method, request.host, request.path)
        await self._wait(rules)
        dead = _signal(rules, after=False) or any(rule.fault == "reset" for rule in rules)
        reply = Reply() if dead else self._reply(request, request_id, rules, scope["state"]["tunnel"])
        lost = dead or _to_be_lost(rules)
        headers, status = response_headers.common_headers(request, request_id, self.world), reply.status
        if isinstance(reply.body, Upstream):
            status = await forward.forward_request(request, reply.body, receive, _unheard if lost else send, headers)
        _signal(rules, after=True)
        self.calls.add(request, 0 if lost else status, start)
        if reply.reason_phrase and not lost:
            scope["state"]["phrase"](reply.reason_phrase)
        if lost:
            scope["state"]["abort"]()
            await receive()  # returns when the connection is down
        elif any(rule.fault == "cut" for rule in rules) and not isinstance(reply.body, Upstream):
            await wire.send_truncated(send, reply, headers)
            scope["state"]["abort"]()
        elif not isinstance(reply.body, Upstream):
            await wire.send_reply(send, reply, headers)

    async def _wait(self, rules: list[Rule]) -> None:
        slow = sum(rule.seconds for rule in rules if rule.fault == "latency")
        seconds = self.world.faults.latency_ms / 1000 + slow
        if seconds:
            await asyncio.sleep(seconds)

    def _reply(self, request: wire.Request, request_id: str, rules: list[Rule], tunnel: str) -> Reply:
        target = self.dispatcher.target(request, request_id) if request.host == tunnel else None
        if target is None:
            return Reply(status=404, body="<h2>Our services aren't available for this host name and path</h2>")
        error = _asked_for(rules)
        if error is not None:
            return error_reply(target.service, target.call, error)
        return self._answer(target, rules)

    def _answer(self, target: Target, rules: list[Rule]) -> Reply:
        self.world.store.keep_history(enabled=self.world.faults.need_history)
        stale = max((rule.seconds for rule in rules if rule.fault == "stale"), default=0.0)
        return self.dispatcher.answer(target, stale_seconds=max(stale, self.world.faults.lag_seconds))


def _to_be_lost(rules: list[Rule]) -> bool:
    """Whether nobody gets the answer: it is lost, or its client is killed when what was asked has happened."""
    killed = any(rule.after and _SIGNALS.get(rule.fault) is signal.SIGKILL for rule in rules)
    return killed or any(rule.fault == "lost" for rule in rules)


async def _unheard(_message: MutableMapping[str, Any]) -> None:
    """Where an answer goes that is lost on its way: what it tells of has happened."""


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}" if text else ""


def _asked_for(rules: list[Rule]) -> AzureError | None:
    """The error that a rule wants instead of an answer."""
    for rule in rules:
        if rule.fault == "throttle":
            after = {} if rule.retry_after is None else {"Retry-After": f"{rule.retry_after:g}"}
            message = "The request was throttled; try again later."
            return AzureError(status=429, code="TooManyRequests", message=message, headers=after)
        if rule.fault == "error":
            after = {} if rule.retry_after is None else {"Retry-After": f"{rule.retry_after:g}"}
            return AzureError(status=rule.status, code=rule.code, message=rule.message, headers=after)
    return None


def _signal(rules: list[Rule], *, after: bool) -> bool:
    """Tell the clients that are to be ended now; says whether one was killed, so that nobody waits for the answer."""
    named = [(rule.pid, _SIGNALS[rule.fault]) for rule in rules if rule.fault in _SIGNALS and rule.after is after]
    for pid, number in named:
        if pid > 1:
            with suppress(ProcessLookupError):  # it ended before
                os.kill(pid, number)
    return any(number is signal.SIGKILL for _, number in named)
