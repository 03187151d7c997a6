"""Shared access signatures: the string to sign, the key, and the permissions that a signature gives.

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
    from localazure.app.tenant import Tenant

_RESPONSE_HEADERS = {
    "rscc": "Cache-Control",
    "rscd": "Content-Disposition",
    "rsce": "Content-Encoding",
    "rscl": "Content-Language",
    "rsct": "Content-Type",
}
_KEY_FIELDS = ("skoid", "sktid", "skt", "ske", "sks", "skv")
_SECRETS = "delegation_secrets"
_SINCE_ENCRYPTION_SCOPE = "2020-12-06"  # since when the encryption scope is signed
_SINCE_OBJECT_IDS = "2020-02-10"  # since when saoid, suoid and scid are
_SINCE_DELEGATED_USER = "2025-07-05"  # since when the delegated user and their tenant are
_SINCE_SIGNED_REQUEST = "2026-04-06"  # since when headers and query items of the request are


def account_string_to_sign(account: str, query: Mapping[str, str]) -> str:
    """The string to sign of an account signature."""
    names = ["sp", "ss", "srt", "st", "se", "sip", "spr", "sv"]
    scope = ["ses"] if query.get("sv", "") >= _SINCE_ENCRYPTION_SCOPE else []
    return "\n".join([account, *(query.get(name, "") for name in [*names, *scope]), ""])


def service_string_to_sign(resource: str, query: Mapping[str, str]) -> str:
    """The string to sign of a service or user delegation signature for `/blob/account/container[/path]`."""
    version = query.get("sv", "")
    delegation = _delegation_fields(version) if "skoid" in query else ["si"]
    scope = ["ses"] if version >= _SINCE_ENCRYPTION_SCOPE else []
    head = [query.get(name, "") for name in ("sp", "st", "se")]
    names = [*delegation, "sip", "spr", "sv", "sr", "snapshot", *scope]
    request = ["", ""] if "skoid" in query and version >= _SINCE_SIGNED_REQUEST else []
    tail = [query.get(name, "") for name in _RESPONSE_HEADERS]
    return "\n".join([*head, resource, *(query.get(name, "") for name in names), *request, *tail])


def _delegation_fields(version: str) -> list[str]:
    """The user delegation fields that a version signs."""
    ids = ["saoid", "suoid", "scid"] if version >= _SINCE_OBJECT_IDS else []
    return [*_KEY_FIELDS, *ids, *(["skdutid", "sduoid"] if version >= _SINCE_DELEGATED_USER else [])]


def response_header_overrides(query: Mapping[str, str]) -> dict[str, str]:
    """The response headers that a signature overrides."""
    return {name: query[item] for item, name in _RESPONSE_HEADERS.items() if "sig" in query and query.get(item)}


def sign(key: str, text: str) -> str:
    """The signature of a text by a base64 key, in base64."""
    return base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()


def derive_delegation_key(tenant: Tenant, account: str, fields: Mapping[str, str]) -> str:
    """The user delegation key of these `sk…` fields, in base64. The same fields have the same key.

    The account's secret, from which it derives, is created and stored at the first call.
    """
    secret_document = tenant.store.get(_SECRETS, account.lower())
    if secret_document is None:
        secret_document = tenant.store.put(_SECRETS, account.lower(), {"secret": secrets.token_hex(32)})
    text = "\n".join(fields.get(name, "") for name in _KEY_FIELDS)
    return base64.b64encode(
        hmac.new(bytes.fromhex(secret_document["secret"]), text.encode(), hashlib.sha256).digest()
    ).decode()


def verified_permissions(call: Call, account: Document) -> str:
    """The permission letters of a call's signature; 403 for a signature that is invalid for the call.

    The caller must also check the user's own rights: a user delegation signature gives no more than those.
    """
    query, name = call.query, str(account["name"])
    fields = _query_with_policy(call, name)
    for required in ("sv", "se", "sp"):
        if not fields.get(required):
            raise authentication_failed(f"{required} is mandatory. Cannot be empty")
    if "srh" in query or "srq" in query or query["sv"] < "2018-11-09":
        raise authentication_failed(
            "The local Azure supports signatures of 2018-11-09 and later, without signed headers and queries."
        )
    if "ss" in query:
        text, keys = account_string_to_sign(name, query), account.get("_keys", ())
    else:
        text = service_string_to_sign(_signed_resource(call, account), query)
        keys = [derive_delegation_key(call.tenant, name, query)] if "skoid" in query else account.get("_keys", ())
    if not any(hmac.compare_digest(sign(key, text).encode(), query["sig"].encode()) for key in keys):
        raise authentication_failed(f"Signature did not match. String to sign used was {text}")
    _check_time(replace(call, query=fields))
    _require_loopback_allowed(query.get("sip", ""))
    if "ss" in query:
        _check_service_and_resource_type(call)
    return fields["sp"]


def _query_with_policy(call: Call, account: str) -> dict[str, str]:
    """The fields of the query, completed by the stored access policy that it names; 403 if there is none."""
    fields = {name: value for name, value in call.query.items() if value}
    if "si" not in fields:
        return fields
    container = containers.find(call.tenant, account, call.params.get("container", "")) or {}
    policy: dict[str, str] | None = container.get("_policies", {}).get(fields["si"])
    if policy is None or "skoid" in fields:
        raise authentication_failed("Access policy not found.")
    if policy.keys() & fields.keys():
        raise authentication_failed(
            "Access policy fields can be associated with signature or SAS identifier but not both"
        )
    return policy | fields


def blob_path(call: Call, account: Document) -> str:
    """The path of a call in its container. In a flat account slashes at either end belong to the blob's name.

    https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    """
    path = call.params.get("path", "")
    if not path or ".blob." not in call.host or account["properties"].get("isHnsEnabled"):
        return path.strip("/")
    return call.path.removeprefix("/").partition("/")[2]


def _signed_resource(call: Call, account: Document) -> str:
    """The resource in the string to sign: the blob, container or directory of the call."""
    container, path = call.params.get("container", ""), blob_path(call, account)
    kind = call.query.get("sr", "")
    if kind not in {"b", "c", "d"} or not container:
        raise authentication_failed(f"sr is mandatory and must be b, c or d, for a container: {kind}")
    if kind == "c" or (kind == "d" and call.query.get("sdd") == "0"):
        return f"/blob/{account['name']}/{container}" + ("/" if kind == "d" else "")
    if kind == "d":
        depth = call.query.get("sdd", "")
        if not depth.isascii() or not depth.isdigit():
            raise authentication_failed("sdd is mandatory for a directory.")
        segments = (path or call.query.get("directory", "").strip("/")).split("/")
        path = "/".join(segments[: int(depth)])
    return f"/blob/{account['name']}/{container}/{path}"


def _check_time(call: Call) -> None:
    """403 outside the time frame of the signature, or after the end of its key; when the key begins is not checked."""
    now = call.tenant.clock.now()
    starts, ends = _parse_time(call.query.get("st", "")), _parse_time(call.query["se"])
    if ends is None or (call.query.get("st") and starts is None):
        raise authentication_failed("Signature fields not well formed.")
    if (starts and now < starts) or now >= ends:
        formatted = " - ".join(
            f"{label} [{time}]" for label, time in (("Start", starts), ("Expiry", ends), ("Current", now))
        )
        raise authentication_failed(f"Signature not valid in the specified time frame: {formatted}")
    if "ske" in call.query:
        key_ends = _parse_time(call.query["ske"])
        if key_ends is None or now >= key_ends:
            raise authentication_failed("Signature not valid in the specified key time frame.")


def _parse_time(text: str) -> datetime | None:
    """An ISO 8601 time, in UTC if it has no zone; None if malformed."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _require_loopback_allowed(ip_range: str) -> None:
    """403 unless the allowed IP range has 127.0.0.1, where all callers of the local Azure are."""
    if not ip_range:
        return
    first, _, last = ip_range.partition("-")
    here = ipaddress.IPv4Address("127.0.0.1")
    try:
        is_allowed = ipaddress.IPv4Address(first) <= here <= ipaddress.IPv4Address(last or first)
    except ValueError:
        is_allowed = False
    if not is_allowed:
        message = "This request is not authorized to perform this operation using this source IP 127.0.0.1."
        raise AzureError(status=403, code="AuthorizationSourceIPMismatch", message=message)


def _check_service_and_resource_type(call: Call) -> None:
    """403 unless an account signature is for the Blob service and the type of resource called."""
    is_list = call.query.get("comp") == "list" or call.query.get("resource") == "filesystem"
    is_object = call.params.get("path") or not (is_list or call.query.get("restype"))
    kind = "s" if not call.params.get("container") else "o" if is_object else "c"
    if "b" not in call.query["ss"]:
        message = "This request is not authorized to perform this operation using this service."
        raise AzureError(status=403, code="AuthorizationServiceMismatch", message=message)
    if kind not in call.query.get("srt", ""):
        message = "This request is not authorized to perform this operation using this resource type."
        raise AzureError(status=403, code="AuthorizationResourceTypeMismatch", message=message)


def sufficient_permissions(call: Call, actions: tuple[str, ...]) -> str:
    """The permission letters of which a signature needs one for one of the actions."""
    if call.query.get("comp") == "list" or (call.method == "GET" and call.query.get("resource") == "filesystem"):
        return "l"
    letters = ""
    for action in actions:
        kind = action.removesuffix("/action").rsplit("/", 1)[-1]
        letters += {"read": "r", "write": "w", "delete": "d", "add": "a", "move": "m"}.get(kind, "")
    may_create = call.query.get("comp") != "appendblock" and ("a" in letters or call.query.get("restype"))
    return letters + ("c" if "w" in letters and may_create else "")


def authentication_failed(detail: str) -> AzureError:
    """403 AuthenticationFailed with its detail."""
    return AzureError(
        status=403,
        code="AuthenticationFailed",
        message="Server failed to authenticate the request. Make sure the value of Authorization header is formed "
        "correctly including the signature.",
        details={"AuthenticationErrorDetail": detail},
    )
