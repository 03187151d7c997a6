"""The control endpoint: an ASGI application on a loopback port of its own, for tests, benches and `local` verbs.

Every request needs the token of the state folder. Moves the clock, sets faults, shows the calls, resets, takes and
restores snapshots. It is no part of the emulated Azure and never shows a secret.
"""

from __future__ import annotations

import hmac
import json
import os
import re
from collections.abc import Awaitable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from localazure.app import wire
from localazure.app.call import Reply
from localazure.app.faults import parse_rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from localazure.app.gateway import Gateway
    from localazure.app.service import Report
    from localazure.app.supervisor import Supervisor

    Json = dict[str, Any]
    Verb = Callable[[Json, wire.Request], Any]

_SETTINGS = ("latency_ms", "lag_seconds", "grant_lag_seconds", "secret_lag_seconds")


class Control:
    """What can be asked: `GET /` lists it."""

    def __init__(
        self, gateway: Gateway, supervisor: Supervisor, token: str, snapshots: Path, reseed: Callable[[], None]
    ) -> None:
        self._gateway = gateway
        self._world = gateway.world
        self._supervisor = supervisor
        self._token = token
        self._snapshots = snapshots
        self._reseed = reseed
        self._verbs: dict[tuple[str, str], Verb] = {
            ("GET", "/"): self._index,
            ("GET", "/clock"): self._clock,
            ("PUT", "/clock"): self._set_clock,
            ("GET", "/faults"): self._faults,
            ("PUT", "/faults"): self._set_faults,
            ("DELETE", "/faults"): self._clear_faults,
            ("POST", "/faults/rules"): self._add_rule,
            ("GET", "/calls"): self._calls,
            ("DELETE", "/calls"): self._clear_calls,
            ("POST", "/reset"): self._reset,
            **{("GET", path): self._report(report) for path, report in self._reports()},
            ("GET", "/runtimes"): self._runtimes,
            ("POST", "/runtimes"): self._runtimes_up,
            ("DELETE", "/runtimes"): self._runtimes_down,
        }

    async def __call__(self, scope: wire.Scope, receive: wire.Receive, send: wire.Send) -> None:
        """Answer one request."""
        try:
            request = await wire.read_request(scope, receive)
        except wire.ClientDisconnected:
            return
        await wire.send_reply(send, await self._reply(request), {})

    async def _reply(self, request: wire.Request) -> Reply:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return Reply(status=401, body={"error": "the control token is missing or wrong"})
        verb = self._verbs.get((request.method, request.path)) or self._named_verb(request)
        if verb is None:
            return Reply(status=404, body={"error": f"no {request.method} {request.path}", "verbs": self._names()})
        try:
            body = json.loads(request.body or b"{}")
            found = verb(body, request)
            return Reply(body=await found if isinstance(found, Awaitable) else found)
        except (ValueError, TypeError, KeyError, AttributeError, re.error) as error:
            return Reply(status=400, body={"error": str(error)})

    def _named_verb(self, request: wire.Request) -> Verb | None:
        found = re.fullmatch(r"/(snapshots|settings)/[A-Za-z0-9_-]{1,64}", request.path)
        verbs: dict[tuple[str, str], Verb] = {
            ("PUT", "snapshots"): self._snapshot,
            ("POST", "snapshots"): self._restore,
            ("GET", "settings"): self._setting,
            ("PUT", "settings"): self._set_setting,
        }
        return verbs.get((request.method, found[1])) if found else None

    def _names(self) -> list[str]:
        fixed = [f"{method} {path}" for method, path in self._verbs]
        named = ("PUT /snapshots/{name} (take)", "POST /snapshots/{name} (restore)")
        return [*fixed, *named, "GET /settings/{name}", "PUT /settings/{name} (of a service)"]

    def _index(self, _body: Json, _request: wire.Request) -> Json:
        return {"pid": os.getpid(), "verbs": self._names(), "services": self._services()}

    def _services(self) -> list[str]:
        return [service.name for service in self._gateway.dispatcher.services]

    def _clock(self, _body: Json, _request: wire.Request) -> Json:
        clock = self._world.clock
        return {"offset_seconds": clock.offset_seconds, "now": clock.now().isoformat()}

    def _set_clock(self, body: Json, request: wire.Request) -> Json:
        """`offset_seconds` sets it, `advance_seconds` moves it on."""
        clock = self._world.clock
        offset = float(body.get("offset_seconds", clock.offset_seconds))
        clock.offset_seconds = offset + float(body.get("advance_seconds", 0.0))
        return self._clock(body, request)

    def _faults(self, _body: Json, _request: wire.Request) -> Json:
        faults = self._world.faults
        settings = {name: getattr(faults, name) for name in _SETTINGS}
        return {**settings, "rules": [asdict(each) for each in faults.rules]}

    def _set_faults(self, body: Json, request: wire.Request) -> Json:
        unknown = sorted(set(body) - set(_SETTINGS))
        if unknown:
            raise ValueError(f"unknown settings {unknown}; known are {list(_SETTINGS)}")
        for name, value in body.items():
            setattr(self._world.faults, name, float(value))
        return self._changed(body, request)

    def _clear_faults(self, body: Json, request: wire.Request) -> Json:
        self._world.faults.clear()
        return self._changed(body, request)

    def _add_rule(self, body: Json, request: wire.Request) -> Json:
        self._world.faults.rules.append(parse_rule(body))
        return self._changed(body, request)

    def _changed(self, body: Json, request: wire.Request) -> Json:
        """From now on what is overwritten is kept, if it may have to be shown again."""
        self._world.store.keep_history(enabled=self._world.faults.need_history)
        return self._faults(body, request)

    def _calls(self, _body: Json, request: wire.Request) -> Json:
        return self._gateway.calls.shown(int(request.query.get("since", "0")))

    def _clear_calls(self, _body: Json, _request: wire.Request) -> Json:
        self._gateway.calls.clear()
        return {}

    def _reset(self, _body: Json, _request: wire.Request) -> Json:
        """A tenant as new: store, clock, faults and calls."""
        self._supervisor.down(forget=True)
        self._world.faults.clear()
        self._world.store.keep_history(enabled=False)
        self._world.store.clear()
        self._world.clock.offset_seconds = 0.0
        self._gateway.calls.clear()
        self._gateway.dispatcher.limits.clear()
        self._reseed()
        return {}

    def _reports(self) -> Iterator[tuple[str, Report]]:
        for service in self._gateway.dispatcher.services:
            yield from service.reports.items()

    def _report(self, report: Report) -> Verb:
        return lambda _body, _request: report(self._world, self._gateway.dispatcher.ask)

    def _runtimes(self, _body: Json, request: wire.Request) -> Awaitable[Json]:
        """The real programs behind services. `after=N&seconds=S`: once something changed since N, after S at last."""
        after, seconds = int(request.query.get("after", "-1")), float(request.query.get("seconds", "0"))
        return self._supervisor.after(after, seconds)

    def _runtimes_up(self, _body: Json, _request: wire.Request) -> Awaitable[Json]:
        """Start what the tenant wants; returns at once, GET tells how far each is."""
        self._supervisor.up(self._world)
        return self._supervisor.after(-1, 0)

    async def _runtimes_down(self, _body: Json, _request: wire.Request) -> Json:
        """End them all; returns when nothing of them runs."""
        await self._supervisor.close()
        return await self._supervisor.after(-1, 0)

    def _setting(self, _body: Json, request: wire.Request) -> Json:
        return self._world.store.get("settings", request.path.rsplit("/", 1)[-1]) or {}

    def _set_setting(self, body: Json, request: wire.Request) -> Json:
        """What a service lets tests set, `airflow` say; its module says what there is."""
        return self._world.store.put("settings", request.path.rsplit("/", 1)[-1], body)

    def _snapshot(self, _body: Json, request: wire.Request) -> Json:
        self._world.store.snapshot(self._folder(request))
        return {}

    def _restore(self, _body: Json, request: wire.Request) -> Json:
        folder = self._folder(request)
        if not folder.exists():
            raise ValueError(f"no snapshot {folder.name!r}")
        self._world.store.restore(folder)
        self._gateway.dispatcher.limits.clear()
        return {}

    def _folder(self, request: wire.Request) -> Path:
        return self._snapshots / request.path.rsplit("/", 1)[-1]
