"""The data plane of a vault, *.vault.azure.net: secrets with versions and soft delete; no keys, no certificates.

https://learn.microsoft.com/rest/api/keyvault/secrets
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any, cast

from localazure.app.call import AzureError, Reply
from localazure.app.service import Service
from localazure.keyvault import access, vault_secrets
from localazure.keyvault.access import enter

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.call import Call
    from localazure.app.store import Document

SERVICE = Service(
    name="key vault secrets",
    hosts=("*.vault.azure.net",),
    audiences=(access.AUDIENCE,),
    render=access.render,
    unauthenticated=access.unauthenticated,
)

_WHY = "the vault's mode decides: roles or access policies"
_PAGE = 25
_VALUE_LIMIT = 25_600
_INT_DATES = ("nbf", "exp")


@SERVICE.route("PUT", "/secrets/{name}", action=None, why=_WHY)
def set_secret(call: Call) -> Reply:
    """A new version."""
    name = call.params["name"]
    vault = enter(call, "setSecret/action", "set", name)
    vault_secrets.check_name(name)
    version = _new_version(call, _body(call))
    document = vault_secrets.add_version(call.world, vault["name"], name, version)
    return Reply(body=_bundle(call, vault, document, version, value=True))


@SERVICE.route("GET", "/secrets", action=None, why=_WHY)
def list_secrets(call: Call) -> Reply:
    """The latest version of each secret, without values."""
    vault = enter(call, "readMetadata/action", "list")
    found = vault_secrets.listing(call.world, vault["name"], deleted=False)
    return _page(call, found, lambda one: _item(call, vault, one, one["versions"][-1], versioned=False))


@SERVICE.route("GET", "/secrets/{name}/versions", action=None, why=_WHY)
def list_versions(call: Call) -> Reply:
    """The versions of a secret, without values; in no order that a client may lean on (here by id)."""
    vault = enter(call, "readMetadata/action", "list", call.params["name"])
    document = vault_secrets.get(call.world, vault["name"], call.params["name"])
    versions = sorted(document["versions"], key=lambda one: str(one["version"]))
    return _page(call, versions, lambda one: _item(call, vault, document, one, versioned=True))


@SERVICE.route("GET", "/secrets/{name}", action=None, why=_WHY)
@SERVICE.route("GET", "/secrets/{name}/{version}", action=None, why=_WHY)
def get_secret(call: Call) -> Reply:
    """A version with its value; `exp` and `nbf` are information, `enabled: false` is a 403."""
    vault = enter(call, "getSecret/action", "get", call.params["name"])
    document = vault_secrets.get(call.world, vault["name"], call.params["name"])
    version = vault_secrets.version_of(document, call.params.get("version", ""))
    if not version["enabled"]:
        message = "Operation get is not allowed on a disabled secret."
        inner = {"innererror": {"code": "SecretDisabled"}}
        raise AzureError(status=403, code="Forbidden", message=message, details=inner)
    return Reply(body=_bundle(call, vault, document, version, value=True))


@SERVICE.route("PATCH", "/secrets/{name}", action=None, why=_WHY)
@SERVICE.route("PATCH", "/secrets/{name}/{version}", action=None, why=_WHY)
def update_secret(call: Call) -> Reply:
    """Attributes, content type and tags of a version; its value stays."""
    vault = enter(call, "update/action", "set", call.params["name"])
    document = vault_secrets.get(call.world, vault["name"], call.params["name"])
    version = vault_secrets.version_of(document, call.params.get("version", ""))
    body = _body(call)
    version |= _attributes(body, version) | {"updated": int(call.world.clock.timestamp())}
    version |= {key: value for key, value in _labels(body).items() if value is not None}
    vault_secrets.put(call.world, vault["name"], document)
    return Reply(body=_bundle(call, vault, document, version))


@SERVICE.route("DELETE", "/secrets/{name}", action=None, why=_WHY)
def delete_secret(call: Call) -> Reply:
    """All versions at once, into the deleted secrets."""
    vault = enter(call, "delete", "delete", call.params["name"])
    found = vault_secrets.get(call.world, vault["name"], call.params["name"])
    days = int(vault["properties"]["softDeleteRetentionInDays"])
    return Reply(body=_deleted(call, vault, vault_secrets.delete(call.world, vault["name"], found, days=days)))


@SERVICE.route("GET", "/deletedsecrets", action=None, why=_WHY)
def list_deleted(call: Call) -> Reply:
    """The deleted secrets."""
    vault = enter(call, "readMetadata/action", "list")
    found = vault_secrets.listing(call.world, vault["name"], deleted=True)
    return _page(call, found, lambda one: _deleted(call, vault, one, versioned=False))


@SERVICE.route("GET", "/deletedsecrets/{name}", action=None, why=_WHY)
def get_deleted(call: Call) -> Reply:
    """One deleted secret."""
    vault = enter(call, "readMetadata/action", "get", call.params["name"])
    return Reply(body=_deleted(call, vault, vault_secrets.get_deleted(call.world, vault["name"], call.params["name"])))


@SERVICE.route("DELETE", "/deletedsecrets/{name}", action=None, why=_WHY)
def purge_secret(call: Call) -> Reply:
    """204; refused under purge protection."""
    vault = enter(call, "purge/action", "purge", call.params["name"])
    found = vault_secrets.get_deleted(call.world, vault["name"], call.params["name"])
    if vault["properties"].get("enablePurgeProtection"):
        message = (
            'Operation "purge" is not allowed because purge protection is enabled for this vault. Key Vault service '
            "will automatically purge it after the retention period has passed.\r\n"
            f"Vault: {vault['name']};location={vault['location']}"
        )
        raise AzureError(status=403, code="Forbidden", message=message)
    vault_secrets.purge(call.world, vault["name"], found["name"])
    return Reply(status=204)


@SERVICE.route("POST", "/deletedsecrets/{name}/recover", action=None, why=_WHY)
def recover_secret(call: Call) -> Reply:
    """The secret with all its versions, without its value."""
    vault = enter(call, "recover/action", "recover", call.params["name"])
    found = vault_secrets.get_deleted(call.world, vault["name"], call.params["name"])
    document = vault_secrets.recover(call.world, vault["name"], found)
    return Reply(body=_bundle(call, vault, document, document["versions"][-1]))


@SERVICE.route("GET", "/keys", action=None, why=_WHY)
@SERVICE.route("GET", "/deletedkeys", action=None, why=_WHY)
def list_keys(call: Call) -> Reply:
    """None here."""
    enter(call, "read", "list", kind="keys")
    return Reply(body={"value": [], "nextLink": None})


@SERVICE.route("GET", "/certificates", action=None, why=_WHY)
@SERVICE.route("GET", "/deletedcertificates", action=None, why=_WHY)
def list_certificates(call: Call) -> Reply:
    """None here."""
    enter(call, "read", "list", kind="certificates")
    return Reply(body={"value": [], "nextLink": None})


def _body(call: Call) -> Document:
    try:
        return call.json()
    except AzureError as error:
        raise vault_secrets.bad_parameter("The request body could not be parsed as JSON.") from error


def _new_version(call: Call, body: Document) -> Document:
    value = body.get("value")
    if not isinstance(value, str):
        raise vault_secrets.bad_parameter("Property  has invalid value\r\nParameter: value")
    if len(value.encode()) > _VALUE_LIMIT:
        raise vault_secrets.bad_parameter(f"The secret value exceeds the maximum length of {_VALUE_LIMIT} bytes.")
    now = int(call.world.clock.timestamp())
    fresh = {"enabled": True, "nbf": None, "exp": None}
    made = {"version": call.world.clock.new_id().replace("-", ""), "value": value, "created": now, "updated": now}
    return {**made, **_labels(body), **_attributes(body, fresh)}


def _labels(body: Document) -> Document:
    """Content type and tags as given; None where nothing was given."""
    kind: Any = body.get("contentType")
    tags: Any = body.get("tags")
    if kind is not None and (not isinstance(kind, str) or len(kind) > 255):
        raise vault_secrets.bad_parameter("The content type must be a text of at most 255 characters.")
    if tags is not None:
        _check_tags(tags)
    return {"contentType": kind, "tags": tags}


def _check_tags(given: object) -> None:
    if not isinstance(given, dict):
        raise vault_secrets.bad_parameter("The tags must be an object.")
    tags = cast("dict[str, Any]", given)
    if len(tags) > 15:
        raise vault_secrets.bad_parameter(f"Too many tags: {len(tags)}. At most 15 are allowed.")
    for name, value in tags.items():
        if not isinstance(value, str) or max(len(name), len(value)) > 512:
            raise vault_secrets.bad_parameter("The name and value of a tag are texts of at most 512 characters.")


def _attributes(body: Document, there: Document) -> Document:
    found: object = body.get("attributes")
    if found is not None and not isinstance(found, dict):
        raise vault_secrets.bad_parameter("The attributes must be an object.")
    given = cast("Document", found or {})
    wanted = {name: there[name] if given.get(name) is None else given[name] for name in ("enabled", *_INT_DATES)}
    for name in _INT_DATES:
        if wanted[name] is not None and (not isinstance(wanted[name], int) or wanted[name] < 0):
            raise vault_secrets.bad_parameter(f"Property {name} has invalid value\r\nParameter: {name}")
    if None not in (wanted["nbf"], wanted["exp"]) and wanted["exp"] <= wanted["nbf"]:
        raise vault_secrets.bad_parameter("The expiry (exp) must be later than the activation (nbf).")
    return {**wanted, "enabled": bool(wanted["enabled"])}


def _bundle(call: Call, vault: Document, document: Document, version: Document, *, value: bool = False) -> Document:
    shown = {"value": version["value"]} if value else {}
    return shown | _item(call, vault, document, version, versioned=True)


def _item(call: Call, vault: Document, document: Document, version: Document, *, versioned: bool) -> Document:
    tail = f"/{version['version']}" if versioned else ""
    dates = {name: version[name] for name in _INT_DATES if version[name] is not None}
    times = {"created": version["created"], "updated": version["updated"]}
    attributes = {"enabled": version["enabled"], **dates, **times, **vault_secrets.recovery(vault)}
    labels = {name: version[name] for name in ("contentType", "tags") if version[name] is not None}
    return {"id": f"https://{call.host}/secrets/{document['name']}{tail}", "attributes": attributes, **labels}


def _deleted(call: Call, vault: Document, document: Document, *, versioned: bool = True) -> Document:
    when = document["deleted"]
    return {
        "recoveryId": f"https://{call.host}/deletedsecrets/{document['name']}",
        "deletedDate": int(when["at"]),
        "scheduledPurgeDate": int(when["ends"]),
        **_item(call, vault, document, document["versions"][-1], versioned=versioned),
    }


def _page(call: Call, found: list[Document], show: Callable[[Document], Document]) -> Reply:
    """At most `maxresults` (1 to 25) items, and where the next ones are."""
    size = call.query.get("maxresults", str(_PAGE))
    if not re.fullmatch(r"\d{1,9}", size, re.ASCII) or not 1 <= int(size) <= _PAGE:
        raise vault_secrets.bad_parameter(f"maxresults must be 1 to {_PAGE}: {size}")
    start = _skipped(call.query.get("$skiptoken", ""))
    end = start + int(size)
    shown = [show(one) for one in found[start:end]]
    return Reply(body={"value": shown, "nextLink": _next(call, end, size) if end < len(found) else None})


def _next(call: Call, end: int, size: str) -> str:
    token = base64.urlsafe_b64encode(f"skip:{end}".encode()).decode()
    version = call.query.get("api-version", "")
    return f"https://{call.host}:443{call.path}?api-version={version}&$skiptoken={token}&maxresults={size}"


def _skipped(token: str) -> int:
    if not token:
        return 0
    try:
        found = re.fullmatch(r"skip:(\d+)", base64.urlsafe_b64decode(token).decode())
    except (binascii.Error, UnicodeDecodeError):
        found = None
    if not found:
        raise vault_secrets.bad_parameter("The $skiptoken is invalid.")
    return int(found[1])
