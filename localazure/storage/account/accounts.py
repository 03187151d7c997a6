"""A storage account as a resource: what a body may ask for, the defaults of Azure, what can never change.

https://learn.microsoft.com/rest/api/storagerp/storage-accounts/create
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Any

from localazure.app.call import AzureError
from localazure.app.resource_manager import bodies, regions, resources
from localazure.app.tenant import SECRET_MARK
from localazure.storage.data import containers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from localazure.app.store import Document
    from localazure.app.world import World

TYPE = "Microsoft.Storage/storageAccounts"
_NAME = re.compile(r"[a-z0-9]{3,24}")
_KINDS = {"Storage", "StorageV2", "BlobStorage", "FileStorage", "BlockBlobStorage"}
SKUS = {
    *("Standard_LRS", "Standard_GRS", "Standard_RAGRS", "Standard_ZRS", "Standard_GZRS", "Standard_RAGZRS"),
    *("Premium_LRS", "Premium_ZRS"),
}
_TLS = {"TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"}
# What a body may set, and what Azure takes when it says nothing (allowSharedKeyAccess: absent, which allows).
_DEFAULTS: dict[str, Any] = {
    "accessTier": "Hot",
    "allowBlobPublicAccess": False,
    "allowCrossTenantReplication": False,
    "allowSharedKeyAccess": None,
    "defaultToOAuthAuthentication": None,
    "dnsEndpointType": None,
    "isLocalUserEnabled": None,
    "isSftpEnabled": None,
    "largeFileSharesState": None,
    "minimumTlsVersion": "TLS1_0",
    "publicNetworkAccess": None,
    "allowedCopyScope": None,
    "supportsHttpsTrafficOnly": True,
}
_FIXED = {"isHnsEnabled", "isNfsV3Enabled"}
_ACLS: dict[str, Any] = {
    "ipv6Rules": [],
    "bypass": "AzureServices",
    "virtualNetworkRules": [],
    "ipRules": [],
    "defaultAction": "Allow",
}
_SERVICES = ("dfs", "web", "blob", "queue", "table", "file")
_OLD_SERVICES = ("blob", "queue", "table", "file")  # of kind Storage
_PLACES = {"primaryEndpoints", "primaryLocation", "statusOfPrimary", "secondaryLocation", "statusOfSecondary",
           "secondaryEndpoints"}  # fmt: skip


def check_name(name: str) -> None:
    """3 to 24 lower-case letters and digits."""
    if not _NAME.fullmatch(name):
        raise AzureError(status=400, code="AccountNameInvalid", message=name_rule(name))


def name_rule(name: str) -> str:
    """What is wrong with a name."""
    return (
        f"{name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in "
        "length and use numbers and lower-case letters only."
    )


def find(world: World, name: str) -> Document | None:
    """The account of this name, wherever it is."""
    return resources.named(world, TYPE, name)


def new(where: str, body: Document, now: str, seed: str) -> Document:
    """A new account as the body asks for it, with its defaults, and two keys made from `seed`, never shown."""
    given = bodies.wanted_properties(body)
    name, location = where.rsplit("/", 1)[-1], regions.location_of(body)
    sku, kind = _sku(body), str(body.get("kind", ""))
    if kind not in _KINDS:
        raise invalid(f"The value '{kind}' is not a valid kind of storage account.")
    document: Document = {
        "sku": sku,
        "kind": kind,
        "id": where,
        "name": name,
        "type": TYPE,
        "location": location,
        "tags": bodies.check_tags(body.get("tags")),
        "properties": {
            **_fresh(now),
            **_places(name, location, sku["name"], kind),
            **_settings(given, kind),
            **_namespace(given, kind),
        },
        "_keys": [_key(seed, 1), _key(seed, 2)],
    }
    return document | ({"identity": body["identity"]} if body.get("identity") else {})


def changed(found: Document, body: Document, *, whole: bool) -> Document:
    """The account after a PUT (`whole`: tags are replaced also by none) or PATCH; what is not named stays."""
    given = bodies.wanted_properties(body)
    for name in _FIXED:
        if given.get(name) is not None and bool(given[name]) != bool(found["properties"].get(name)):
            raise _immutable(name)
    kind = str(body.get("kind") or "")
    if kind and (kind not in _KINDS or (kind != found["kind"] and kind != "StorageV2")):
        raise invalid(f"The kind of the account cannot change from {found['kind']} to {kind}.")
    properties = {**found["properties"], **_named(given)}
    document: Document = {**found, "properties": properties, "kind": kind or found["kind"]}
    if body.get("sku"):
        document["sku"] = _sku(body)
    if (document["sku"], document["kind"]) != (found["sku"], found["kind"]):
        kept = {name: value for name, value in document["properties"].items() if name not in _PLACES}
        places = _places(found["name"], found["location"], document["sku"]["name"], document["kind"])
        document["properties"] = _settings({}, document["kind"]) | kept | places
    if whole or body.get("tags") is not None:
        document["tags"] = bodies.check_tags(body.get("tags"))
    return document


def keys(account: Document) -> Document:
    """The answer to listKeys, also when keys may not be used: only the data planes refuse them."""
    made = account["properties"]["creationTime"]
    shown = [
        {"creationTime": made, "keyName": f"key{number}", "value": value, "permissions": "FULL"}
        for number, value in enumerate(account["_keys"], 1)
    ]
    return {"keys": shown}


def regenerate(account: Document, key_name: str, seed: str) -> Document:
    """The account with another `key1` or `key2`."""
    if key_name not in {"key1", "key2"}:
        raise invalid(f"The key name '{key_name}' is invalid: key1 or key2.")
    fresh: list[str] = list(account["_keys"])
    fresh[int(key_name[-1]) - 1] = _key(seed, int(key_name[-1]))
    return {**account, "_keys": fresh}


def invalid(message: str) -> AzureError:
    """400 InvalidValuesForRequestParameters."""
    return AzureError(status=400, code="InvalidValuesForRequestParameters", message=message)


def _fresh(now: str) -> Document:
    encrypted = {"keyType": "Account", "enabled": True, "lastEnabledTime": now}
    return {
        "keyCreationTime": {"key1": now, "key2": now},
        "privateEndpointConnections": [],
        "networkAcls": _ACLS,
        "encryption": {"services": {"file": encrypted, "blob": encrypted}, "keySource": "Microsoft.Storage"},
        "provisioningState": "Succeeded",
        "creationTime": now,
    }


def _places(name: str, location: str, sku: str, kind: str) -> Document:
    """Where an account lies: also in the paired region if it is geo-redundant, and readable there with RA."""
    services = _OLD_SERVICES if kind == "Storage" else _SERVICES
    places: Document = {
        "primaryEndpoints": _endpoints(name, services),
        "primaryLocation": location,
        "statusOfPrimary": "available",
    }
    paired = regions.short_location(regions.about(location).get("paired", ""))
    if paired and sku.endswith(("GRS", "GZRS")):
        places |= {"secondaryLocation": paired, "statusOfSecondary": "available"}
        if "_RA" in sku:
            places["secondaryEndpoints"] = _endpoints(f"{name}-secondary", [one for one in services if one != "file"])
    return places


def _endpoints(name: str, services: Iterable[str]) -> Document:
    zones = {"web": "z6.web"}
    return {one: f"https://{name}.{zones.get(one, one)}.core.windows.net/" for one in services}


def _settings(given: Document, kind: str) -> Document:
    fresh = {name: value for name, value in _DEFAULTS.items() if value is not None}
    if kind == "Storage":  # it has no tiers
        del fresh["accessTier"]
    return fresh | _named(given)


def _named(given: Document) -> Document:
    """What the body names of what can be set."""
    settings = {name: given[name] for name in _DEFAULTS if given.get(name) is not None}
    if str(settings.get("minimumTlsVersion", "TLS1_2")) not in _TLS:
        raise invalid(f"The value '{settings['minimumTlsVersion']}' of minimumTlsVersion is invalid.")
    if str(settings.get("accessTier", "Hot")) not in {"Hot", "Cool", "Cold", "Premium"}:
        raise invalid(f"The value '{settings['accessTier']}' of accessTier is invalid.")
    acls = bodies.object_in(given, "networkAcls")
    return settings | ({"networkAcls": {**_ACLS, **acls}} if acls else {})


def _namespace(given: Document, kind: str) -> Document:
    wanted = {name: bool(given[name]) for name in _FIXED if given.get(name) is not None}
    if wanted.get("isHnsEnabled") and kind not in {"StorageV2", "BlockBlobStorage"}:
        raise invalid(f"isHnsEnabled is not supported for accounts of kind {kind}.")
    return wanted


def _immutable(name: str) -> AzureError:
    message = f"The property '{name}' was specified in the input, but it cannot be updated as it is read-only."
    details = {"target": name}
    return AzureError(status=400, code="AccountPropertyCannotBeUpdated", message=message, details=details)


def _sku(body: Document) -> Document:
    sku = bodies.object_in(body, "sku")
    name = next((known for known in SKUS if known.lower() == str(sku.get("name", "")).lower()), None)
    if name is None:
        raise invalid("The storage account needs a sku with a known name, such as Standard_LRS.")
    return {"name": name, "tier": name.partition("_")[0]}


def _key(seed: str, number: int) -> str:
    """64 bytes in base64, as Azure's."""
    mark = base64.b64decode(SECRET_MARK)
    return base64.b64encode((mark + hashlib.sha512(f"{seed} {number}".encode()).digest())[:64]).decode()


def _delete_containers(world: World, document: Document) -> None:
    """An account goes with its containers, leased or not, and with what its Blob service was told."""
    world.store.remove(containers.BLOB_PROPERTIES, str(document["name"]).lower())
    for container in list(containers.listing(world, document["name"])):
        for ending in containers.on_delete:
            ending(world, container)
        world.store.remove(containers.TABLE, f"{document['name']}/{container['name']}".lower())


resources.on_delete[TYPE.lower()] = _delete_containers
