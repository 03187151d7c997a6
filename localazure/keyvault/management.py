"""Microsoft.KeyVault on ARM: vaults, the soft-deleted ones, whether a name is free.

https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from localazure.app.call import AzureError, Reply
from localazure.app.resource_manager import bodies, filters, groups, operations, regions, resources, scopes
from localazure.app.resource_manager.services import arm_service, empty_lists, private_link
from localazure.app.tenant import SUBSCRIPTION, TENANT_ID
from localazure.keyvault import vaults
from localazure.rbac import access

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

SERVICE = arm_service(
    "key vault management",
    ".*/providers/Microsoft.KeyVault(/.*)?",
    ("2016-10-01", "2019-09-01", "2021-10-01", "2022-07-01", "2023-07-01", "2024-11-01", "2026-02-01"),
)
empty_lists(SERVICE, vaults.TYPE, "privateEndpointConnections", "keys")

_PROVIDER = "/subscriptions/{subscription}/providers/Microsoft.KeyVault"
_LIST = "/subscriptions/{subscription}/resourcegroups/{group}/providers/Microsoft.KeyVault/vaults"
_ONE = _LIST + "/{name}"
_DELETED = _PROVIDER + "/locations/{location}/deletedVaults/{name}"
_NAME = re.compile(r"(?=.{3,24}\Z)[a-z](-?[a-z0-9])*", re.IGNORECASE)
_FREE = {"accessPolicies", "enabledForDeployment", "enabledForDiskEncryption", "enabledForTemplateDeployment",
         "networkAcls", "publicNetworkAccess", "sku"}  # fmt: skip
_FLAGS = {"enabledForDeployment", "enabledForDiskEncryption", "enabledForTemplateDeployment"}
_RBAC_BY_DEFAULT = "2026-02-01"  # https://learn.microsoft.com/azure/key-vault/general/access-control-default


@SERVICE.route("GET", _ONE, action=f"{vaults.TYPE}/read")
def get_vault(call: Call) -> Reply:
    """The vault."""
    return Reply(body=resources.shown(groups.require_resource(call, vaults.TYPE, call.params["name"])))


@SERVICE.route("GET", _ONE + "/privateLinkResources", action=f"{vaults.TYPE}/privateLinkResources/read")
def list_private_links(call: Call) -> Reply:
    """The vault itself."""
    vault = groups.require_resource(call, vaults.TYPE, call.params["name"])
    return Reply(body={"value": [private_link(vault, "vault", "default", "privatelink.vaultcore.azure.net")]})


@SERVICE.route("PUT", _ONE, action=f"{vaults.TYPE}/write")
def set_vault(call: Call) -> Reply:
    """200, also for a new vault; with `createMode: recover` a soft-deleted one comes back."""
    groups.require_group(call)
    name, body = call.params["name"], call.json()
    _check_name(name)
    location, properties = regions.location_of(body), bodies.wanted_properties(body)
    found = resources.find(call.world, groups.resource_id(call, vaults.TYPE, name))
    if found is not None:
        regions.check_location_kept(found, location)
        return Reply(body=resources.shown(_replace(call, found, body)))
    if str(properties.get("createMode", "")).lower() == "recover":
        return Reply(body=resources.shown(_recover(call, name, location)))
    _check_free(call, name)
    return Reply(body=resources.shown(_create(call, name, location, body)))


@SERVICE.route("PATCH", _ONE, action=f"{vaults.TYPE}/write")
def update_vault(call: Call) -> Reply:
    """What is given changes, the rest stays; tags are replaced as a whole."""
    found, body = groups.require_resource(call, vaults.TYPE, call.params["name"]), call.json()
    given = {name: value for name, value in bodies.wanted_properties(body).items() if value is not None}
    properties = {**found["properties"], **_changes(found["properties"], given)}
    tags = bodies.check_tags(body["tags"]) if body.get("tags") is not None else found["tags"]
    return Reply(body=resources.shown(_stamp(call, {**found, "tags": tags, "properties": properties})))


@SERVICE.route("PUT", _ONE + "/accessPolicies/{operation}", action=f"{vaults.TYPE}/accessPolicies/write")
def update_access_policies(call: Call) -> Reply:
    """`add`, `replace` or `remove` entries of the vault's access policies."""
    found, how = groups.require_resource(call, vaults.TYPE, call.params["name"]), call.params["operation"].lower()
    given = bodies.objects_in(bodies.wanted_properties(call.json()), "accessPolicies")
    if how not in {"add", "replace", "remove"}:
        raise _bad(f"The access policy operation '{how}' is invalid.")
    named = {policy.get("objectId") for policy in given}
    there: list[Document] = found["properties"]["accessPolicies"]
    others = [] if how == "replace" else [policy for policy in there if policy.get("objectId") not in named]
    found["properties"]["accessPolicies"] = others if how == "remove" else [*others, *given]
    _stamp(call, found)
    shown = {"accessPolicies": found["properties"]["accessPolicies"]}
    kind = f"{vaults.TYPE}/accessPolicies"
    return Reply(body={"id": f"{found['id']}/accessPolicies/", "type": kind, "properties": shown})


@SERVICE.route("DELETE", _ONE, action=f"{vaults.TYPE}/delete")
def delete_vault(call: Call) -> Reply:
    """200, 204 when it was not there; the vault is soft-deleted."""
    groups.require_group(call)
    where = groups.resource_id(call, vaults.TYPE, call.params["name"])
    return Reply(status=200 if resources.delete(call.world, where) else 204)


@SERVICE.route("GET", _LIST, action=f"{vaults.TYPE}/read")
def list_group_vaults(call: Call) -> Reply:
    """The vaults of a group."""
    found = list(resources.of_type(call.world, vaults.TYPE, groups.require_group(call)["id"]))
    return Reply(body={"value": [resources.shown(vault) for vault in filters.apply(call, found)]})


@SERVICE.route("GET", _PROVIDER + "/vaults", action=None, why="shows what the caller may read")
def list_vaults(call: Call) -> Reply:
    """The vaults of the subscription."""
    scopes.scope(call)
    found = resources.of_type(call.world, vaults.TYPE, SUBSCRIPTION)
    read = f"{vaults.TYPE}/read"
    seen = [one for one in found if access.allows(call.world, call.who.object_id, read, one["id"])]
    return Reply(body={"value": [resources.shown(vault) for vault in filters.apply(call, seen)]})


@SERVICE.route("POST", _PROVIDER + "/checkNameAvailability", action="Microsoft.KeyVault/checkNameAvailability/read")
def check_name(call: Call) -> Reply:
    """Whether a vault may have this name."""
    name = str(call.json().get("name", ""))
    if not _NAME.fullmatch(name):
        return Reply(body={"nameAvailable": False, "reason": "AccountNameInvalid", "message": _name_rule(name)})
    if vaults.find(call.world, name) is None and vaults.find_deleted(call.world, name) is None:
        return Reply(body={"nameAvailable": True})
    return Reply(body={"nameAvailable": False, "reason": "AlreadyExists", "message": _taken(name)})


@SERVICE.route("GET", _PROVIDER + "/deletedVaults", action="Microsoft.KeyVault/deletedVaults/read")
def list_deleted(call: Call) -> Reply:
    """The soft-deleted vaults of the subscription."""
    return Reply(body={"value": [resources.shown(found) for found in vaults.all_deleted(call.world)]})


@SERVICE.route("GET", _PROVIDER + "/managedHSMs", action="Microsoft.KeyVault/managedHSMs/read")
@SERVICE.route("GET", _PROVIDER + "/deletedManagedHSMs", action="Microsoft.KeyVault/deletedManagedHsms/read")
def list_managed_hsms(_call: Call) -> Reply:
    """None, ever: but `az keyvault list` and `list-deleted` ask for them too."""
    return Reply(body={"value": []})


@SERVICE.route(
    "POST", _PROVIDER + "/checkMhsmNameAvailability", action="Microsoft.KeyVault/checkMhsmNameAvailability/read"
)
def check_managed_hsm_name(_call: Call) -> Reply:
    """Any: `az keyvault check-name` asks this one."""
    return Reply(body={"nameAvailable": True})


@SERVICE.route("GET", _DELETED, action="Microsoft.KeyVault/locations/deletedVaults/read")
def get_deleted(call: Call) -> Reply:
    """One soft-deleted vault."""
    return Reply(body=resources.shown(_require_deleted(call, call.params["name"], call.params["location"])))


@SERVICE.route("POST", _DELETED + "/purge", action="Microsoft.KeyVault/locations/deletedVaults/purge/action")
def purge_deleted(call: Call) -> Reply:
    """202; refused under purge protection."""
    found = _require_deleted(call, call.params["name"], call.params["location"])
    if found["properties"].get("purgeProtectionEnabled"):
        message = "Operation 'DeletedVaultPurge' is not allowed."
        raise AzureError(status=405, code="MethodNotAllowed", message=message)
    operation = operations.begin(call.world, vaults.PURGE, str(found["name"]))
    location = found["properties"]["location"]
    path = f"{SUBSCRIPTION}/providers/Microsoft.KeyVault/locations/{location}/operationResults"
    return operations.accepted(call, operation, path)


@SERVICE.route(
    "GET", _PROVIDER + "/locations/{location}/operationResults/{operation}", action=None, why="the id is the caller's"
)
def poll_operation(call: Call) -> Reply:
    """What the Location of a 202 answers."""
    return operations.poll(call, call.params["operation"])


def _create(call: Call, name: str, location: str, body: Document) -> Document:
    given = bodies.wanted_properties(body)
    rbac = given.get("enableRbacAuthorization")
    if rbac is None and call.query.get("api-version", "")[:10] >= _RBAC_BY_DEFAULT:
        rbac = True
    _check_required(given, policies_needed=not rbac)
    properties: dict[str, Any] = {
        **_chosen(given),
        "tenantId": given["tenantId"],
        "enableSoftDelete": True,
        "softDeleteRetentionInDays": _retention(given.get("softDeleteRetentionInDays")),
        "vaultUri": f"https://{name.lower()}{vaults.SUFFIX}/",
        "provisioningState": "Succeeded",
        **_purge_protection(given),
        **({} if rbac is None else {"enableRbacAuthorization": bool(rbac)}),
    }
    where = groups.resource_id(call, vaults.TYPE, name)
    tags = bodies.check_tags(body.get("tags"))
    document = {"id": where, "name": name, "type": vaults.TYPE, "location": location, "tags": tags}
    return _stamp(call, {**document, "properties": properties})


def _replace(call: Call, found: Document, body: Document) -> Document:
    given = bodies.wanted_properties(body)
    _check_required(given, policies_needed=False)
    kept = {name: value for name, value in found["properties"].items() if name not in _FREE}
    changes = _changes(kept, {name: value for name, value in given.items() if value is not None})
    if "accessPolicies" not in given:
        changes["accessPolicies"] = found["properties"]["accessPolicies"]
    properties = {**kept, **_chosen(given), **changes}
    return _stamp(call, {**found, "tags": bodies.check_tags(body.get("tags")), "properties": properties})


def _changes(kept: Document, given: Document) -> Document:
    """What a write may change in a vault that is there; 400 for what is fixed."""
    days = given.get("softDeleteRetentionInDays")
    if days is not None and _retention(days) != kept["softDeleteRetentionInDays"]:
        raise _bad('The property "softDeleteRetentionInDays" has been set already and it can\'t be modified.')
    changes = _settable(given) | _purge_protection(given)
    if given.get("enableRbacAuthorization") is not None:
        changes["enableRbacAuthorization"] = bool(given["enableRbacAuthorization"])
    return changes


def _recover(call: Call, name: str, location: str) -> Document:
    deleted = _require_deleted(call, name, location)
    where = groups.resource_id(call, vaults.TYPE, name)
    if str(deleted["properties"]["vaultId"]).lower() != where.lower():
        raise AzureError(status=409, code="VaultAlreadyExists", message=_taken(name))
    return vaults.recover(call.world, deleted)


def _require_deleted(call: Call, name: str, location: str) -> Document:
    operations.settle(call.world)
    found = vaults.find_deleted(call.world, name)
    if found is None or found["properties"]["location"] != regions.short_location(location):
        message = f"The specified deleted vault '{name}' does not exist."
        raise AzureError(status=404, code="DeletedVaultNotFound", message=message)
    return found


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise AzureError(status=400, code="VaultNameNotValid", message=_name_rule(name))


def _check_free(call: Call, name: str) -> None:
    if vaults.find_deleted(call.world, name) is not None:
        message = (
            "A vault with the same name already exists in deleted state. You need to either recover or purge existing "
            "key vault. Follow this link https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft "
            "delete."
        )
        raise AzureError(status=409, code="ConflictError", message=message)
    if vaults.find(call.world, name) is not None:
        raise AzureError(status=409, code="VaultAlreadyExists", message=_taken(name))


def _check_required(given: Document, *, policies_needed: bool) -> None:
    if not given.get("tenantId"):
        raise _bad("The parameter tenantId is not specified.")
    if str(given["tenantId"]).lower() != TENANT_ID:
        raise _bad("An invalid value was provided for 'tenantId'.")
    if _sku(given) is None:
        raise _bad("The parameter sku is not specified, or its name is neither standard nor premium.")
    if policies_needed and given.get("accessPolicies") is None:
        raise _bad("The parameter accessPolicies is not specified.")


def _sku(given: Document) -> Document | None:
    name = str(bodies.object_in(given, "sku").get("name", "")).lower()
    return {"family": "A", "name": name} if name in {"standard", "premium"} else None


def _chosen(given: Document) -> Document:
    """What a PUT sets whole: what is not given goes back to its default."""
    fresh: Document = {"accessPolicies": [], "enabledForDeployment": False, "publicNetworkAccess": "Enabled"}
    return fresh | _settable({name: value for name, value in given.items() if value is not None})


def _settable(given: Document) -> Document:
    """What may be set at any time, in the shape in which GET returns it."""
    chosen = {name: value for name, value in given.items() if name in _FREE}
    for name in _FLAGS & chosen.keys():
        chosen[name] = bool(chosen[name])
    if "accessPolicies" in chosen:
        chosen["accessPolicies"] = bodies.objects_in(given, "accessPolicies")
    if "networkAcls" in chosen:
        chosen["networkAcls"] = acls = bodies.object_in(given, "networkAcls")
        for name in ("ipRules", "virtualNetworkRules"):
            bodies.objects_in(acls, name)
    if "sku" in chosen:
        chosen["sku"] = _sku(given)
        if chosen["sku"] is None:
            raise _bad("The name of the sku is neither standard nor premium.")
    return chosen


def _retention(days: object) -> int:
    if days is None:
        return 90
    if not isinstance(days, int) or isinstance(days, bool) or not 7 <= days <= 90:
        raise _bad('Invalid value found at property "softDeleteRetentionInDays" in payload: must be 7 to 90.')
    return days


def _purge_protection(given: Document) -> Document:
    """Azure takes `true` or nothing: also at creation `false` is refused."""
    wanted = given.get("enablePurgeProtection")
    if wanted is False:
        raise _bad(
            'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a vault is '
            "an irreversible action."
        )
    return {"enablePurgeProtection": True} if wanted else {}


def _stamp(call: Call, document: Document) -> Document:
    moment, who = call.world.clock.now(), call.who.app_id
    now = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
    old = document.get("systemData", {"createdBy": who, "createdByType": "Application", "createdAt": now})
    changed = {"lastModifiedBy": who, "lastModifiedByType": "Application", "lastModifiedAt": now}
    properties = {name: value for name, value in document["properties"].items() if name != "networkAcls"}
    properties |= vaults.rules(document["properties"].get("networkAcls"))
    return resources.put(call.world, {**document, "properties": properties, "systemData": old | changed})


def _bad(message: str) -> AzureError:
    return AzureError(status=400, code="BadRequest", message=message)


def _name_rule(name: str) -> str:
    return (
        f"The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name "
        "must begin with a letter, end with a letter or digit, and not contain consecutive hyphens. Follow this link "
        "for more information: https://go.microsoft.com/fwlink/?linkid=2147742"
    )


def _taken(name: str) -> str:
    return (
        f"The vault name '{name}' is already in use. Vault names are globally unique so it is possible that the name "
        "is already taken. If you are sure that the vault name was not taken then it is possible that a vault with the "
        "same name was recently deleted but not purged after being placed in a recoverable state. If the vault is in "
        "a recoverable state then the vault will need to be purged before reusing the name. For more information about "
        "VaultAlreadyExists, soft delete and purging a vault follow this link "
        "https://go.microsoft.com/fwlink/?linkid=2147740."
    )
