"""The blob, file, queue and table service of a storage account on ARM: what is set is kept and shown, not acted on.

https://learn.microsoft.com/rest/api/storagerp/file-services
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.app.resource_manager import bodies, groups, resources
from localazure.app.resource_manager.services import arm_service
from localazure.storage.account import accounts

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.service import Handler
    from localazure.app.store import Document

_NO_CORS: Document = {"cors": {"corsRules": []}}
# What each of them shows of an account as new.
_FRESH: dict[str, Document] = {
    "blobServices": {**_NO_CORS, "deleteRetentionPolicy": {"allowPermanentDelete": False, "enabled": False}},
    "fileServices": {
        "protocolSettings": {"smb": {}},
        **_NO_CORS,
        "shareDeleteRetentionPolicy": {"enabled": True, "days": 7},
    },
    "queueServices": _NO_CORS,
    "tableServices": _NO_CORS,
}
# What a read adds to what was sent.
_ADDED: dict[str, Document] = {
    "deleteRetentionPolicy": {"allowPermanentDelete": False},
    "shareDeleteRetentionPolicy": {"days": 0},
}
_WITH_SKU = {"blobServices", "fileServices"}
_ACCOUNT = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.Storage/storageAccounts/{account}"
SERVICE = arm_service(
    "storage service properties",
    f".*/providers/Microsoft.Storage/storageAccounts/[^/]+/({'|'.join(_FRESH)})(/default)?/?",
    ("2019-06-01", "2021-04-01", "2022-09-01", "2023-05-01", "2024-01-01", "2025-01-01"),
)


def _lister(kind: str) -> Handler:
    def list_services(call: Call) -> Reply:
        return Reply(body={"value": [_shown(call, kind)]})

    return list_services


def _getter(kind: str) -> Handler:
    def get_service(call: Call) -> Reply:
        return Reply(body=_shown(call, kind))

    return get_service


def _setter(kind: str) -> Handler:
    def set_service(call: Call) -> Reply:
        """What is not sent stays; the answer shows what was sent, and no sku."""
        account, given = _account(call), bodies.wanted_properties(call.json())
        for name in given.keys() & (_ADDED.keys() | {"cors"}):
            bodies.object_in(given, name)
        named = _named(account, kind)
        kept = (resources.find(call.world, str(named["id"])) or {}).get("properties", {})
        resources.put(call.world, {**named, "properties": {**kept, **given}})
        return Reply(body={**named, "properties": given})

    return set_service


for _kind in _FRESH:
    _type = f"{accounts.TYPE}/{_kind}"
    SERVICE.route("GET", f"{_ACCOUNT}/{_kind}", action=f"{_type}/read")(_lister(_kind))
    SERVICE.route("GET", f"{_ACCOUNT}/{_kind}/default", action=f"{_type}/read")(_getter(_kind))
    SERVICE.route("PUT", f"{_ACCOUNT}/{_kind}/default", action=f"{_type}/write")(_setter(_kind))


def _account(call: Call) -> Document:
    return groups.require_resource(call, accounts.TYPE, call.params["account"])


def _named(account: Document, kind: str) -> Document:
    return {"id": f"{account['id']}/{kind}/default", "name": "default", "type": f"{accounts.TYPE}/{kind}"}


def _shown(call: Call, kind: str) -> Document:
    account = _account(call)
    named = _named(account, kind)
    kept: Document = (resources.find(call.world, str(named["id"])) or {}).get("properties", {})
    added = {name: more | kept[name] for name, more in _ADDED.items() if kept.get(name)}
    sku = {"sku": account["sku"]} if kind in _WITH_SKU else {}
    return {**sku, **named, "properties": {**_FRESH[kind], **kept, **added}}
