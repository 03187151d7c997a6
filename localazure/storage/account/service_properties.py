"""The blob, file, queue and table service of a storage account on ARM: properties stored and returned but not applied.

https://learn.microsoft.com/rest/api/storagerp/file-services
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.app.json_body import object_at
from localazure.app.resource_manager import bodies, resources
from localazure.app.resource_manager.services import arm_service
from localazure.storage.account import accounts

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.service import Handler
    from localazure.app.store import Document

_NO_CORS: Document = {"cors": {"corsRules": []}}
# The properties of each service in a new account.
_DEFAULTS: dict[str, Document] = {
    "blobServices": {**_NO_CORS, "deleteRetentionPolicy": {"allowPermanentDelete": False, "enabled": False}},
    "fileServices": {
        "protocolSettings": {"smb": {}},
        **_NO_CORS,
        "shareDeleteRetentionPolicy": {"enabled": True, "days": 7},
    },
    "queueServices": _NO_CORS,
    "tableServices": _NO_CORS,
}
# The defaults that a read adds to stored properties.
_READ_DEFAULTS: dict[str, Document] = {
    "deleteRetentionPolicy": {"allowPermanentDelete": False},
    "shareDeleteRetentionPolicy": {"days": 0},
}
_WITH_SKU = {"blobServices", "fileServices"}
_ACCOUNT = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.Storage/storageAccounts/{account}"
SERVICE = arm_service(
    "storage service properties",
    f".*/providers/Microsoft.Storage/storageAccounts/[^/]+/({'|'.join(_DEFAULTS)})(/default)?/?",
    ("2019-06-01", "2021-04-01", "2022-09-01", "2023-05-01", "2024-01-01", "2025-01-01"),
)


def _list_handler(kind: str) -> Handler:
    """A handler that lists the one service of a kind."""

    def list_services(call: Call) -> Reply:
        return Reply(body={"value": [_service_resource(call, kind)]})

    return list_services


def _get_handler(kind: str) -> Handler:
    """A handler that reads the service of a kind."""

    def get_service(call: Call) -> Reply:
        return Reply(body=_service_resource(call, kind))

    return get_service


def _set_handler(kind: str) -> Handler:
    """A handler that sets properties of the service of a kind."""

    def set_service(call: Call) -> Reply:
        """Set the properties in the body and keep the others. The answer has those sent, and no SKU."""
        account, requested = accounts.require_account(call), bodies.requested_properties(call.json())
        for name in requested.keys() & (_READ_DEFAULTS.keys() | {"cors"}):
            object_at(requested, name)
        identity = _id_name_and_type(account, kind)
        current = (resources.find(call.tenant, str(identity["id"])) or {}).get("properties", {})
        resources.put(call.tenant, {**identity, "properties": {**current, **requested}})
        return Reply(body={**identity, "properties": requested})

    return set_service


for _kind in _DEFAULTS:
    _type = f"{accounts.TYPE}/{_kind}"
    SERVICE.route("GET", f"{_ACCOUNT}/{_kind}", action=f"{_type}/read")(_list_handler(_kind))
    SERVICE.route("GET", f"{_ACCOUNT}/{_kind}/default", action=f"{_type}/read")(_get_handler(_kind))
    SERVICE.route("PUT", f"{_ACCOUNT}/{_kind}/default", action=f"{_type}/write")(_set_handler(_kind))


def _id_name_and_type(account: Document, kind: str) -> Document:
    """Id, name and type of a service."""
    return {"id": f"{account['id']}/{kind}/default", "name": "default", "type": f"{accounts.TYPE}/{kind}"}


def _service_resource(call: Call, kind: str) -> Document:
    """A service as a read returns it: defaults, stored properties, and the SKU for some kinds."""
    account = accounts.require_account(call)
    identity = _id_name_and_type(account, kind)
    current: Document = (resources.find(call.tenant, str(identity["id"])) or {}).get("properties", {})
    completed = {name: defaults | current[name] for name, defaults in _READ_DEFAULTS.items() if current.get(name)}
    sku = {"sku": account["sku"]} if kind in _WITH_SKU else {}
    return {**sku, **identity, "properties": {**_DEFAULTS[kind], **current, **completed}}
