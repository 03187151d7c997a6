"""`$expand` of an application or service principal: what hangs on it comes along in the same answer.

https://learn.microsoft.com/graph/query-parameters#expand
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.entra import directory
from localazure.graph import objects, odata
from localazure.graph.access import bad

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

MOST = 20  # Azure: $expand of directory objects shows no more, and no next link
_EMPTY = ("appManagementPolicies", "homeRealmDiscoveryPolicies", "tokenIssuancePolicies", "tokenLifetimePolicies")
_NONE = {
    directory.APPLICATIONS: ("extensionProperties",),
    directory.PRINCIPALS: ("appRoleAssignedTo", "claimsMappingPolicies", "createdObjects", "endpoints", "memberOf",
                           "delegatedPermissionClassifications", "oauth2PermissionGrants", "transitiveMemberOf"),
}  # fmt: skip
_TYPES = {directory.APPLICATIONS: "application", directory.PRINCIPALS: "servicePrincipal"}


def expanded(call: Call, table: str, document: Document) -> Document:
    """The object as it is shown, with what the query wants along; 400 for a name that no relationship has."""
    asked = odata.expansions(call)
    if not asked:
        return directory.shown(document)
    known = {
        **dict.fromkeys((*_EMPTY, *_NONE[table]), ()),
        "owners": objects.owners(call.world, document),
        "federatedIdentityCredentials": document.get("_federated", ()),
    }
    names = {name.lower(): name for name in known}
    shown = directory.shown(document)
    for name, members in asked.items():
        if name not in names:
            wrong = f"Could not find a property named '{name}' on type 'microsoft.graph.{_TYPES[table]}'."
            raise bad(f"Parsing OData Select and Expand failed: {wrong}", "BadRequest")
        found = list(known[names[name]])[:MOST]
        shown[names[name]] = [odata.chosen(one, members) for one in found]
    return shown
