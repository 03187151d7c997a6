"""The nouns of the local Azure's wire: a Call comes in, a Reply or an AzureError goes out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, cast

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import Mapping

    from localazure.app.secret import Secret
    from localazure.app.world import World

Json = dict[str, Any]


@dataclass(kw_only=True, eq=False)
class AzureError(Exception):
    """An answer that is an error; each service renders it in its own shape.

    `details` are further members of the service's own error object (Key Vault's `innererror`, say).
    """

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who sent the call, from a token that was verified: `oid`, `appid`, `tid` and all claims."""

    object_id: str
    app_id: str
    tenant_id: str
    claims: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What goes back.

    `body` is JSON (dict, list), bytes as they are, an iterator of bytes (streamed), nothing, or an Upstream.
    `phrase` is what the status line says after the status; empty: HTTP's own.
    """

    status: int = 200
    body: Any = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    reason_phrase: str = ""

    def __reduce__(self) -> NoReturn:
        raise TypeError("a reply may hold secrets and cannot be pickled")


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """A server on loopback whose answer is passed on as it comes, status and headers included.

    headers: take the place of the caller's; the caller's own Authorization is never passed on. silent: the reply if the
    server does not answer. turn: held meanwhile, where the server takes such calls one at a time only. context: of TLS,
    where the server speaks that. target: path and query there, if they are not the caller's.
    """

    port: int
    silent: Reply
    turn: asyncio.Lock | None = None
    headers: Mapping[str, str | Secret] = field(default_factory=dict[str, "str | Secret"])
    context: ssl.SSLContext | None = None
    target: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request: header and query names are lower case, `path` is decoded, `params` come from the route.

    Its repr, like that of a Reply, has nothing in which a secret travels; neither can be pickled.
    """

    method: str
    host: str
    path: str
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    world: World = field(repr=False)
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    caller: Caller | None = None
    request_id: str = ""

    def __reduce__(self) -> NoReturn:
        raise TypeError("a call may hold secrets and cannot be pickled")

    @property
    def authenticated_caller(self) -> Caller:
        """The caller of a route that needs a token."""
        if self.caller is None:
            raise AzureError(status=401, code="Unauthorized", message="The request has no valid token.")
        return self.caller

    def json(self) -> Json:
        """The body as a JSON object; anything else is Azure's 400."""
        try:
            value = json.loads(self.body or b"{}", parse_constant=_refuse_constant)
            if b"\\ud" in self.body.lower():
                value = json.loads(_well_formed(json.dumps(value, ensure_ascii=False)))
        except (ValueError, RecursionError) as error:
            message = "The request content was invalid and could not be deserialized."
            raise AzureError(status=400, code="InvalidRequestContent", message=message) from error
        if not isinstance(value, dict):
            message = "The request content was invalid: an object is expected."
            raise AzureError(status=400, code="InvalidRequestContent", message=message)
        return cast("Json", value)


def _refuse_constant(name: str) -> NoReturn:
    """`NaN` and `Infinity` are Python's, not JSON."""
    raise ValueError(name)


def _well_formed(text: str) -> str:
    """Half a surrogate pair becomes U+FFFD, as in .NET: no answer could be encoded with it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
