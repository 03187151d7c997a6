"""Blob containers on ARM, and a container's lease, which needs no data-plane role there.

https://learn.microsoft.com/rest/api/storagerp/blob-containers
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from localazure.app.call import AzureError, Reply
from localazure.app.json_body import object_at
from localazure.app.resource_manager import bodies
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
_NOT_DELETED = {"deleted": False, "remainingRetentionDays": 0}
_NO_IMMUTABILITY = {"hasImmutabilityPolicy": False, "hasLegalHold": False}
_PUBLIC_ACCESS_LEVELS = {"none": None, "container": "Container", "blob": "Blob"}


@SERVICE.route("GET", _ONE, action=f"{_TYPE}/read")
def get_container(call: Call) -> Reply:
    """One container with its metadata and the state of its lease; 404 ContainerNotFound."""
    account = accounts.require_account(call)
    container = containers.get(call.tenant, account["name"], call.params["name"])
    metadata = {"metadata": container["metadata"]} if container["metadata"] else {}
    no_legal_hold: Document = {"legalHold": {"hasLegalHold": False, "tags": []}}
    return Reply(
        body=_container_resource(call, account, container, metadata | no_legal_hold),
        headers={"ETag": str(container["etag"])},
    )


@SERVICE.route("PUT", _ONE, action=f"{_TYPE}/write")
def set_container(call: Call) -> Reply:
    """Create or update a container: 201 or 200."""
    account, name, body = accounts.require_account(call), call.params["name"], call.json()
    existing = containers.find(call.tenant, account["name"], name)
    try:
        container = existing or containers.create(call.tenant, account["name"], name)
    except AzureError as error:
        raise _as_provider_error(error) from error
    return _write_response(
        account, _store_changes(call, account, container, body), body, status=201 if existing is None else 200
    )


@SERVICE.route("PATCH", _ONE, action=f"{_TYPE}/write")
def update_container(call: Call) -> Reply:
    """Replace metadata and public access if the body has them; a lease does not block this."""
    account = accounts.require_account(call)
    container, body = containers.get(call.tenant, account["name"], call.params["name"]), call.json()
    return _write_response(account, _store_changes(call, account, container, body), body, status=200)


@SERVICE.route("DELETE", _ONE, action=f"{_TYPE}/delete")
def delete_container(call: Call) -> Reply:
    """200, 204 when there was none, 409 while it is leased."""
    account, name = accounts.require_account(call), call.params["name"]
    if containers.find(call.tenant, account["name"], name) is None:
        return Reply(status=204)
    try:
        containers.delete(call.tenant, account["name"], name)
    except AzureError as error:
        raise _as_provider_error(error) from error
    return Reply()


@SERVICE.route("GET", _LIST, action=f"{_TYPE}/read")
def list_containers(call: Call) -> Reply:
    """List the containers by name, without their metadata.

    `$filter` is a prefix, `$maxpagesize` the page size, `$skipToken` the last name of the page before.
    """
    account, prefix = accounts.require_account(call), call.query.get("$filter", "")
    last = call.query.get("$skiptoken", "")
    matching = [
        container
        for container in containers.list_containers(call.tenant, account["name"])
        if container["name"].startswith(prefix)
    ]
    rest = [container for container in matching if container["name"] > last]
    size = int(call.query["$maxpagesize"]) if call.query.get("$maxpagesize", "").isdigit() else 5000
    body: dict[str, Any] = {"value": [_container_resource(call, account, container, {}) for container in rest[:size]]}
    if len(rest) > size > 0:
        version = call.query.get("api-version", "")
        token = f"$maxpagesize={size}&$skipToken={rest[size - 1]['name']}"
        body["nextLink"] = f"https://{call.host}{call.path}?api-version={version}&{token}"
    return Reply(body=body)


@SERVICE.route("POST", _ONE + "/lease", action=f"{_TYPE}/lease/action")
def lease_container(call: Call) -> Reply:
    """Acquire, Renew, Change, Release or Break the lease; Break answers with the remaining seconds."""
    account, body = accounts.require_account(call), call.json()
    action = str(body.get("action", "")).lower()
    if action not in {"acquire", "renew", "change", "release", "break"}:
        raise _invalid_value(f"The lease action '{body.get('action')}' is invalid.")
    request = _lease_request(body, action)
    container = containers.change_lease(call.tenant, account["name"], call.params["name"], action, request)
    headers = {"ETag": str(container["etag"])}
    if action == "break":
        remaining = leases.remaining_seconds(container["lease"], call.tenant.clock.timestamp())
        return Reply(body={"leaseTimeSeconds": str(remaining)}, headers=headers)
    return Reply(body={"leaseId": container["lease"]["id"] or request.lease_id}, headers=headers)


def _store_changes(call: Call, account: Document, container: Document, body: Document) -> Document:
    """Store metadata and public access of the body. Without a change nothing is stored and the etag stays the same.

    400 or 409 for the public access.
    """
    requested = bodies.requested_properties(body)
    updated = dict(container)
    if requested.get("metadata") is not None:
        updated["metadata"] = {str(name): str(value) for name, value in object_at(requested, "metadata").items()}
    if requested.get("publicAccess") is not None:
        updated["publicAccess"] = _permitted_public_access(account, str(requested["publicAccess"]))
    return container if updated == container else containers.put(call.tenant, updated)


def _permitted_public_access(account: Document, requested: str) -> str | None:
    """The level of public access; 400 if unknown, 409 if the account permits none."""
    if requested.lower() not in _PUBLIC_ACCESS_LEVELS:
        raise _invalid_value(f"The public access '{requested}' is invalid.")
    level = _PUBLIC_ACCESS_LEVELS[requested.lower()]
    if level and not account["properties"].get("allowBlobPublicAccess"):
        message = "Public access is not permitted on this storage account."
        raise AzureError(status=409, code="PublicAccessNotPermitted", message=message)
    return level


def _lease_request(body: Document, action: str) -> leases.LeaseRequest:
    """The parameters of a lease call, from its body; 400 if invalid."""
    for name in ("leaseId", "proposedLeaseId"):
        if body.get(name) and not _GUID.fullmatch(str(body[name])):
            raise _invalid_value(f"The value of {name} is not a GUID.")
    seconds: Any = body.get("leaseDuration")
    if action == "acquire" and (not isinstance(seconds, int) or isinstance(seconds, bool)):
        raise _invalid_value("The leaseDuration is required to acquire a lease: -1, or 15 to 60 seconds.")
    period: Any = body.get("breakPeriod")
    if period is not None and not isinstance(period, int):
        raise _invalid_value("The breakPeriod must be 0 to 60 seconds.")
    return leases.LeaseRequest(
        lease_id=str(body.get("leaseId") or ""),
        proposed_id=str(body.get("proposedLeaseId") or ""),
        duration_seconds=seconds if isinstance(seconds, int) else leases.INFINITE,
        break_seconds=period,
    )


def _invalid_value(message: str) -> AzureError:
    return AzureError(status=400, code="InvalidValuesForRequestParameters", message=message)


def _as_provider_error(error: AzureError) -> AzureError:
    """An error of the Blob service as the resource provider answers it: one code, and 409 for a lease."""
    status = 409 if error.status == 412 else error.status
    return AzureError(status=status, code="ContainerOperationFailure", message=error.message)


def _write_response(account: Document, container: Document, body: Document, *, status: int) -> Reply:
    """The answer to a write: the container's identity and the properties that were sent; the etag is a header."""
    resource = _id_name_and_type(account, container)
    if body.get("properties") is not None:
        sent: Document = {name: container[name] for name in ("metadata", "publicAccess") if name in body["properties"]}
        sent |= {"publicAccess": sent["publicAccess"] or "None"} if "publicAccess" in sent else {}
        resource["properties"] = {**_NOT_DELETED, **sent, **_NO_IMMUTABILITY}
    return Reply(status=status, body=resource, headers={"ETag": str(container["etag"])})


def _container_resource(call: Call, account: Document, container: Document, more: Document) -> Document:
    """The container as ARM returns it; `more` are properties that only a read of one container has."""
    last_modified = datetime.fromisoformat(str(container["lastModified"]))
    properties: Document = {
        "immutableStorageWithVersioning": {"enabled": False},
        **_NOT_DELETED,
        "defaultEncryptionScope": "$account-encryption-key",
        "denyEncryptionScopeOverride": False,
        "publicAccess": container["publicAccess"] or "None",
        **{name: value.title() for name, value in containers.lease_properties(call.tenant, container).items()},
        "lastModifiedTime": f"{last_modified:%Y-%m-%dT%H:%M:%S}.0000000Z",
        **more,
        **_NO_IMMUTABILITY,
    }
    return {**_id_name_and_type(account, container), "etag": container["etag"], "properties": properties}


def _id_name_and_type(account: Document, container: Document) -> Document:
    """Id, name and type of a container."""
    container_id = f"{account['id']}/blobServices/default/containers/{container['name']}"
    return {"id": container_id, "name": container["name"], "type": _TYPE}
