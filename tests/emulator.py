"""A local Azure for a test: a real process with a temporary state folder, and raw HTTPS requests through its proxy."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import select
import ssl
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode, urlsplit

from localazure.app import process
from localazure.app.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Generator

TENANT = "5f0e5b43-3b0c-4f43-9a8d-6a1d3f1c0a01"
ARM = "https://management.azure.com"
GRAPH = "https://graph.microsoft.com"
LOGIN = "https://login.microsoftonline.com"
IDLE_SECONDS = 2.0  # less than the local Azure keeps a connection open
_IDLE: dict[tuple[str, str], list[tuple[http.client.HTTPSConnection, float]]] = {}  # by proxy and host
LIMITS = Path(process.__file__).parent / "service_limits.json"


class RevealableSecret(Protocol):
    """A secret of the tool or of the local Azure, which share no class."""

    def reveal(self) -> str:
        """Return the text."""
        ...


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The response to a request."""

    status: int
    headers: dict[str, str]
    body: bytes
    reason_phrase: str = ""

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class LocalAzure:
    """A running local Azure, its operator, and its control endpoint."""

    state: Path
    proxy: str
    ca_bundle: str
    tenant_id: str
    subscription_id: str
    operator_client_id: str
    control_url: str
    operator_secret: Secret
    tokens: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str], repr=False)

    @property
    def subscription(self) -> str:
        return f"/subscriptions/{self.subscription_id}"

    @property
    def env(self) -> dict[str, str]:
        """The environment of this process, pointed at the local Azure; the operator's secret is in clear."""
        return process.with_client_variables(dict(os.environ), self.state)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request to the control endpoint."""
        return process.send_control_request(self.state, method, path, body)

    def reset(self) -> None:
        """Return to a new tenant, and drop the cached tokens, which are no longer valid."""
        self.tokens.clear()
        process.reset(self.state)

    def advance(self, seconds: float) -> None:
        """Advance the local Azure's clock."""
        self.control("PUT", "/clock", {"advance_seconds": seconds})

    def slow_operations(self) -> None:
        """Let operations of Resource Manager take 5 seconds of the local Azure's clock, however busy the machine."""
        self.control("PUT", "/settings/operations", {"seconds": 5})

    def lift_limits(self) -> None:
        """Disable throttling until the next reset, for tests that send thousands of calls."""
        figures = json.loads(LIMITS.read_text(encoding="utf-8"))
        self.control("PUT", "/settings/limits", dict.fromkeys(figures, 10**9))

    def fault(self, **rule: Any) -> None:
        """Add a fault rule."""
        self.control("POST", "/faults/rules", rule)

    def token(self, resource: str = ARM, client_id: str = "", secret: RevealableSecret | None = None) -> str:
        """Return a token of the operator, or of another client; tokens are cached."""
        client_id = client_id or self.operator_client_id
        key = (resource, client_id)
        if key not in self.tokens:
            answer = self.sign_in(client_id, secret or self.operator_secret, resource)
            assert answer.status == 200, answer.json()
            self.tokens[key] = answer.json()["access_token"]
        return self.tokens[key]

    def sign_in(self, client_id: str, secret: RevealableSecret, resource: str = ARM, tenant: str = TENANT) -> Answer:
        """Request a token from Entra."""
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": secret.reveal(),
            "scope": f"{resource}/.default",
        }
        return self.post_form(f"{LOGIN}/{tenant}/oauth2/v2.0/token", form)

    def post_form(self, url: str, form: dict[str, str]) -> Answer:
        """POST a form, without a token."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.request("POST", url, urlencode(form).encode(), headers=kind, token="")

    def graph(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request to Graph as the operator."""
        return self.request(method, f"{GRAPH}/v1.0/{path}", body, headers=headers, token=self.token(GRAPH))

    def new_client(self, name: str) -> tuple[str, Secret]:
        """Create an application with principal and secret, as the operator. Returns its client id and secret."""
        application = self.graph("POST", "applications", {"displayName": name}).json()
        assert self.graph("POST", "servicePrincipals", {"appId": application["appId"]}).status == 201
        password = self.graph("POST", f"applications/{application['id']}/addPassword", {}).json()
        return application["appId"], Secret(password["secretText"])

    def request(
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        token: str | None = None,
    ) -> Answer:
        """Send one request. token: None is the operator's for ARM, "" sends none."""
        target_url = urlsplit(url)
        sent = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        bearer = self.token() if token is None else token
        if bearer:
            sent["Authorization"] = f"Bearer {bearer}"
        if body is not None and not isinstance(body, bytes):
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        target = target_url.path.replace(" ", "%20") or "/"
        query = f"?{target_url.query.replace(' ', '%20')}" if target_url.query else ""
        with self._connected(str(target_url.hostname)) as connection:
            connection.request(method, target + query, body, sent)
            response = connection.getresponse()
            received = {name.lower(): value for name, value in response.getheaders()}
            return Answer(status=response.status, headers=received, body=response.read(), reason_phrase=response.reason)

    @contextmanager
    def _connected(self, host: str) -> Generator[http.client.HTTPSConnection]:
        """A connection that was used a moment ago and is still open, else a new one; kept unless something failed."""
        idle = _IDLE.setdefault((self.proxy, host), [])
        connection, kept = None, False
        while connection is None and idle:
            connection, since = idle.pop()
            if time.monotonic() - since > IDLE_SECONDS or _has_ended(connection):
                connection.close()
                connection = None
        connection = connection or self.connect(host)
        try:
            yield connection
            kept = connection.sock is not None
        finally:
            if kept:
                idle.append((connection, time.monotonic()))
            else:
                connection.close()

    def connect(self, host: str, port: int = 443) -> http.client.HTTPSConnection:
        """Return a connection to a host name through the proxy, which trusts only this local Azure's CA."""
        proxy = urlsplit(self.proxy)
        context = _trusting_context(self.ca_bundle)
        connection = http.client.HTTPSConnection(str(proxy.hostname), proxy.port, context=context, timeout=30)
        connection.set_tunnel(host, port)
        return connection


@atexit.register
def _close_idle() -> None:
    for idle in _IDLE.values():
        for connection, _ in idle:
            connection.close()


def _has_ended(connection: http.client.HTTPSConnection) -> bool:
    """Whether the other side has closed it, or sent what nobody asked for."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN | select.POLLHUP)
    return bool(poll.poll(0))


@cache
def _trusting_context(ca_bundle: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_bundle)


def start(state: Path) -> LocalAzure:
    """Start a local Azure; the caller stops it with `process.stop`."""
    process.start(state)
    return running(state)


def running(state: Path) -> LocalAzure:
    """Return a local Azure that already runs with this state folder."""
    status = process.status(state)
    secret = process.client_variables(state)["AZURE_CLIENT_SECRET"]
    assert isinstance(secret, Secret)
    return LocalAzure(state=state, operator_secret=secret, **{n: v for n, v in status.items() if n != "running"})
