"""Secrets of a vault as ARM resources: deployments write them without a right on the data plane; values stay inside.

https://learn.microsoft.com/rest/api/keyvault/keyvault/secrets
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Reply
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
_DATES = ("enabled", "nbf", "exp")


@SERVICE.route("GET", _LIST, action=f"{TYPE}/read")
def list_secrets(call: Call) -> Reply:
    """The latest version of each."""
    vault = _vault(call)
    found = vault_secrets.listing(call.world, vault["name"], deleted=False)
    return Reply(body={"value": [_shown(vault, secret) for secret in found]})


@SERVICE.route("GET", _ONE, action=f"{TYPE}/read")
def get_secret(call: Call) -> Reply:
    """The latest version, without its value."""
    vault = _vault(call)
    return Reply(body=_shown(vault, vault_secrets.get(call.world, vault["name"], call.params["name"])))


@SERVICE.route("PUT", _ONE, action=f"{TYPE}/write")
def set_secret(call: Call) -> Reply:
    """A new version; 201 for a new secret, else 200."""
    vault, body = _vault(call), call.json()
    given = bodies.wanted_properties(body)
    if not isinstance(given.get("value"), str):
        raise vault_secrets.bad_parameter("Property value is required and must be a text.")
    there = vault_secrets.find(call.world, vault["name"], call.params["name"])
    now = int(call.world.clock.timestamp())
    version: Document = {
        "version": call.world.clock.new_id().replace("-", ""),
        "value": given["value"],
        "contentType": given.get("contentType"),
        "tags": bodies.check_tags(body.get("tags")) or None,
        **_attributes(given, {"enabled": True, "nbf": None, "exp": None}),
        "created": now,
        "updated": now,
    }
    made = vault_secrets.add_version(call.world, vault["name"], call.params["name"], version)
    return Reply(status=200 if there else 201, body=_shown(vault, made))


@SERVICE.route("PATCH", _ONE, action=f"{TYPE}/write")
def update_secret(call: Call) -> Reply:
    """Attributes, content type and tags of the latest version."""
    vault, body = _vault(call), call.json()
    found = vault_secrets.get(call.world, vault["name"], call.params["name"])
    latest, given = found["versions"][-1], bodies.wanted_properties(body)
    latest |= {**_attributes(given, latest), "updated": int(call.world.clock.timestamp())}
    if given.get("contentType") is not None:
        latest["contentType"] = given["contentType"]
    if body.get("tags") is not None:
        latest["tags"] = bodies.check_tags(body["tags"])
    return Reply(body=_shown(vault, vault_secrets.put(call.world, vault["name"], found)))


def _vault(call: Call) -> Document:
    return groups.require_resource(call, vaults.TYPE, call.params["vault"])


def _attributes(given: Document, there: Document) -> Document:
    wanted = bodies.object_in(given, "attributes")
    chosen = {name: there[name] if wanted.get(name) is None else wanted[name] for name in _DATES}
    for name in ("nbf", "exp"):
        if chosen[name] is not None and type(chosen[name]) is not int:
            raise vault_secrets.bad_parameter(f"Property {name} has invalid value")
    return {**chosen, "enabled": bool(chosen["enabled"])}


def _shown(vault: Document, secret: Document) -> Document:
    latest, uri = secret["versions"][-1], f"{vault['properties']['vaultUri']}secrets/{secret['name']}"
    attributes = {name: latest[name] for name in (*_DATES, "created", "updated") if latest[name] is not None}
    kind = {"contentType": latest["contentType"]} if latest["contentType"] else {}
    versioned = {"secretUri": uri, "secretUriWithVersion": f"{uri}/{latest['version']}"}
    return {
        "id": f"{vault['id']}/secrets/{secret['name']}",
        "name": secret["name"],
        "type": TYPE,
        "location": vault["location"],
        "tags": latest["tags"] or {},
        "properties": {"attributes": attributes, **kind, **versioned},
    }
