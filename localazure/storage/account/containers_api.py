"""Blob containers on ARM, and a container's lease, which needs no right on the data plane.

https://learn.microsoft.com/rest/api/storagerp/blob-containers
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import bodies, groups
from localazure.app.resource_manager.services import arm_service
from localazure.storage.account import accounts
from localazure.storage.data import containers, leases

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

SERVICE = arm_service(
    "blob containers",
    ".*/providers/Microsoft.Storage/storageAccounts/[^/]+/blobServices/default/containers(/.*)?",
    ("2019-06-01", "2021-04-01", "2022-09-01", "2023-05-01", "2024-01-01", "2025-01-01"),
)

_ACCOUNT = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.Storage/storageAccounts/{account}"
_LIST = _ACCOUNT + "/blobServices/default/containers"
_ONE = _LIST + "/{name}"
_TYPE = f"{accounts.TYPE}/blobServices/containers"
_GUID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
_UNDELETED = {"deleted": False, "remainingRetentionDays": 0}
_UNHELD = {"hasImmutabilityPolicy": False, "hasLegalHold": False}
_PUBLIC = {"none": None, "container": "Container", "blob": "Blob"}


@SERVICE.route("GET", _ONE, action=f"{_TYPE}/read")
def get_container(call: Call) -> Reply:
    """The container with its metadata and the state of its lease."""
    account = _account(call)
    found = containers.get(call.world, account["name"], call.params["name"])
    metadata = {"metadata": found["metadata"]} if found["metadata"] else {}
    held: Document = {"legalHold": {"hasLegalHold": False, "tags": []}}
    return Reply(body=_shown(call, account, found, metadata | held), headers={"ETag": str(found["etag"])})


@SERVICE.route("PUT", _ONE, action=f"{_TYPE}/write")
def set_container(call: Call) -> Reply:
    """201 for a new container, else 200."""
    account, name, body = _account(call), call.params["name"], call.json()
    found = containers.find(call.world, account["name"], name)
    try:
        document = found or containers.create(call.world, account["name"], name)
    except AzureError as error:
        raise _wrapped(error) from error
    return _written(account, _change(call, account, document, body), body, status=201 if found is None else 200)


@SERVICE.route("PATCH", _ONE, action=f"{_TYPE}/write")
def update_container(call: Call) -> Reply:
    """Metadata, when given, is replaced as a whole; a lease does not stand in the way."""
    account = _account(call)
    found, body = containers.get(call.world, account["name"], call.params["name"]), call.json()
    return _written(account, _change(call, account, found, body), body, status=200)


@SERVICE.route("DELETE", _ONE, action=f"{_TYPE}/delete")
def delete_container(call: Call) -> Reply:
    """200 or 204; 409 while it is leased."""
    account, name = _account(call), call.params["name"]
    if containers.find(call.world, account["name"], name) is None:
        return Reply(status=204)
    try:
        containers.delete(call.world, account["name"], name)
    except AzureError as error:
        raise _wrapped(error) from error
    return Reply()


@SERVICE.route("GET", _LIST, action=f"{_TYPE}/read")
def list_containers(call: Call) -> Reply:
    """The containers, by name, without their metadata.

    `$filter` is a prefix, `$maxpagesize` cuts, `$skipToken` is the last name seen.
    """
    account, prefix = _account(call), call.query.get("$filter", "")
    last = call.query.get("$skiptoken", "")
    found = [one for one in containers.listing(call.world, account["name"]) if one["name"].startswith(prefix)]
    left = [one for one in found if one["name"] > last]
    size = int(call.query["$maxpagesize"]) if call.query.get("$maxpagesize", "").isdigit() else 5000
    body: dict[str, Any] = {"value": [_shown(call, account, one, {}) for one in left[:size]]}
    if len(left) > size > 0:
        version = call.query.get("api-version", "")
        token = f"$maxpagesize={size}&$skipToken={left[size - 1]['name']}"
        body["nextLink"] = f"https://{call.host}{call.path}?api-version={version}&{token}"
    return Reply(body=body)


@SERVICE.route("POST", _ONE + "/lease", action=f"{_TYPE}/lease/action")
def lease_container(call: Call) -> Reply:
    """Acquire, Renew, Change, Release or Break; a broken one answers with the seconds left."""
    account, body = _account(call), call.json()
    action = str(body.get("action", "")).lower()
    if action not in {"acquire", "renew", "change", "release", "break"}:
        raise _invalid(f"The lease action '{body.get('action')}' is invalid.")
    wanted = _lease_request(body, action)
    found = containers.lease(call.world, account["name"], call.params["name"], action, wanted)
    headers = {"ETag": str(found["etag"])}
    if action == "break":
        left = leases.remaining_seconds(found["lease"], call.world.clock.timestamp())
        return Reply(body={"leaseTimeSeconds": str(left)}, headers=headers)
    return Reply(body={"leaseId": found["lease"]["id"] or wanted.lease_id}, headers=headers)


def _account(call: Call) -> Document:
    return groups.require_resource(call, accounts.TYPE, call.params["account"])


def _change(call: Call, account: Document, found: Document, body: Document) -> Document:
    """Metadata and public access as given; nothing given leaves the etag alone."""
    given = bodies.wanted_properties(body)
    document = dict(found)
    if given.get("metadata") is not None:
        document["metadata"] = {str(name): str(value) for name, value in bodies.object_in(given, "metadata").items()}
    if given.get("publicAccess") is not None:
        document["publicAccess"] = _public(account, str(given["publicAccess"]))
    return found if document == found else containers.put(call.world, document)


def _public(account: Document, wanted: str) -> str | None:
    if wanted.lower() not in _PUBLIC:
        raise _invalid(f"The public access '{wanted}' is invalid.")
    level = _PUBLIC[wanted.lower()]
    if level and not account["properties"].get("allowBlobPublicAccess"):
        message = "Public access is not permitted on this storage account."
        raise AzureError(status=409, code="PublicAccessNotPermitted", message=message)
    return level


def _lease_request(body: Document, action: str) -> leases.LeaseRequest:
    for name in ("leaseId", "proposedLeaseId"):
        if body.get(name) and not _GUID.fullmatch(str(body[name])):
            raise _invalid(f"The value of {name} is not a GUID.")
    seconds: Any = body.get("leaseDuration")
    if action == "acquire" and (not isinstance(seconds, int) or isinstance(seconds, bool)):
        raise _invalid("The leaseDuration is required to acquire a lease: -1, or 15 to 60 seconds.")
    period: Any = body.get("breakPeriod")
    if period is not None and not isinstance(period, int):
        raise _invalid("The breakPeriod must be 0 to 60 seconds.")
    return leases.LeaseRequest(
        lease_id=str(body.get("leaseId") or ""),
        proposed_id=str(body.get("proposedLeaseId") or ""),
        duration_seconds=seconds if isinstance(seconds, int) else leases.INFINITE,
        break_seconds=period,
    )


def _invalid(message: str) -> AzureError:
    return AzureError(status=400, code="InvalidValuesForRequestParameters", message=message)


def _wrapped(error: AzureError) -> AzureError:
    """What the blob service refuses, in the words of the resource provider: one code, and 409 for a lease."""
    status = 409 if error.status == 412 else error.status
    return AzureError(status=status, code="ContainerOperationFailure", message=error.message)


def _written(account: Document, document: Document, body: Document, *, status: int) -> Reply:
    """The answer to a write: the container's name, and of its properties those that were sent; the etag is a header."""
    shown = _named(account, document)
    if body.get("properties") is not None:
        sent: Document = {name: document[name] for name in ("metadata", "publicAccess") if name in body["properties"]}
        sent |= {"publicAccess": sent["publicAccess"] or "None"} if "publicAccess" in sent else {}
        shown["properties"] = {**_UNDELETED, **sent, **_UNHELD}
    return Reply(status=status, body=shown, headers={"ETag": str(document["etag"])})


def _shown(call: Call, account: Document, document: Document, more: Document) -> Document:
    """The container as it is read; `more`: what only a read of this one container shows."""
    changed = datetime.fromisoformat(str(document["lastModified"]))
    properties: Document = {
        "immutableStorageWithVersioning": {"enabled": False},
        **_UNDELETED,
        "defaultEncryptionScope": "$account-encryption-key",
        "denyEncryptionScopeOverride": False,
        "publicAccess": document["publicAccess"] or "None",
        **{name: value.title() for name, value in containers.lease_properties(call.world, document).items()},
        "lastModifiedTime": f"{changed:%Y-%m-%dT%H:%M:%S}.0000000Z",
        **more,
        **_UNHELD,
    }
    return {**_named(account, document), "etag": document["etag"], "properties": properties}


def _named(account: Document, document: Document) -> Document:
    where = f"{account['id']}/blobServices/default/containers/{document['name']}"
    return {"id": where, "name": document["name"], "type": _TYPE}
