"""The properties of a vault in a request: checked, with defaults, in the shape in which GET returns them.

https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults/create-or-update
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError
from localazure.app.json_body import object_at, objects_at
from localazure.app.tenant import TENANT_ID

if TYPE_CHECKING:
    from localazure.app.store import Document

MUTABLE = {"accessPolicies", "enabledForDeployment", "enabledForDiskEncryption", "enabledForTemplateDeployment",
         "networkAcls", "publicNetworkAccess", "sku"}  # fmt: skip
_BOOLEANS = {"enabledForDeployment", "enabledForDiskEncryption", "enabledForTemplateDeployment"}


def allowed_changes(current: Document, requested: Document) -> Document:
    """The changes of a request to an existing vault; 400 for a property that cannot change."""
    days = requested.get("softDeleteRetentionInDays")
    if days is not None and valid_retention_days(days) != current["softDeleteRetentionInDays"]:
        raise bad_request('The property "softDeleteRetentionInDays" has been set already and it can\'t be modified.')
    changes = _validated_properties(requested) | valid_purge_protection(requested)
    if requested.get("enableRbacAuthorization") is not None:
        changes["enableRbacAuthorization"] = bool(requested["enableRbacAuthorization"])
    return changes


def require_mandatory_properties(requested: Document, *, policies_needed: bool) -> None:
    """400 unless the body has the tenant, a SKU and, where needed, access policies."""
    if not requested.get("tenantId"):
        raise bad_request("The parameter tenantId is not specified.")
    if str(requested["tenantId"]).lower() != TENANT_ID:
        raise bad_request("An invalid value was provided for 'tenantId'.")
    if _valid_sku(requested) is None:
        raise bad_request("The parameter sku is not specified, or its name is neither standard nor premium.")
    if policies_needed and requested.get("accessPolicies") is None:
        raise bad_request("The parameter accessPolicies is not specified.")


def _valid_sku(requested: Document) -> Document | None:
    """The SKU of the body as Azure returns it; None if it has no valid name."""
    name = str(object_at(requested, "sku").get("name", "")).lower()
    return {"family": "A", "name": name} if name in {"standard", "premium"} else None


def mutable_properties_or_defaults(requested: Document) -> Document:
    """The properties that a PUT replaces; those that the body lacks get their defaults."""
    defaults: Document = {"accessPolicies": [], "enabledForDeployment": False, "publicNetworkAccess": "Enabled"}
    return defaults | _validated_properties({name: value for name, value in requested.items() if value is not None})


def _validated_properties(requested: Document) -> Document:
    """The mutable properties of a request in the shape in which GET returns them; 400 if one is invalid."""
    properties = {name: value for name, value in requested.items() if name in MUTABLE}
    for name in _BOOLEANS & properties.keys():
        properties[name] = bool(properties[name])
    if "accessPolicies" in properties:
        properties["accessPolicies"] = objects_at(requested, "accessPolicies")
    if "networkAcls" in properties:
        properties["networkAcls"] = acls = object_at(requested, "networkAcls")
        for name in ("ipRules", "virtualNetworkRules"):
            objects_at(acls, name)
    if "sku" in properties:
        properties["sku"] = _valid_sku(requested)
        if properties["sku"] is None:
            raise bad_request("The name of the sku is neither standard nor premium.")
    return properties


def valid_retention_days(days: object) -> int:
    """The retention in days, 90 by default; 400 outside 7 to 90."""
    if days is None:
        return 90
    if not isinstance(days, int) or isinstance(days, bool) or not 7 <= days <= 90:
        raise bad_request('Invalid value found at property "softDeleteRetentionInDays" in payload: must be 7 to 90.')
    return days


def valid_purge_protection(requested: Document) -> Document:
    """The purge protection of a request, empty without it; 400 for `false`, which Azure refuses even at creation."""
    enabled = requested.get("enablePurgeProtection")
    if enabled is False:
        raise bad_request(
            'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a vault is '
            "an irreversible action."
        )
    return {"enablePurgeProtection": True} if enabled else {}


def bad_request(message: str) -> AzureError:
    """400 BadRequest."""
    return AzureError(status=400, code="BadRequest", message=message)
