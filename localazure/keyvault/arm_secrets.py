"""Secrets of a vault as ARM resources: deployments write them without a data-plane role; values are never returned.

https://learn.microsoft.com/rest/api/keyvault/keyvault/secrets
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.app.json_body import object_at
from localazure.app.resource_manager import bodies, groups
from localazure.app.resource_manager.services import arm_service
from localazure.keyvault import vault_secrets, vaults

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

TYPE = f"{vaults.TYPE}/secrets"
SERVICE = arm_service(
    "key vault secrets on arm",
    f".*/providers/{vaults.TYPE}/[^/]+/secrets(/[^/]+)?/?",
    ("2016-10-01", "2019-09-01", "2021-10-01", "2022-07-01", "2023-07-01", "2024-11-01", "2026-02-01"),
)
_LIST = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.KeyVault/vaults/{vault}/secrets"
_ONE = _LIST + "/{name}"
_ATTRIBUTES = ("enabled", "nbf", "exp")


@SERVICE.route("GET", _LIST, action=f"{TYPE}/read")
def list_secrets(call: Call) -> Reply:
    """List the latest version of each secret, without values."""
    vault = _require_vault(call)
    secrets = vault_secrets.list_secrets(call.world, vault["name"], deleted=False)
    return Reply(body={"value": [_secret_resource(vault, secret) for secret in secrets]})


@SERVICE.route("GET", _ONE, action=f"{TYPE}/read")
def get_secret(call: Call) -> Reply:
    """The latest version of a secret, without its value."""
    vault = _require_vault(call)
    return Reply(body=_secret_resource(vault, vault_secrets.get(call.world, vault["name"], call.params["name"])))


@SERVICE.route("PUT", _ONE, action=f"{TYPE}/write")
def set_secret(call: Call) -> Reply:
    """Add a version: 201 for a new secret, else 200."""
    vault, body = _require_vault(call), call.json()
    properties = bodies.requested_properties(body)
    if not isinstance(properties.get("value"), str):
        raise vault_secrets.bad_parameter("Property value is required and must be a text.")
    existing = vault_secrets.find(call.world, vault["name"], call.params["name"])
    now = int(call.world.clock.timestamp())
    version: Document = {
        "version": call.world.clock.new_id().replace("-", ""),
        "value": properties["value"],
        "contentType": properties.get("contentType"),
        "tags": bodies.check_tags(body.get("tags")) or None,
        **_requested_attributes(properties, {"enabled": True, "nbf": None, "exp": None}),
        "created": now,
        "updated": now,
    }
    secret = vault_secrets.add_version(call.world, vault["name"], call.params["name"], version)
    return Reply(status=200 if existing else 201, body=_secret_resource(vault, secret))


@SERVICE.route("PATCH", _ONE, action=f"{TYPE}/write")
def update_secret(call: Call) -> Reply:
    """Change attributes, content type and tags of the latest version."""
    vault, body = _require_vault(call), call.json()
    secret = vault_secrets.get(call.world, vault["name"], call.params["name"])
    latest, properties = secret["versions"][-1], bodies.requested_properties(body)
    latest |= {**_requested_attributes(properties, latest), "updated": int(call.world.clock.timestamp())}
    if properties.get("contentType") is not None:
        latest["contentType"] = properties["contentType"]
    if body.get("tags") is not None:
        latest["tags"] = bodies.check_tags(body["tags"])
    return Reply(body=_secret_resource(vault, vault_secrets.put(call.world, vault["name"], secret)))


def _require_vault(call: Call) -> Document:
    """The vault that the path names; 404 otherwise."""
    return groups.require_resource(call, vaults.TYPE, call.params["vault"])


def _requested_attributes(properties: Document, current: Document) -> Document:
    """The attributes of the body, with the current ones where it has none; 400 for a date that is no integer."""
    requested = object_at(properties, "attributes")
    attributes = {name: current[name] if requested.get(name) is None else requested[name] for name in _ATTRIBUTES}
    for name in ("nbf", "exp"):
        if attributes[name] is not None and type(attributes[name]) is not int:
            raise vault_secrets.bad_parameter(f"Property {name} has invalid value")
    return {**attributes, "enabled": bool(attributes["enabled"])}


def _secret_resource(vault: Document, secret: Document) -> Document:
    """A secret as an ARM resource: its latest version without the value."""
    latest, uri = secret["versions"][-1], f"{vault['properties']['vaultUri']}secrets/{secret['name']}"
    attributes = {name: latest[name] for name in (*_ATTRIBUTES, "created", "updated") if latest[name] is not None}
    content_type = {"contentType": latest["contentType"]} if latest["contentType"] else {}
    uris = {"secretUri": uri, "secretUriWithVersion": f"{uri}/{latest['version']}"}
    return {
        "id": f"{vault['id']}/secrets/{secret['name']}",
        "name": secret["name"],
        "type": TYPE,
        "location": vault["location"],
        "tags": latest["tags"] or {},
        "properties": {"attributes": attributes, **content_type, **uris},
    }
