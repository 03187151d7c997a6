"""Signatures that Resource Manager makes of an account's key: listAccountSas and listServiceSas.

https://learn.microsoft.com/rest/api/storagerp/storage-accounts/list-account-sas
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from provisioner.local import arm_errors, shared_access, storage_accounts
from provisioner.local.call import Reply
from provisioner.local.service import Service
from provisioner.local.storage_accounts import TYPE

if TYPE_CHECKING:
    from provisioner.local.call import Call
    from provisioner.local.store import Document

SERVICE = Service(
    name="storage signatures on arm",
    hosts=(arm_errors.HOST,),
    path=f".*/providers/{TYPE}/[^/]+/list(Account|Service)Sas/?",
    audiences=arm_errors.AUDIENCES,
    render=arm_errors.render,
    scope=arm_errors.scope,
    forbidden=arm_errors.forbidden,
    one_slash=True,
    versions=("2019-06-01", "2021-04-01", "2022-09-01", "2023-05-01", "2024-01-01", "2025-01-01"),
)
_ONE = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.Storage/storageAccounts/{name}"
_VERSION = "2022-11-02"
_ACCOUNT = {"signedServices": "ss", "signedResourceTypes": "srt", "signedPermission": "sp", "signedExpiry": "se",
            "signedStart": "st", "signedIp": "sip", "signedProtocol": "spr"}  # fmt: skip
_SERVICE = {"signedResource": "sr", "signedPermission": "sp", "signedExpiry": "se", "signedStart": "st",
            "signedIp": "sip", "signedProtocol": "spr"}  # fmt: skip


@SERVICE.route("POST", _ONE + "/listAccountSas", action=f"{TYPE}/listAccountSas/action")
def list_account_sas(call: Call) -> Reply:
    """A token for the account."""
    account, body = _require(call), call.json()
    query = {"sv": _VERSION, **_given(body, _ACCOUNT, ("ss", "srt", "sp", "se"))}
    query["sig"] = shared_access.sign(_key(account, body), shared_access.account_text(account["name"], query))
    return Reply(body={"accountSasToken": urlencode(query)})


@SERVICE.route("POST", _ONE + "/listServiceSas", action=f"{TYPE}/listServiceSas/action")
def list_service_sas(call: Call) -> Reply:
    """A token for the `canonicalizedResource`, a container or blob."""
    account, body = _require(call), call.json()
    resource = str(body.get("canonicalizedResource", ""))
    if not resource.lower().startswith(f"/blob/{account['name']}/"):
        raise storage_accounts.invalid(f"The canonicalizedResource '{resource}' is not of this account's blobs.")
    query = {"sv": _VERSION, **_given(body, _SERVICE, ("sr", "sp", "se"))}
    query["sig"] = shared_access.sign(_key(account, body), shared_access.service_text(resource, query))
    return Reply(body={"serviceSasToken": urlencode(query)})


def _require(call: Call) -> Document:
    return arm_errors.require_resource(call, TYPE, call.params["name"])


def _given(body: Document, names: dict[str, str], needed: tuple[str, ...]) -> dict[str, str]:
    query = {short: str(body[name]) for name, short in names.items() if body.get(name)}
    missing = [name for name, short in names.items() if short in needed and short not in query]
    if missing:
        raise storage_accounts.invalid(f"Values for request parameters are invalid: {missing[0]}.")
    return query


def _key(account: Document, body: Document) -> str:
    wanted = str(body.get("keyToSign") or "key1")
    if wanted not in {"key1", "key2"}:
        raise storage_accounts.invalid(f"Values for request parameters are invalid: keyToSign {wanted}.")
    return str(account["_keys"][int(wanted[-1]) - 1])
