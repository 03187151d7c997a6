"""A storage account as a resource: what a body may set, Azure's defaults, what cannot change.

https://learn.microsoft.com/rest/api/storagerp/storage-accounts/create
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Any

from localazure.app.call import AzureError
from localazure.app.json_body import object_at
from localazure.app.resource_manager import bodies, groups, regions, resources
from localazure.app.secret_marker import SECRET_MARKER
from localazure.entra import directory
from localazure.storage.data import containers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

TYPE = "Microsoft.Storage/storageAccounts"
_NAME = re.compile(r"[a-z0-9]{3,24}")
_KINDS = {"Storage", "StorageV2", "BlobStorage", "FileStorage", "BlockBlobStorage"}
_SKUS = {
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
    "keyPolicy": None,
    "largeFileSharesState": None,
    "minimumTlsVersion": "TLS1_0",
    "publicNetworkAccess": None,
    "allowedCopyScope": None,
    "sasPolicy": None,
    "supportsHttpsTrafficOnly": True,
}
_OBJECTS = {"keyPolicy", "sasPolicy"}
_IMMUTABLE = {"isHnsEnabled", "isNfsV3Enabled"}
_DEFAULT_ACLS: dict[str, Any] = {
    "ipv6Rules": [],
    "bypass": "AzureServices",
    "virtualNetworkRules": [],
    "ipRules": [],
    "defaultAction": "Allow",
}
_SERVICES = ("dfs", "web", "blob", "queue", "table", "file")
_SERVICES_OF_KIND_STORAGE = ("blob", "queue", "table", "file")
_ENDPOINTS_AND_LOCATIONS = {
    *("primaryEndpoints", "primaryLocation", "statusOfPrimary"),
    *("secondaryLocation", "statusOfSecondary", "secondaryEndpoints"),
}


def check_name(name: str) -> None:
    """400 AccountNameInvalid unless the name is 3 to 24 lower-case letters and digits."""
    if not _NAME.fullmatch(name):
        raise AzureError(status=400, code="AccountNameInvalid", message=invalid_name_message(name))


def invalid_name_message(name: str) -> str:
    """Azure's message for an invalid account name."""
    return (
        f"{name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in "
        "length and use numbers and lower-case letters only."
    )


def find(tenant: Tenant, name: str) -> Document | None:
    """The account with this name in any group, or None."""
    return resources.find_by_name(tenant, TYPE, name)


def require_account(call: Call) -> Document:
    """The account `{account}` of the path; 404 ResourceNotFound."""
    return groups.require_resource(call, TYPE, call.params["account"])


def new_account(account_id: str, body: Document, now: str, seed: str) -> Document:
    """A new account with the settings of the body and Azure's defaults. Its two keys derive from `seed`."""
    requested = bodies.requested_properties(body)
    name, location = account_id.rsplit("/", 1)[-1], regions.require_location(body)
    sku, kind = _valid_sku(body), str(body.get("kind", ""))
    if kind not in _KINDS:
        raise invalid_value(f"The value '{kind}' is not a valid kind of storage account.")
    document: Document = {
        "sku": sku,
        "kind": kind,
        "id": account_id,
        "name": name,
        "type": TYPE,
        "location": location,
        "tags": bodies.validated_tags(body.get("tags")),
        "properties": {
            **_initial_properties(now),
            "encryption": _encryption(object_at(requested, "encryption"), now),
            **_endpoints_and_locations(name, location, sku["name"], kind),
            **_settings_with_defaults(requested, kind),
            **_valid_namespace_settings(requested, kind),
        },
        "_keys": [_derive_key(seed, 1), _derive_key(seed, 2)],
    }
    return document | ({"identity": object_at(body, "identity")} if body.get("identity") else {})


def updated_account(account: Document, body: Document, *, replace_tags: bool) -> Document:
    """The account after a PUT (`replace_tags`: without tags in the body they are removed) or a PATCH.

    Settings that the body lacks stay; 400 for one that cannot change.
    """
    requested = bodies.requested_properties(body)
    for name in _IMMUTABLE:
        if requested.get(name) is not None and bool(requested[name]) != bool(account["properties"].get(name)):
            raise _cannot_be_updated(name)
    kind = str(body.get("kind") or "")
    if kind and (kind not in _KINDS or (kind != account["kind"] and kind != "StorageV2")):
        raise invalid_value(f"The kind of the account cannot change from {account['kind']} to {kind}.")
    properties = {**account["properties"], **_requested_settings(requested)}
    updated: Document = {**account, "properties": properties, "kind": kind or account["kind"]}
    if body.get("sku"):
        updated["sku"] = _valid_sku(body)
    if (updated["sku"], updated["kind"]) != (account["sku"], account["kind"]):
        others = {name: value for name, value in updated["properties"].items() if name not in _ENDPOINTS_AND_LOCATIONS}
        endpoints = _endpoints_and_locations(
            account["name"], account["location"], updated["sku"]["name"], updated["kind"]
        )
        updated["properties"] = _settings_with_defaults({}, updated["kind"]) | others | endpoints
    if body.get("identity") is not None:
        updated["identity"] = object_at(body, "identity")
    if replace_tags or body.get("tags") is not None:
        updated["tags"] = bodies.validated_tags(body.get("tags"))
    return updated


def keys_body(account: Document) -> Document:
    """The body of listKeys, also for an account that disallows keys: only the data planes refuse them."""
    created = account["properties"]["creationTime"]
    keys = [
        {"creationTime": created, "keyName": f"key{number}", "value": value, "permissions": "FULL"}
        for number, value in enumerate(account["_keys"], 1)
    ]
    return {"keys": keys}


def with_new_key(account: Document, key_name: str, seed: str) -> Document:
    """The account with a new `key1` or `key2`."""
    if key_name not in {"key1", "key2"}:
        raise invalid_value(f"The key name '{key_name}' is invalid: key1 or key2.")
    keys: list[str] = list(account["_keys"])
    keys[int(key_name[-1]) - 1] = _derive_key(seed, int(key_name[-1]))
    return {**account, "_keys": keys}


def invalid_value(message: str) -> AzureError:
    """400 InvalidValuesForRequestParameters."""
    return AzureError(status=400, code="InvalidValuesForRequestParameters", message=message)


def _initial_properties(now: str) -> Document:
    """The properties of a new account that do not depend on the request."""
    return {
        "keyCreationTime": {"key1": now, "key2": now},
        "privateEndpointConnections": [],
        "networkAcls": _DEFAULT_ACLS,
        "provisioningState": "Succeeded",
        "creationTime": now,
    }


def _encryption(requested: Document, now: str) -> Document:
    """The encryption of a new account, with keys of Microsoft's.

    Queues and tables are shown if the request lets them use the account's key.

    https://learn.microsoft.com/azure/storage/common/account-encryption-key-create and
    https://learn.microsoft.com/azure/storage/common/infrastructure-encryption-enable: neither can change later.
    """
    service = {"keyType": "Account", "enabled": True, "lastEnabledTime": now}
    keyed = [name for name in ("queue", "table") if object_at(requested, "services", name).get("keyType") == "Account"]
    services = dict.fromkeys(("file", "blob", *keyed), service)
    twice = requested.get("requireInfrastructureEncryption")
    return {
        "services": services,
        "keySource": "Microsoft.Storage",
        **({} if twice is None else {"requireInfrastructureEncryption": bool(twice)}),
    }


def _endpoints_and_locations(name: str, location: str, sku: str, kind: str) -> Document:
    """Endpoints and locations: with geo-redundancy also the paired region, with RA also its endpoints."""
    services = _SERVICES_OF_KIND_STORAGE if kind == "Storage" else _SERVICES
    fields: Document = {
        "primaryEndpoints": _endpoints(name, services),
        "primaryLocation": location,
        "statusOfPrimary": "available",
    }
    paired = regions.short_location(regions.known_region_details(location).get("paired", ""))
    if paired and sku.endswith(("GRS", "GZRS")):
        fields |= {"secondaryLocation": paired, "statusOfSecondary": "available"}
        if "_RA" in sku:
            fields["secondaryEndpoints"] = _endpoints(
                f"{name}-secondary", [service for service in services if service != "file"]
            )
    return fields


def _endpoints(name: str, services: Iterable[str]) -> Document:
    """The endpoint of each service."""
    zones = {"web": "z6.web"}
    return {service: f"https://{name}.{zones.get(service, service)}.core.windows.net/" for service in services}


def _settings_with_defaults(requested: Document, kind: str) -> Document:
    """The settings of the body, with defaults where it has none."""
    defaults = {name: value for name, value in _DEFAULTS.items() if value is not None}
    if kind == "Storage":  # it has no tiers
        del defaults["accessTier"]
    return defaults | _requested_settings(requested)


def _requested_settings(requested: Document) -> Document:
    """The settings in the body that can be set; 400 for an invalid value."""
    settings = {name: requested[name] for name in _DEFAULTS if requested.get(name) is not None}
    for name in _OBJECTS:
        object_at(requested, name)
    if str(settings.get("minimumTlsVersion", "TLS1_2")) not in _TLS:
        raise invalid_value(f"The value '{settings['minimumTlsVersion']}' of minimumTlsVersion is invalid.")
    if str(settings.get("accessTier", "Hot")) not in {"Hot", "Cool", "Cold", "Premium"}:
        raise invalid_value(f"The value '{settings['accessTier']}' of accessTier is invalid.")
    acls = object_at(requested, "networkAcls")
    return settings | ({"networkAcls": {**_DEFAULT_ACLS, **acls}} if acls else {})


def _valid_namespace_settings(requested: Document, kind: str) -> Document:
    """The immutable namespace settings of the body; 400 for a kind without hierarchical namespaces."""
    settings = {name: bool(requested[name]) for name in _IMMUTABLE if requested.get(name) is not None}
    if settings.get("isHnsEnabled") and kind not in {"StorageV2", "BlockBlobStorage"}:
        raise invalid_value(f"isHnsEnabled is not supported for accounts of kind {kind}.")
    return settings


def _cannot_be_updated(name: str) -> AzureError:
    """400 for an update of a property that cannot change."""
    message = f"The property '{name}' was specified in the input, but it cannot be updated as it is read-only."
    details = {"target": name}
    return AzureError(status=400, code="AccountPropertyCannotBeUpdated", message=message, details=details)


def _valid_sku(body: Document) -> Document:
    """The SKU of the body with its tier; 400 if it is unknown."""
    sku = object_at(body, "sku")
    name = next((known for known in _SKUS if known.lower() == str(sku.get("name", "")).lower()), None)
    if name is None:
        raise invalid_value("The storage account needs a sku with a known name, such as Standard_LRS.")
    return {"name": name, "tier": name.partition("_")[0]}


def _derive_key(seed: str, number: int) -> str:
    """A key of 64 bytes in base64, as Azure's."""
    marker = base64.b64decode(SECRET_MARKER)
    return base64.b64encode((marker + hashlib.sha512(f"{seed} {number}".encode()).digest())[:64]).decode()


def _delete_contents_and_principal(tenant: Tenant, document: Document) -> None:
    """Delete an account's containers, leased or not, the properties of its Blob service and its principal."""
    directory.delete_principal(tenant, str(object_at(document, "identity").get("principalId", "")))
    tenant.store.remove(containers.BLOB_PROPERTIES, str(document["name"]).lower())
    for container in list(containers.list_containers(tenant, document["name"])):
        for clean_up in containers.on_delete:
            clean_up(tenant, container)
        tenant.store.remove(containers.TABLE, f"{document['name']}/{container['name']}".lower())


resources.on_delete[TYPE.lower()] = _delete_contents_and_principal
