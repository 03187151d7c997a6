"""Microsoft.ManagedIdentity: user-assigned identities, each with a principal in the directory.

https://learn.microsoft.com/rest/api/managedidentity/user-assigned-identities
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import bodies, filters, groups, regions, resources, scopes
from localazure.app.resource_manager.services import arm_service
from localazure.app.tenant import REGION, SEEDED_IDENTITY, SUBSCRIPTION, TENANT_ID
from localazure.entra import directory
from localazure.rbac import access

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"
SERVICE = arm_service(
    "managed identity",
    ".*/providers/Microsoft.ManagedIdentity(/.*)?",
    ("2015-08-31-preview", "2018-11-30", "2022-01-31-preview", "2023-01-31", "2024-11-30"),
)

_LIST = (
    "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
)
_ONE = _LIST + "/{name}"
_NAME = re.compile(r"[0-9a-z][0-9a-z_-]{2,127}", re.IGNORECASE)


@SERVICE.route("GET", _ONE, action=f"{TYPE}/read")
def get_identity(call: Call) -> Reply:
    """One identity; 404 ResourceNotFound."""
    return Reply(body=resources.response_body(groups.require_resource(call, TYPE, call.params["name"])))


@SERVICE.route("PUT", _ONE, action=f"{TYPE}/write")
def set_identity(call: Call) -> Reply:
    """Create or update an identity: 201 or 200. An update keeps the ids and replaces the tags."""
    groups.require_usable_group(call)
    name, body = call.params["name"], call.json()
    _check_name(name)
    location, tags = regions.require_location(body), bodies.validated_tags(body.get("tags"))
    # Azure writes these ids so, whatever the call says, and the Location of a 201 is the bare id. Recorded in
    # azure-cli, command_modules/identity/tests/latest/recordings/test_identity_management.yaml.
    identity_id = groups.resource_id(call, TYPE, name).replace("/resourceGroups/", "/resourcegroups/", 1)
    existing = resources.find(call.tenant, identity_id)
    if existing is None:
        created = _create(call.tenant, identity_id, location, tags)
        return Reply(status=201, body=resources.response_body(created), headers={"Location": str(created["id"])})
    regions.refuse_location_change(existing, location)
    return Reply(body=resources.response_body(resources.put(call.tenant, {**existing, "tags": tags})))


@SERVICE.route("PATCH", _ONE, action=f"{TYPE}/write")
def replace_tags(call: Call) -> Reply:
    """Replace the tags of an identity if the body has any."""
    identity, body = groups.require_resource(call, TYPE, call.params["name"]), call.json()
    if body.get("tags") is not None:
        identity["tags"] = bodies.validated_tags(body["tags"])
    return Reply(body=resources.response_body(resources.put(call.tenant, identity)))


@SERVICE.route("DELETE", _ONE, action=f"{TYPE}/delete")
def delete_identity(call: Call) -> Reply:
    """200, or 204 when there was none. The principal goes too; its role assignments stay as orphans."""
    groups.require_usable_group(call)
    identity_id = groups.resource_id(call, TYPE, call.params["name"])
    return Reply(status=200 if resources.delete_at_and_below(call.tenant, identity_id) else 204)


@SERVICE.route("GET", _LIST, action=f"{TYPE}/read")
def list_group_identities(call: Call) -> Reply:
    """List the identities of a group."""
    identities = list(resources.list_of_type(call.tenant, TYPE, groups.require_usable_group(call)["id"]))
    return Reply(
        body={"value": [resources.response_body(identity) for identity in filters.filter_documents(call, identities)]}
    )


@SERVICE.route(
    "GET",
    "/subscriptions/{subscription}/providers/Microsoft.ManagedIdentity/userAssignedIdentities",
    action=None,
    why="shows what the caller may read",
)
def list_identities(call: Call) -> Reply:
    """List the identities of the subscription that the caller may read."""
    scopes.require_authorization_scope(call)
    identities = resources.list_of_type(call.tenant, TYPE, SUBSCRIPTION)
    readable = [
        identity
        for identity in identities
        if access.is_principal_allowed(call.tenant, call.authenticated_caller.object_id, f"{TYPE}/read", identity["id"])
    ]
    return Reply(
        body={"value": [resources.response_body(identity) for identity in filters.filter_documents(call, readable)]}
    )


def seed(tenant: Tenant) -> None:
    """Store the identity of the predefined cluster, in the predefined group."""
    groups.seed_group(tenant)
    if resources.find(tenant, SEEDED_IDENTITY) is None:
        _create(tenant, SEEDED_IDENTITY, REGION, {})


SERVICE.seed = seed


def _create(tenant: Tenant, identity_id: str, location: str, tags: dict[str, str]) -> Document:
    """Store a new identity and its principal in the directory."""
    name = identity_id.rsplit("/", 1)[-1]
    principal = directory.create_managed_identity(tenant, name, identity_id)
    ids = {"tenantId": TENANT_ID, "principalId": principal["id"], "clientId": principal["appId"]}
    document: Document = {"id": identity_id, "name": name, "type": TYPE, "location": location, "tags": tags}
    return resources.put(tenant, {**document, "properties": ids})


def _delete_principal(tenant: Tenant, document: Document) -> None:
    directory.delete_principal(tenant, document["properties"]["principalId"])


resources.on_delete[TYPE.lower()] = _delete_principal


def _check_name(name: str) -> None:
    """400 InvalidResourceName for a name that Azure does not allow."""
    if not _NAME.fullmatch(name):
        message = (
            f"The resource name '{name}' is invalid. It must start with a letter or number and contain 3 to 128 "
            "letters, numbers, hyphens and underscores."
        )
        raise AzureError(status=400, code="InvalidResourceName", message=message)
