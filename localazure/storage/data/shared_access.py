"""Shared access signatures: what a query signs, with which key, and which permissions it then gives.

Service, directory, account and user delegation signatures of version 2018-11-09 and later.
https://learn.microsoft.com/rest/api/storageservices/create-service-sas, …/create-account-sas, …-user-delegation-sas
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from localazure.app.call import AzureError
from localazure.storage.data import containers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.world import World

_OVERRIDES = {
    "rscc": "Cache-Control",
    "rscd": "Content-Disposition",
    "rsce": "Content-Encoding",
    "rscl": "Content-Language",
    "rsct": "Content-Type",
}
_KEY_FIELDS = ("skoid", "sktid", "skt", "ske", "sks", "skv")
_SECRETS = "delegation_secrets"
_WITH_SCOPE = "2020-12-06"  # since when the encryption scope is signed
_WITH_IDS = "2020-02-10"  # since when saoid, suoid and scid are
_WITH_USER = "2025-07-05"  # since when the delegated user and their tenant are
_WITH_REQUEST = "2026-04-06"  # since when headers and query items of the request are


def account_text(account: str, query: Mapping[str, str]) -> str:
    """What an account signature signs."""
    names = ["sp", "ss", "srt", "st", "se", "sip", "spr", "sv"]
    scope = ["ses"] if query.get("sv", "") >= _WITH_SCOPE else []
    return "\n".join([account, *(query.get(name, "") for name in [*names, *scope]), ""])


def service_text(resource: str, query: Mapping[str, str]) -> str:
    """What a service or user delegation signature signs, about `/blob/account/container[/path]`."""
    version = query.get("sv", "")
    delegated = _delegated(version) if "skoid" in query else ["si"]
    scope = ["ses"] if version >= _WITH_SCOPE else []
    head = [query.get(name, "") for name in ("sp", "st", "se")]
    names = [*delegated, "sip", "spr", "sv", "sr", "snapshot", *scope]
    request = ["", ""] if "skoid" in query and version >= _WITH_REQUEST else []
    tail = [query.get(name, "") for name in _OVERRIDES]
    return "\n".join([*head, resource, *(query.get(name, "") for name in names), *request, *tail])


def _delegated(version: str) -> list[str]:
    ids = ["saoid", "suoid", "scid"] if version >= _WITH_IDS else []
    return [*_KEY_FIELDS, *ids, *(["skdutid", "sduoid"] if version >= _WITH_USER else [])]


def overrides(query: Mapping[str, str]) -> dict[str, str]:
    """The headers of an answer that a signature puts in the place of those that are stored."""
    return {name: query[item] for item, name in _OVERRIDES.items() if "sig" in query and query.get(item)}


def sign(key: str, text: str) -> str:
    """The signature by a key in base64."""
    return base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()


def delegation_key(world: World, account: str, fields: Mapping[str, str]) -> str:
    """The user delegation key of these `sk…` fields, in base64: the same whenever it is asked for."""
    kept = world.store.get(_SECRETS, account.lower())
    if kept is None:
        kept = world.store.put(_SECRETS, account.lower(), {"secret": secrets.token_hex(32)})
    text = "\n".join(fields.get(name, "") for name in _KEY_FIELDS)
    return base64.b64encode(hmac.new(bytes.fromhex(kept["secret"]), text.encode(), hashlib.sha256).digest()).decode()


def check(call: Call, account: Document) -> str:
    """The permission letters of a call's signature; 403 for one that does not fit the call.

    A user delegation signature gives at most what its user may do, which the caller of this has to look at.
    """
    query, name = call.query, str(account["name"])
    granted = _with_policy(call, name)
    for needed in ("sv", "se", "sp"):
        if not granted.get(needed):
            raise unauthentic(f"{needed} is mandatory. Cannot be empty")
    if "srh" in query or "srq" in query or query["sv"] < "2018-11-09":
        raise unauthentic("The local Azure knows no signatures before 2018-11-09, nor any of headers and queries.")
    if "ss" in query:
        text, keys = account_text(name, query), account.get("_keys", ())
    else:
        text = service_text(_resource(call, account), query)
        keys = [delegation_key(call.world, name, query)] if "skoid" in query else account.get("_keys", ())
    if not any(hmac.compare_digest(sign(key, text).encode(), query["sig"].encode()) for key in keys):
        raise unauthentic(f"Signature did not match. String to sign used was {text}")
    _check_time(replace(call, query=granted))
    _check_address(query.get("sip", ""))
    if "ss" in query:
        _check_resource_type(call)
    return granted["sp"]


def _with_policy(call: Call, account: str) -> dict[str, str]:
    """What the query says, and what the stored access policy that it names says for it."""
    said = {name: value for name, value in call.query.items() if value}
    if "si" not in said:
        return said
    container = containers.find(call.world, account, call.params.get("container", "")) or {}
    policy: dict[str, str] | None = container.get("_policies", {}).get(said["si"])
    if policy is None or "skoid" in said:
        raise unauthentic("Access policy not found.")
    if policy.keys() & said.keys():
        raise unauthentic("Access policy fields can be associated with signature or SAS identifier but not both")
    return policy | said


def path_of(call: Call, account: Document) -> str:
    """What the call's path names in its container; to blobs of a flat account a slash is a letter like others.

    https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    """
    path = call.params.get("path", "")
    if not path or ".blob." not in call.host or account["properties"].get("isHnsEnabled"):
        return path.strip("/")
    return call.path.removeprefix("/").partition("/")[2]


def _resource(call: Call, account: Document) -> str:
    """The signed resource that the call's path lies in."""
    container, path = call.params.get("container", ""), path_of(call, account)
    kind = call.query.get("sr", "")
    if kind not in {"b", "c", "d"} or not container:
        raise unauthentic(f"sr is mandatory and must be b, c or d, for a container: {kind}")
    if kind == "c" or (kind == "d" and call.query.get("sdd") == "0"):
        return f"/blob/{account['name']}/{container}" + ("/" if kind == "d" else "")
    if kind == "d":
        depth = call.query.get("sdd", "")
        if not depth.isascii() or not depth.isdigit():
            raise unauthentic("sdd is mandatory for a directory.")
        parts = (path or call.query.get("directory", "").strip("/")).split("/")
        path = "/".join(parts[: int(depth)])
    return f"/blob/{account['name']}/{container}/{path}"


def _check_time(call: Call) -> None:
    now = call.world.clock.now()
    starts, ends = _instant(call.query.get("st", "")), _instant(call.query["se"])
    if ends is None or (call.query.get("st") and starts is None):
        raise unauthentic("Signature fields not well formed.")
    if (starts and now < starts) or now >= ends:
        shown = " - ".join(f"{what} [{when}]" for what, when in (("Start", starts), ("Expiry", ends), ("Current", now)))
        raise unauthentic(f"Signature not valid in the specified time frame: {shown}")
    if "ske" in call.query:
        key_ends = _instant(call.query["ske"])
        if key_ends is None or now >= key_ends:
            raise unauthentic("Signature not valid in the specified key time frame.")


def _instant(text: str) -> datetime | None:
    """ISO 8601, as a date, to the minute, the second or below."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _check_address(allowed: str) -> None:
    """Every caller of the local Azure comes from this machine."""
    if not allowed:
        return
    first, _, last = allowed.partition("-")
    here = ipaddress.IPv4Address("127.0.0.1")
    try:
        fits = ipaddress.IPv4Address(first) <= here <= ipaddress.IPv4Address(last or first)
    except ValueError:
        fits = False
    if not fits:
        message = "This request is not authorized to perform this operation using this source IP 127.0.0.1."
        raise AzureError(status=403, code="AuthorizationSourceIPMismatch", message=message)


def _check_resource_type(call: Call) -> None:
    listing = call.query.get("comp") == "list" or call.query.get("resource") == "filesystem"
    inside = call.params.get("path") or not (listing or call.query.get("restype"))
    kind = "s" if not call.params.get("container") else "o" if inside else "c"
    if "b" not in call.query["ss"]:
        message = "This request is not authorized to perform this operation using this service."
        raise AzureError(status=403, code="AuthorizationServiceMismatch", message=message)
    if kind not in call.query.get("srt", ""):
        message = "This request is not authorized to perform this operation using this resource type."
        raise AzureError(status=403, code="AuthorizationResourceTypeMismatch", message=message)


def needed(call: Call, actions: tuple[str, ...]) -> str:
    """Letters of which a signature must have one for the call to do one of the actions."""
    if call.query.get("comp") == "list" or (call.method == "GET" and call.query.get("resource") == "filesystem"):
        return "l"
    letters = ""
    for action in actions:
        kind = action.removesuffix("/action").rsplit("/", 1)[-1]
        letters += {"read": "r", "write": "w", "delete": "d", "add": "a", "move": "m"}.get(kind, "")
    may_create = call.query.get("comp") != "appendblock" and ("a" in letters or call.query.get("restype"))
    return letters + ("c" if "w" in letters and may_create else "")


def unauthentic(detail: str) -> AzureError:
    """403 AuthenticationFailed with its detail."""
    return AzureError(
        status=403,
        code="AuthenticationFailed",
        message="Server failed to authenticate the request. Make sure the value of Authorization header is formed "
        "correctly including the signature.",
        details={"AuthenticationErrorDetail": detail},
    )
