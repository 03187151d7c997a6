"""Shared access signatures by an account key on Resource Manager: listAccountSas and listServiceSas.

https://learn.microsoft.com/rest/api/storagerp/storage-accounts/list-account-sas
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from localazure.app.call import Reply
from localazure.app.resource_manager import groups
from localazure.app.resource_manager.services import arm_service
from localazure.storage.account import accounts
from localazure.storage.account.accounts import TYPE
from localazure.storage.data import shared_access

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

SERVICE = arm_service(
    "storage signatures on arm",
    f".*/providers/{TYPE}/[^/]+/list(Account|Service)Sas/?",
    ("2019-06-01", "2021-04-01", "2022-09-01", "2023-05-01", "2024-01-01", "2025-01-01"),
)
_ONE = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.Storage/storageAccounts/{name}"
_VERSION = "2022-11-02"
_ACCOUNT_FIELDS = {"signedServices": "ss", "signedResourceTypes": "srt", "signedPermission": "sp", "signedExpiry": "se",
            "signedStart": "st", "signedIp": "sip", "signedProtocol": "spr"}  # fmt: skip
_SERVICE_FIELDS = {"signedResource": "sr", "signedPermission": "sp", "signedExpiry": "se", "signedStart": "st",
            "signedIp": "sip", "signedProtocol": "spr"}  # fmt: skip


@SERVICE.route("POST", _ONE + "/listAccountSas", action=f"{TYPE}/listAccountSas/action")
def list_account_sas(call: Call) -> Reply:
    """An account SAS token."""
    account, body = _require_account(call), call.json()
    query = {"sv": _VERSION, **_signature_fields(body, _ACCOUNT_FIELDS, ("ss", "srt", "sp", "se"))}
    query["sig"] = shared_access.sign(
        _signing_key(account, body), shared_access.account_string_to_sign(account["name"], query)
    )
    return Reply(body={"accountSasToken": urlencode(query)})


@SERVICE.route("POST", _ONE + "/listServiceSas", action=f"{TYPE}/listServiceSas/action")
def list_service_sas(call: Call) -> Reply:
    """A service SAS token for the `canonicalizedResource`, a container or blob."""
    account, body = _require_account(call), call.json()
    resource = str(body.get("canonicalizedResource", ""))
    if not resource.lower().startswith(f"/blob/{account['name']}/"):
        raise accounts.invalid_value(f"The canonicalizedResource '{resource}' is not of this account's blobs.")
    query = {"sv": _VERSION, **_signature_fields(body, _SERVICE_FIELDS, ("sr", "sp", "se"))}
    query["sig"] = shared_access.sign(
        _signing_key(account, body), shared_access.service_string_to_sign(resource, query)
    )
    return Reply(body={"serviceSasToken": urlencode(query)})


def _require_account(call: Call) -> Document:
    return groups.require_resource(call, TYPE, call.params["name"])


def _signature_fields(body: Document, names: dict[str, str], required: tuple[str, ...]) -> dict[str, str]:
    """The SAS fields of the body by their short names; 400 if a required one is missing."""
    query = {short: str(body[name]) for name, short in names.items() if body.get(name)}
    missing = [name for name, short in names.items() if short in required and short not in query]
    if missing:
        raise accounts.invalid_value(f"Values for request parameters are invalid: {missing[0]}.")
    return query


def _signing_key(account: Document, body: Document) -> str:
    """The account key that the body names, key1 by default; 400 if it is unknown."""
    key_name = str(body.get("keyToSign") or "key1")
    if key_name not in {"key1", "key2"}:
        raise accounts.invalid_value(f"Values for request parameters are invalid: keyToSign {key_name}.")
    return str(account["_keys"][int(key_name[-1]) - 1])
