"""The control endpoint: an ASGI application on a loopback port of its own, for tests, benches and `local` verbs.

Every request needs the token in the state folder. It moves the clock, sets faults, lists calls, resets the tenant,
takes and restores snapshots, starts and stops runtimes. It is no part of the emulated Azure and never returns a secret.
"""

from __future__ import annotations

import hmac
import json
import os
import re
import sqlite3
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
    """The control endpoint; `GET /` lists its verbs."""

    def __init__(
        self, gateway: Gateway, supervisor: Supervisor, token: str, snapshots: Path, reseed: Callable[[], None]
    ) -> None:
        self._gateway = gateway
        self._tenant = gateway.tenant
        self._supervisor = supervisor
        self._token = token
        self._snapshots = snapshots
        self._reseed = reseed
        self._verbs: dict[tuple[str, str], Verb] = {
            ("GET", "/"): self._index,
            ("GET", "/clock"): self._clock,
            ("PUT", "/clock"): self._set_clock,
            ("GET", "/faults"): self._show_faults,
            ("PUT", "/faults"): self._set_faults,
            ("DELETE", "/faults"): self._clear_faults,
            ("POST", "/faults/rules"): self._add_rule,
            ("GET", "/calls"): self._calls,
            ("DELETE", "/calls"): self._clear_calls,
            ("GET", "/routes"): self._show_route_counts,
            ("POST", "/reset"): self._reset,
            **{("GET", path): self._report_verb(report) for path, report in self._service_reports()},
            ("GET", "/runtimes"): self._list_runtimes,
            ("POST", "/runtimes"): self._start_runtimes,
            ("DELETE", "/runtimes"): self._stop_runtimes,
        }

    async def __call__(self, scope: wire.Scope, receive: wire.Receive, send: wire.Send) -> None:
        """Answer one request."""
        if not self._has_token(wire.read_head(scope)):
            refusal = Reply(status=401, body={"error": "the control token is missing or wrong"})
            await wire.send_reply(send, refusal, {})
            return
        try:
            request = await wire.read_request(scope, receive)
        except wire.ClientDisconnected:
            return
        await wire.send_reply(send, await self._reply(request), {})

    def _has_token(self, head: wire.Request) -> bool:
        token = head.headers.get("authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(token.encode(), self._token.encode())

    async def _reply(self, request: wire.Request) -> Reply:
        verb = self._verbs.get((request.method, request.path)) or self._snapshot_or_setting_verb(request)
        if verb is None:
            return Reply(status=404, body={"error": f"no {request.method} {request.path}", "verbs": self._verb_names()})
        try:
            body = json.loads(request.body or b"{}")
            result = verb(body, request)
            return Reply(body=await result if isinstance(result, Awaitable) else result)
        except (ValueError, TypeError, KeyError, AttributeError, re.error) as error:
            return Reply(status=400, body={"error": str(error)})
        except (OSError, sqlite3.Error) as error:
            return Reply(status=500, body={"error": str(error)})

    def _snapshot_or_setting_verb(self, request: wire.Request) -> Verb | None:
        match = re.fullmatch(r"/(snapshots|settings)/[A-Za-z0-9_-]{1,64}", request.path)
        verbs: dict[tuple[str, str], Verb] = {
            ("PUT", "snapshots"): self._take_snapshot,
            ("POST", "snapshots"): self._restore_snapshot,
            ("GET", "settings"): self._setting,
            ("PUT", "settings"): self._set_setting,
        }
        return verbs.get((request.method, match[1])) if match else None

    def _verb_names(self) -> list[str]:
        fixed = [f"{method} {path}" for method, path in self._verbs]
        named = ("PUT /snapshots/{name} (take)", "POST /snapshots/{name} (restore)")
        return [*fixed, *named, "GET /settings/{name}", "PUT /settings/{name} (of a service)"]

    def _index(self, _body: Json, _request: wire.Request) -> Json:
        services = [service.name for service in self._gateway.dispatcher.services]
        return {"pid": os.getpid(), "verbs": self._verb_names(), "services": services}

    def _clock(self, _body: Json, _request: wire.Request) -> Json:
        clock = self._tenant.clock
        return {"offset_seconds": clock.offset_seconds, "now": clock.now().isoformat()}

    def _set_clock(self, body: Json, request: wire.Request) -> Json:
        """Set the clock's offset to `offset_seconds`, then advance it by `advance_seconds`."""
        clock = self._tenant.clock
        offset = float(body.get("offset_seconds", clock.offset_seconds))
        clock.offset_seconds = offset + float(body.get("advance_seconds", 0.0))
        return self._clock(body, request)

    def _show_faults(self, _body: Json, _request: wire.Request) -> Json:
        faults = self._tenant.faults
        settings = {name: getattr(faults, name) for name in _SETTINGS}
        return {**settings, "rules": [asdict(each) for each in faults.rules]}

    def _set_faults(self, body: Json, request: wire.Request) -> Json:
        unknown = sorted(set(body) - set(_SETTINGS))
        if unknown:
            raise ValueError(f"unknown settings {unknown}; known are {list(_SETTINGS)}")
        for name, value in body.items():
            setattr(self._tenant.faults, name, float(value))
        return self._sync_history_and_show_faults(body, request)

    def _clear_faults(self, body: Json, request: wire.Request) -> Json:
        self._tenant.faults.clear()
        return self._sync_history_and_show_faults(body, request)

    def _add_rule(self, body: Json, request: wire.Request) -> Json:
        self._tenant.faults.rules.append(parse_rule(body))
        return self._sync_history_and_show_faults(body, request)

    def _sync_history_and_show_faults(self, body: Json, request: wire.Request) -> Json:
        """Have the store keep its history if a fault serves stale reads. Returns the faults."""
        self._tenant.store.keep_history(enabled=self._tenant.faults.needs_history)
        return self._show_faults(body, request)

    def _calls(self, _body: Json, request: wire.Request) -> Json:
        return self._gateway.calls.after(int(request.query.get("since", "0")))

    def _clear_calls(self, _body: Json, _request: wire.Request) -> Json:
        self._gateway.calls.clear()
        return {}

    def _show_route_counts(self, _body: Json, _request: wire.Request) -> Json:
        """Every route, with how often it was taken since the local Azure was started."""
        dispatcher = self._gateway.dispatcher
        labels = sorted(route.label(service.name) for service in dispatcher.services for route in service.routes)
        return {label: dispatcher.taken[label] for label in labels}

    async def _reset(self, _body: Json, _request: wire.Request) -> Json:
        """Return to a new tenant: clear store, clock, faults, limits, calls and runtimes, then seed again."""
        await self._supervisor.end_all(delete_folders=True)
        self._tenant.faults.clear()
        self._tenant.store.keep_history(enabled=False)
        self._tenant.store.clear()
        self._tenant.clock.offset_seconds = 0.0
        self._gateway.calls.clear()
        self._gateway.dispatcher.limits.clear()
        self._reseed()
        return {}

    def _service_reports(self) -> Iterator[tuple[str, Report]]:
        for service in self._gateway.dispatcher.services:
            yield from service.reports.items()

    def _report_verb(self, report: Report) -> Verb:
        return lambda _body, _request: report(self._tenant, self._gateway.dispatcher.reply_to)

    def _list_runtimes(self, _body: Json, request: wire.Request) -> Awaitable[Json]:
        """List the runtimes. `after=N&seconds=S`: first wait for a change after change N, at most S seconds."""
        after, seconds = int(request.query.get("after", "-1")), float(request.query.get("seconds", "0"))
        return self._supervisor.wait_for_change(after, seconds)

    def _start_runtimes(self, body: Json, _request: wire.Request) -> Awaitable[Json]:
        """Start the runtimes that the tenant's resources need. Returns at once; GET shows their progress.

        `only`: for kinds of runtimes, the ids of the resources that are meant; all by default.
        """
        self._supervisor.start_all(self._tenant, body.get("only"))
        return self._supervisor.wait_for_change(-1, 0)

    async def _stop_runtimes(self, _body: Json, _request: wire.Request) -> Json:
        """Stop all runtimes. Returns when none of their processes runs any more."""
        await self._supervisor.end_all()
        return await self._supervisor.wait_for_change(-1, 0)

    def _setting(self, _body: Json, request: wire.Request) -> Json:
        return self._tenant.store.get("settings", request.path.rsplit("/", 1)[-1]) or {}

    def _set_setting(self, body: Json, request: wire.Request) -> Json:
        """Replace a service's settings for tests, such as `airflow`; the service's module documents them."""
        return self._tenant.store.put("settings", request.path.rsplit("/", 1)[-1], body)

    def _take_snapshot(self, _body: Json, request: wire.Request) -> Json:
        self._tenant.store.take_snapshot(self._snapshot_folder(request))
        return {}

    def _restore_snapshot(self, _body: Json, request: wire.Request) -> Json:
        folder = self._snapshot_folder(request)
        if not folder.exists():
            raise ValueError(f"no snapshot {folder.name!r}")
        self._tenant.store.restore(folder)
        self._gateway.dispatcher.limits.clear()
        return {}

    def _snapshot_folder(self, request: wire.Request) -> Path:
        return self._snapshots / request.path.rsplit("/", 1)[-1]
