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
from localazure.keyvault.access import authorize

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
_MAX_PAGE_SIZE = 25
_MAX_VALUE_BYTES = 25_600
_DATES = ("nbf", "exp")


@SERVICE.route("PUT", "/secrets/{name}", action=None, why=_WHY)
def set_secret(call: Call) -> Reply:
    """Set a secret: add a version."""
    name = call.params["name"]
    vault = authorize(call, "setSecret/action", "set", name)
    vault_secrets.check_name(name)
    version = _new_version(call, _json_body(call))
    document = vault_secrets.add_version(call.tenant, vault["name"], name, version)
    return Reply(body=_secret_bundle(call, vault, document, version, value=True))


@SERVICE.route("GET", "/secrets", action=None, why=_WHY)
def list_secrets(call: Call) -> Reply:
    """List the latest version of each secret, without values."""
    vault = authorize(call, "readMetadata/action", "list")
    secrets = vault_secrets.list_secrets(call.tenant, vault["name"], deleted=False)
    return _page_response(
        call, secrets, lambda secret: _secret_item(call, vault, secret, secret["versions"][-1], versioned=False)
    )


@SERVICE.route("GET", "/secrets/{name}/versions", action=None, why=_WHY)
def list_versions(call: Call) -> Reply:
    """List the versions of a secret, without values. Their order has no meaning (here it is by id)."""
    vault = authorize(call, "readMetadata/action", "list", call.params["name"])
    document = vault_secrets.get_live(call.tenant, vault["name"], call.params["name"])
    versions = sorted(document["versions"], key=lambda version: str(version["version"]))
    return _page_response(call, versions, lambda version: _secret_item(call, vault, document, version, versioned=True))


@SERVICE.route("GET", "/secrets/{name}", action=None, why=_WHY)
@SERVICE.route("GET", "/secrets/{name}/{version}", action=None, why=_WHY)
def get_secret(call: Call) -> Reply:
    """A version with its value, the latest by default. 403 if disabled; `exp` and `nbf` have no effect."""
    vault = authorize(call, "getSecret/action", "get", call.params["name"])
    document = vault_secrets.get_live(call.tenant, vault["name"], call.params["name"])
    version = vault_secrets.require_version(document, call.params.get("version", ""))
    if not version["enabled"]:
        message = "Operation get is not allowed on a disabled secret."
        inner = {"innererror": {"code": "SecretDisabled"}}
        raise AzureError(status=403, code="Forbidden", message=message, details=inner)
    return Reply(body=_secret_bundle(call, vault, document, version, value=True))


@SERVICE.route("PATCH", "/secrets/{name}", action=None, why=_WHY)
@SERVICE.route("PATCH", "/secrets/{name}/{version}", action=None, why=_WHY)
def update_secret(call: Call) -> Reply:
    """Change attributes, content type and tags of a version. Its value stays."""
    vault = authorize(call, "update/action", "set", call.params["name"])
    document = vault_secrets.get_live(call.tenant, vault["name"], call.params["name"])
    version = vault_secrets.require_version(document, call.params.get("version", ""))
    body = _json_body(call)
    version |= _requested_attributes(body, version) | {"updated": int(call.tenant.clock.timestamp())}
    version |= {key: value for key, value in _content_type_and_tags(body).items() if value is not None}
    vault_secrets.store_secret(call.tenant, vault["name"], document)
    return Reply(body=_secret_bundle(call, vault, document, version))


@SERVICE.route("DELETE", "/secrets/{name}", action=None, why=_WHY)
def delete_secret(call: Call) -> Reply:
    """Soft-delete a secret with all its versions."""
    vault = authorize(call, "delete", "delete", call.params["name"])
    secret = vault_secrets.get_live(call.tenant, vault["name"], call.params["name"])
    days = int(vault["properties"]["softDeleteRetentionInDays"])
    return Reply(
        body=_deleted_secret(call, vault, vault_secrets.soft_delete(call.tenant, vault["name"], secret, days=days))
    )


@SERVICE.route("GET", "/deletedsecrets", action=None, why=_WHY)
def list_deleted(call: Call) -> Reply:
    """List the soft-deleted secrets."""
    vault = authorize(call, "readMetadata/action", "list")
    secrets = vault_secrets.list_secrets(call.tenant, vault["name"], deleted=True)
    return _page_response(call, secrets, lambda secret: _deleted_secret(call, vault, secret, versioned=False))


@SERVICE.route("GET", "/deletedsecrets/{name}", action=None, why=_WHY)
def get_deleted(call: Call) -> Reply:
    """One soft-deleted secret; 404 SecretNotFound."""
    vault = authorize(call, "readMetadata/action", "get", call.params["name"])
    return Reply(
        body=_deleted_secret(call, vault, vault_secrets.get_deleted(call.tenant, vault["name"], call.params["name"]))
    )


@SERVICE.route("DELETE", "/deletedsecrets/{name}", action=None, why=_WHY)
def purge_secret(call: Call) -> Reply:
    """Purge a soft-deleted secret: 204. Refused under purge protection."""
    vault = authorize(call, "purge/action", "purge", call.params["name"])
    secret = vault_secrets.get_deleted(call.tenant, vault["name"], call.params["name"])
    if vault["properties"].get("enablePurgeProtection"):
        message = (
            'Operation "purge" is not allowed because purge protection is enabled for this vault. Key Vault service '
            "will automatically purge it after the retention period has passed.\r\n"
            f"Vault: {vault['name']};location={vault['location']}"
        )
        raise AzureError(status=403, code="Forbidden", message=message)
    vault_secrets.purge(call.tenant, vault["name"], secret["name"])
    return Reply(status=204)


@SERVICE.route("POST", "/deletedsecrets/{name}/recover", action=None, why=_WHY)
def recover_secret(call: Call) -> Reply:
    """Recover a soft-deleted secret with all its versions. Returns the latest without its value."""
    vault = authorize(call, "recover/action", "recover", call.params["name"])
    vault_secrets.refuse_live(call.tenant, vault["name"], call.params["name"])
    deleted = vault_secrets.get_deleted(call.tenant, vault["name"], call.params["name"])
    secret = vault_secrets.recover(call.tenant, vault["name"], deleted)
    return Reply(body=_secret_bundle(call, vault, secret, secret["versions"][-1]))


@SERVICE.route("GET", "/keys", action=None, why=_WHY)
@SERVICE.route("GET", "/deletedkeys", action=None, why=_WHY)
def list_keys(call: Call) -> Reply:
    """An empty list: the local Azure has no keys."""
    authorize(call, "read", "list", kind="keys")
    return Reply(body={"value": [], "nextLink": None})


@SERVICE.route("GET", "/certificates", action=None, why=_WHY)
@SERVICE.route("GET", "/deletedcertificates", action=None, why=_WHY)
def list_certificates(call: Call) -> Reply:
    """An empty list: the local Azure has no certificates."""
    authorize(call, "read", "list", kind="certificates")
    return Reply(body={"value": [], "nextLink": None})


def _json_body(call: Call) -> Document:
    """The JSON body of the call; Key Vault's own 400 if it cannot be parsed."""
    try:
        return call.json()
    except AzureError as error:
        raise vault_secrets.bad_parameter("The request body could not be parsed as JSON.") from error


def _new_version(call: Call, body: Document) -> Document:
    """A new version of a secret from the body; 400 without a value or for one that is too long."""
    value = body.get("value")
    if not isinstance(value, str):
        raise vault_secrets.bad_parameter("Property  has invalid value\r\nParameter: value")
    if len(value.encode()) > _MAX_VALUE_BYTES:
        raise vault_secrets.bad_parameter(f"The secret value exceeds the maximum length of {_MAX_VALUE_BYTES} bytes.")
    now = int(call.tenant.clock.timestamp())
    defaults = {"enabled": True, "nbf": None, "exp": None}
    version = {"version": call.tenant.clock.new_id().replace("-", ""), "value": value, "created": now, "updated": now}
    return {**version, **_content_type_and_tags(body), **_requested_attributes(body, defaults)}


def _content_type_and_tags(body: Document) -> Document:
    """The content type and the tags of the body, None where absent; 400 if invalid."""
    content_type: Any = body.get("contentType")
    tags: Any = body.get("tags")
    if content_type is not None and (not isinstance(content_type, str) or len(content_type) > 255):
        raise vault_secrets.bad_parameter("The content type must be a text of at most 255 characters.")
    if tags is not None:
        _check_tags(tags)
    return {"contentType": content_type, "tags": tags}


def _check_tags(value: object) -> None:
    """400 unless the value is an object of at most 15 tags of 512 characters."""
    if not isinstance(value, dict):
        raise vault_secrets.bad_parameter("The tags must be an object.")
    tags = cast("dict[str, Any]", value)
    if len(tags) > 15:
        raise vault_secrets.bad_parameter(f"Too many tags: {len(tags)}. At most 15 are allowed.")
    for name, text in tags.items():
        if not isinstance(text, str) or max(len(name), len(text)) > 512:
            raise vault_secrets.bad_parameter("The name and value of a tag are texts of at most 512 characters.")


def _requested_attributes(body: Document, current: Document) -> Document:
    """The attributes of the body, with the current ones where it has none; 400 if invalid."""
    value: object = body.get("attributes")
    if value is not None and not isinstance(value, dict):
        raise vault_secrets.bad_parameter("The attributes must be an object.")
    requested = cast("Document", value or {})
    attributes = {
        name: current[name] if requested.get(name) is None else requested[name] for name in ("enabled", *_DATES)
    }
    for name in _DATES:
        if attributes[name] is not None and (not isinstance(attributes[name], int) or attributes[name] < 0):
            raise vault_secrets.bad_parameter(f"Property {name} has invalid value\r\nParameter: {name}")
    if None not in (attributes["nbf"], attributes["exp"]) and attributes["exp"] <= attributes["nbf"]:
        raise vault_secrets.bad_parameter("The expiry (exp) must be later than the activation (nbf).")
    return {**attributes, "enabled": bool(attributes["enabled"])}


def _secret_bundle(
    call: Call, vault: Document, secret: Document, version: Document, *, value: bool = False
) -> Document:
    """A version as an answer, with its value on request."""
    value_field = {"value": version["value"]} if value else {}
    return value_field | _secret_item(call, vault, secret, version, versioned=True)


def _secret_item(call: Call, vault: Document, secret: Document, version: Document, *, versioned: bool) -> Document:
    """A version as lists show it, its id with or without the version."""
    suffix = f"/{version['version']}" if versioned else ""
    dates = {name: version[name] for name in _DATES if version[name] is not None}
    times = {"created": version["created"], "updated": version["updated"]}
    attributes = {"enabled": version["enabled"], **dates, **times, **vault_secrets.recovery_attributes(vault)}
    labels = {name: version[name] for name in ("contentType", "tags") if version[name] is not None}
    return {"id": f"https://{call.host}/secrets/{secret['name']}{suffix}", "attributes": attributes, **labels}


def _deleted_secret(call: Call, vault: Document, secret: Document, *, versioned: bool = True) -> Document:
    """A soft-deleted secret as an answer, with its dates and the id to recover it."""
    deletion = secret["deleted"]
    return {
        "recoveryId": f"https://{call.host}/deletedsecrets/{secret['name']}",
        "deletedDate": int(deletion["at"]),
        "scheduledPurgeDate": int(deletion["ends"]),
        **_secret_item(call, vault, secret, secret["versions"][-1], versioned=versioned),
    }


def _page_response(call: Call, documents: list[Document], format_item: Callable[[Document], Document]) -> Reply:
    """A page of at most `maxresults` (1 to 25) items, and the link to the next one."""
    size = call.query.get("maxresults", str(_MAX_PAGE_SIZE))
    if not re.fullmatch(r"\d{1,9}", size, re.ASCII) or not 1 <= int(size) <= _MAX_PAGE_SIZE:
        raise vault_secrets.bad_parameter(f"maxresults must be 1 to {_MAX_PAGE_SIZE}: {size}")
    start = _first_index(call.query.get("$skiptoken", ""))
    end = start + int(size)
    items = [format_item(document) for document in documents[start:end]]
    return Reply(body={"value": items, "nextLink": _next_link(call, end, size) if end < len(documents) else None})


def _next_link(call: Call, end: int, size: str) -> str:
    """The link to the page that begins at index `end`."""
    token = base64.urlsafe_b64encode(f"skip:{end}".encode()).decode()
    version = call.query.get("api-version", "")
    return f"https://{call.host}:443{call.path}?api-version={version}&$skiptoken={token}&maxresults={size}"


def _first_index(token: str) -> int:
    """The index in $skiptoken of the page's first item; 400 for an invalid token."""
    if not token:
        return 0
    try:
        match = re.fullmatch(r"skip:(\d+)", base64.urlsafe_b64decode(token).decode())
    except (binascii.Error, UnicodeDecodeError):
        match = None
    if not match:
        raise vault_secrets.bad_parameter("The $skiptoken is invalid.")
    return int(match[1])
