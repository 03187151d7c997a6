"""Microsoft.KeyVault on ARM: vaults, soft-deleted vaults, whether a name is available.

https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from localazure.app.call import AzureError, Reply
from localazure.app.json_body import objects_at
from localazure.app.resource_manager import bodies, filters, groups, operations, regions, resources, scopes
from localazure.app.resource_manager.services import arm_service
from localazure.app.tenant import SUBSCRIPTION
from localazure.keyvault import vault_properties, vaults
from localazure.rbac import access

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

SERVICE = arm_service(
    "key vault management",
    ".*/providers/Microsoft.KeyVault(/.*)?",
    ("2016-10-01", "2019-09-01", "2021-10-01", "2022-07-01", "2023-07-01", "2024-11-01", "2026-02-01"),
)

_PROVIDER = "/subscriptions/{subscription}/providers/Microsoft.KeyVault"
_LIST = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.KeyVault/vaults"
_ONE = _LIST + "/{name}"
_DELETED_VAULT = _PROVIDER + "/locations/{location}/deletedVaults/{name}"
_NAME = re.compile(r"(?=.{3,24}\Z)[a-z](-?[a-z0-9])*", re.IGNORECASE)
_RBAC_BY_DEFAULT = "2026-02-01"  # https://learn.microsoft.com/azure/key-vault/general/access-control-default


@SERVICE.route("GET", _ONE, action=f"{vaults.TYPE}/read")
def get_vault(call: Call) -> Reply:
    """One vault; 404 ResourceNotFound."""
    return Reply(body=resources.response_body(groups.require_resource(call, vaults.TYPE, call.params["name"])))


@SERVICE.route("PUT", _ONE, action=f"{vaults.TYPE}/write")
def set_vault(call: Call) -> Reply:
    """Create or replace a vault: 200 in both cases. `createMode: recover` recovers a soft-deleted one."""
    groups.require_usable_group(call)
    name, body = call.params["name"], call.json()
    _require_valid_name(name)
    location, properties = regions.require_location(body), bodies.requested_properties(body)
    existing = resources.find(call.tenant, groups.resource_id(call, vaults.TYPE, name))
    if existing is not None:
        regions.refuse_location_change(existing, location)
        return Reply(body=resources.response_body(_replace_vault(call, existing, body)))
    if str(properties.get("createMode", "")).lower() == "recover":
        return Reply(body=resources.response_body(_recover_vault(call, name, location)))
    _require_unused_name(call, name)
    return Reply(body=resources.response_body(_create_vault(call, name, location, body)))


@SERVICE.route("PATCH", _ONE, action=f"{vaults.TYPE}/write")
def update_vault(call: Call) -> Reply:
    """Change the properties in the body and keep the others. Tags are replaced as a whole."""
    vault, body = groups.require_resource(call, vaults.TYPE, call.params["name"]), call.json()
    requested = {name: value for name, value in bodies.requested_properties(body).items() if value is not None}
    properties = {**vault["properties"], **vault_properties.allowed_changes(vault["properties"], requested)}
    tags = bodies.validated_tags(body["tags"]) if body.get("tags") is not None else vault["tags"]
    return Reply(body=resources.response_body(_store_vault(call, {**vault, "tags": tags, "properties": properties})))


@SERVICE.route("PUT", _ONE + "/accessPolicies/{operation}", action=f"{vaults.TYPE}/accessPolicies/write")
def update_access_policies(call: Call) -> Reply:
    """`add`, `replace` or `remove` access policies, which are identified by their object id."""
    vault, operation = groups.require_resource(call, vaults.TYPE, call.params["name"]), call.params["operation"].lower()
    requested = objects_at(bodies.requested_properties(call.json()), "accessPolicies")
    if operation not in {"add", "replace", "remove"}:
        raise vault_properties.bad_request(f"The access policy operation '{operation}' is invalid.")
    object_ids = {policy.get("objectId") for policy in requested}
    current: list[Document] = vault["properties"]["accessPolicies"]
    others = (
        [] if operation == "replace" else [policy for policy in current if policy.get("objectId") not in object_ids]
    )
    vault["properties"]["accessPolicies"] = others if operation == "remove" else [*others, *requested]
    _store_vault(call, vault)
    properties = {"accessPolicies": vault["properties"]["accessPolicies"]}
    resource_type = f"{vaults.TYPE}/accessPolicies"
    return Reply(body={"id": f"{vault['id']}/accessPolicies/", "type": resource_type, "properties": properties})


@SERVICE.route("DELETE", _ONE, action=f"{vaults.TYPE}/delete")
def delete_vault(call: Call) -> Reply:
    """Soft-delete a vault: 200, or 204 when there was none."""
    groups.require_usable_group(call)
    vault_id = groups.resource_id(call, vaults.TYPE, call.params["name"])
    return Reply(status=200 if resources.delete_at_and_below(call.tenant, vault_id) else 204)


@SERVICE.route("GET", _LIST, action=f"{vaults.TYPE}/read")
def list_group_vaults(call: Call) -> Reply:
    """List the vaults of a group."""
    documents = list(resources.list_of_type(call.tenant, vaults.TYPE, groups.require_usable_group(call)["id"]))
    return Reply(
        body={"value": [resources.response_body(vault) for vault in filters.filter_documents(call, documents)]}
    )


@SERVICE.route("GET", _PROVIDER + "/vaults", action=None, why="shows what the caller may read")
def list_vaults(call: Call) -> Reply:
    """List the vaults of the subscription that the caller may read."""
    scopes.require_authorization_scope(call)
    documents = resources.list_of_type(call.tenant, vaults.TYPE, SUBSCRIPTION)
    action = f"{vaults.TYPE}/read"
    readable = [
        vault
        for vault in documents
        if access.is_principal_allowed(call.tenant, call.authenticated_caller.object_id, action, vault["id"])
    ]
    return Reply(body={"value": [resources.response_body(vault) for vault in filters.filter_documents(call, readable)]})


@SERVICE.route("POST", _PROVIDER + "/checkNameAvailability", action="Microsoft.KeyVault/checkNameAvailability/read")
def check_name(call: Call) -> Reply:
    """Whether a vault may have this name, and why not."""
    name = str(call.json().get("name", ""))
    if not _NAME.fullmatch(name):
        return Reply(
            body={"nameAvailable": False, "reason": "AccountNameInvalid", "message": _invalid_name_message(name)}
        )
    if vaults.find(call.tenant, name) is None and vaults.find_deleted(call.tenant, name) is None:
        return Reply(body={"nameAvailable": True})
    return Reply(body={"nameAvailable": False, "reason": "AlreadyExists", "message": _name_taken_message(name)})


@SERVICE.route("GET", _PROVIDER + "/deletedVaults", action="Microsoft.KeyVault/deletedVaults/read")
def list_deleted(call: Call) -> Reply:
    """List the soft-deleted vaults of the subscription."""
    return Reply(body={"value": [resources.response_body(deleted) for deleted in vaults.list_deleted(call.tenant)]})


@SERVICE.route("GET", _PROVIDER + "/managedHSMs", action="Microsoft.KeyVault/managedHSMs/read")
@SERVICE.route("GET", _PROVIDER + "/deletedManagedHSMs", action="Microsoft.KeyVault/deletedManagedHsms/read")
def list_managed_hsms(_call: Call) -> Reply:
    """An empty list: there are no managed HSMs, but `az keyvault list` and `list-deleted` ask for them."""
    return Reply(body={"value": []})


@SERVICE.route(
    "POST", _PROVIDER + "/checkMhsmNameAvailability", action="Microsoft.KeyVault/checkMhsmNameAvailability/read"
)
def check_managed_hsm_name(_call: Call) -> Reply:
    """Every name is available: `az keyvault check-name` asks this too."""
    return Reply(body={"nameAvailable": True})


@SERVICE.route("GET", _DELETED_VAULT, action="Microsoft.KeyVault/locations/deletedVaults/read")
def get_deleted(call: Call) -> Reply:
    """One soft-deleted vault; 404 DeletedVaultNotFound."""
    return Reply(
        body=resources.response_body(_require_deleted_vault(call, call.params["name"], call.params["location"]))
    )


@SERVICE.route("POST", _DELETED_VAULT + "/purge", action="Microsoft.KeyVault/locations/deletedVaults/purge/action")
def purge_deleted(call: Call) -> Reply:
    """Purge a soft-deleted vault: 202. Refused under purge protection."""
    deleted = _require_deleted_vault(call, call.params["name"], call.params["location"])
    if deleted["properties"].get("purgeProtectionEnabled"):
        message = "Operation 'DeletedVaultPurge' is not allowed."
        raise AzureError(status=405, code="MethodNotAllowed", message=message)
    operation = operations.begin(call.tenant, vaults.PURGE_OPERATION, str(deleted["name"]))
    location = deleted["properties"]["location"]
    path = f"{SUBSCRIPTION}/providers/Microsoft.KeyVault/locations/{location}/operationResults"
    return operations.accepted_reply(call, operation, path)


@SERVICE.route(
    "GET", _PROVIDER + "/locations/{location}/operationResults/{operation}", action=None, why="the id is the caller's"
)
def poll_purge(call: Call) -> Reply:
    """The state of a purge, at the Location of a 202: 202, then 200, each with when it began and how far it is.

    The 200 is recorded in azure-cli, command_modules/keyvault/tests/latest/recordings/test_keyvault_softdelete.yaml; of
    the 202, which issue 16 reports, no public recording was found.
    """
    reply = operations.answer_location_poll(call, call.params["operation"])
    began, due = operations.began_and_due(call.tenant, call.params["operation"])
    created = {"createdDateTime": f"{began:%Y-%m-%d %H:%M:%SZ}"}
    ended = {"lastActionDateTime": f"{due:%Y-%m-%d %H:%M:%SZ}", "status": "Succeeded"}
    return replace(reply, body={**created, **({"status": "Pending"} if reply.status == 202 else ended)})


def _create_vault(call: Call, name: str, location: str, body: Document) -> Document:
    """Store a new vault. Without a requested access mode the api-version decides."""
    requested = bodies.requested_properties(body)
    rbac = requested.get("enableRbacAuthorization")
    if rbac is None and call.query.get("api-version", "")[:10] >= _RBAC_BY_DEFAULT:
        rbac = True
    vault_properties.require_mandatory_properties(requested, policies_needed=not rbac)
    properties: dict[str, Any] = {
        **vault_properties.mutable_properties_or_defaults(requested),
        "tenantId": requested["tenantId"],
        "enableSoftDelete": True,
        "softDeleteRetentionInDays": vault_properties.valid_retention_days(requested.get("softDeleteRetentionInDays")),
        "vaultUri": f"https://{name.lower()}{vaults.SUFFIX}/",
        "provisioningState": "Succeeded",
        **vault_properties.valid_purge_protection(requested),
        **({} if rbac is None else {"enableRbacAuthorization": bool(rbac)}),
    }
    vault_id = groups.resource_id(call, vaults.TYPE, name)
    tags = bodies.validated_tags(body.get("tags"))
    document = {"id": vault_id, "name": name, "type": vaults.TYPE, "location": location, "tags": tags}
    return _store_vault(call, {**document, "properties": properties})


def _replace_vault(call: Call, existing: Document, body: Document) -> Document:
    """Store a PUT to an existing vault: mutable properties that the body lacks return to their defaults."""
    requested = bodies.requested_properties(body)
    vault_properties.require_mandatory_properties(requested, policies_needed=False)
    fixed = {name: value for name, value in existing["properties"].items() if name not in vault_properties.MUTABLE}
    changes = vault_properties.allowed_changes(
        fixed, {name: value for name, value in requested.items() if value is not None}
    )
    if "accessPolicies" not in requested:
        changes["accessPolicies"] = existing["properties"]["accessPolicies"]
    properties = {**fixed, **vault_properties.mutable_properties_or_defaults(requested), **changes}
    return _store_vault(call, {**existing, "tags": bodies.validated_tags(body.get("tags")), "properties": properties})


def _recover_vault(call: Call, name: str, location: str) -> Document:
    """Recover a soft-deleted vault; 404 if there is none, 409 if it was in another group."""
    deleted = _require_deleted_vault(call, name, location)
    vault_id = groups.resource_id(call, vaults.TYPE, name)
    if str(deleted["properties"]["vaultId"]).lower() != vault_id.lower():
        raise AzureError(status=409, code="VaultAlreadyExists", message=_name_taken_message(name))
    return vaults.recover(call.tenant, deleted)


def _require_deleted_vault(call: Call, name: str, location: str) -> Document:
    """The soft-deleted vault with this name in this location; 404 DeletedVaultNotFound."""
    operations.run_due(call.tenant)
    deleted = vaults.find_deleted(call.tenant, name)
    if deleted is None or deleted["properties"]["location"] != regions.short_location(location):
        message = f"The specified deleted vault '{name}' does not exist."
        raise AzureError(status=404, code="DeletedVaultNotFound", message=message)
    return deleted


def _require_valid_name(name: str) -> None:
    """400 VaultNameNotValid for a name that Azure does not allow."""
    if not _NAME.fullmatch(name):
        raise AzureError(status=400, code="VaultNameNotValid", message=_invalid_name_message(name))


def _require_unused_name(call: Call, name: str) -> None:
    """409 if a vault, live or soft-deleted, has this name."""
    if vaults.find_deleted(call.tenant, name) is not None:
        message = (
            "A vault with the same name already exists in deleted state. You need to either recover or purge existing "
            "key vault. Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft "
            "delete."
        )
        raise AzureError(status=409, code="ConflictError", message=message)
    if vaults.find(call.tenant, name) is not None:
        raise AzureError(status=409, code="VaultAlreadyExists", message=_name_taken_message(name))


def _store_vault(call: Call, document: Document) -> Document:
    """Store a vault with who changed it and when, and its network rules as Azure returns them."""
    moment, client_id = call.tenant.clock.now(), call.authenticated_caller.app_id
    now = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
    created = document.get("systemData", {"createdBy": client_id, "createdByType": "Application", "createdAt": now})
    modified = {"lastModifiedBy": client_id, "lastModifiedByType": "Application", "lastModifiedAt": now}
    properties = {name: value for name, value in document["properties"].items() if name != "networkAcls"}
    properties |= vaults.network_acls(document["properties"].get("networkAcls"))
    return resources.put(call.tenant, {**document, "properties": properties, "systemData": created | modified})


def _invalid_name_message(name: str) -> str:
    """Azure's message for an invalid vault name."""
    return (
        f"The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name "
        "must begin with a letter, end with a letter or digit, and not contain consecutive hyphens. Follow this link "
        "for more information: https://go.microsoft.com/fwlink/?linkid=2147742"
    )


def _name_taken_message(name: str) -> str:
    """Azure's message for a vault name in use."""
    return (
        f"The vault name '{name}' is already in use. Vault names are globally unique so it is possible that the name "
        "is already taken. If you are sure that the vault name was not taken then it is possible that a vault with the "
        "same name was recently deleted but not purged after being placed in a recoverable state. If the vault is in "
        "a recoverable state then the vault will need to be purged before reusing the name. For more information about "
        "VaultAlreadyExists, soft delete and purging a vault follow this link "
        "https://go.microsoft.com/fwlink/?linkid=2147740."
    )
