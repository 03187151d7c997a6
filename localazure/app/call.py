"""What a handler takes and returns: a Call comes in, a Reply goes out, an AzureError is raised."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, cast

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import Mapping

    from localazure.app.secret import Secret
    from localazure.app.tenant import Tenant

Json = dict[str, Any]


@dataclass(kw_only=True, eq=False)
class AzureError(Exception):
    """A response that is an error. Each service renders it in its own JSON or XML shape.

    `details` are further members of the service's error object, such as Key Vault's `innererror`.
    """

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The principal that sent the call, from its verified token: `oid`, `appid`, `tid` and all claims."""

    object_id: str
    app_id: str
    tenant_id: str
    claims: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The response to a call.

    `body` is JSON (a dict or list), bytes, text, an iterator of bytes (streamed), None, or an Upstream.
    `reason_phrase` follows the status in the status line; empty means HTTP's own, such as "Not Found".
    """

    status: int = 200
    body: Any = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    reason_phrase: str = ""

    def __reduce__(self) -> NoReturn:
        raise TypeError("a reply may hold secrets and cannot be pickled")


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """A server on loopback whose response is forwarded unchanged, status and headers included.

    headers: replace the client's headers of the same name; the client's Authorization is never forwarded. unavailable:
    the reply if the server does not answer. lock: held during the call, for servers that take such calls one at a time.
    tls_context: set if the server speaks TLS. target, body: those for the server, if they differ from the client's.
    """

    port: int
    unavailable: Reply
    lock: asyncio.Lock | None = None
    headers: Mapping[str, str | Secret] = field(default_factory=dict[str, "str | Secret"])
    tls_context: ssl.SSLContext | None = None
    target: str = field(default="", repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request to a service. Header and query names are lower case, `path` is decoded, `params` come from the route.

    beside: method and path of the calls that were under way when it came. Its repr, like that of a Reply, leaves out
    whatever can hold a secret; neither can be pickled.
    """

    method: str
    host: str
    path: str
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    tenant: Tenant = field(repr=False)
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    caller: Caller | None = None
    request_id: str = ""
    beside: tuple[tuple[str, str], ...] = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a call may hold secrets and cannot be pickled")

    @property
    def authenticated_caller(self) -> Caller:
        """The caller, on a route that needs a token. Raises 401 Unauthorized if the request has none."""
        if self.caller is None:
            raise AzureError(status=401, code="Unauthorized", message="The request has no valid token.")
        return self.caller

    def json(self) -> Json:
        """Parse the body as a JSON object. Raises 400 InvalidRequestContent for anything else.

        An empty body is an empty object; half a surrogate pair becomes U+FFFD.
        """
        try:
            value = json.loads(self.body or b"{}", parse_constant=_refuse_nan_and_infinity)
            if b"\\ud" in self.body.lower():
                value = json.loads(_replace_lone_surrogates(json.dumps(value, ensure_ascii=False)))
        except (ValueError, RecursionError) as error:
            message = "The request content was invalid and could not be deserialized."
            raise AzureError(status=400, code="InvalidRequestContent", message=message) from error
        if not isinstance(value, dict):
            message = "The request content was invalid: an object is expected."
            raise AzureError(status=400, code="InvalidRequestContent", message=message)
        return cast("Json", value)


def _refuse_nan_and_infinity(literal: str) -> NoReturn:
    """Reject `NaN` and `Infinity`, which Python parses but JSON does not have."""
    raise ValueError(literal)


def _replace_lone_surrogates(text: str) -> str:
    """Replace half a surrogate pair with U+FFFD, as .NET does: no response could be encoded with it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
