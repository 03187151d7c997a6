"""`$expand` of an application or service principal: related objects come in the same answer.

https://learn.microsoft.com/graph/query-parameters#expand
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.entra import directory
from localazure.graph import objects, odata
from localazure.graph.access import bad_request

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

MAX_EXPANDED = 20  # Azure: $expand of directory objects shows no more, and no next link
_EMPTY_RELATIONSHIPS = (
    "appManagementPolicies",
    "homeRealmDiscoveryPolicies",
    "tokenIssuancePolicies",
    "tokenLifetimePolicies",
)
_EMPTY_BY_TABLE = {
    directory.APPLICATIONS: ("extensionProperties",),
    directory.PRINCIPALS: ("appRoleAssignedTo", "claimsMappingPolicies", "createdObjects", "endpoints", "memberOf",
                           "delegatedPermissionClassifications", "oauth2PermissionGrants", "transitiveMemberOf"),
}  # fmt: skip
_TYPES = {directory.APPLICATIONS: "application", directory.PRINCIPALS: "servicePrincipal"}


def with_expansions(call: Call, table: str, document: Document) -> Document:
    """The object with the relationships that `$expand` names; 400 for a relationship that it does not have."""
    expansions = odata.requested_expansions(call)
    if not expansions:
        return directory.without_hidden(document)
    relationships = {
        **dict.fromkeys((*_EMPTY_RELATIONSHIPS, *_EMPTY_BY_TABLE[table]), ()),
        "owners": objects.owners(call.tenant, document),
        "federatedIdentityCredentials": document.get(directory.TRUSTED, ()),
    }
    names = {name.lower(): name for name in relationships}
    body = directory.without_hidden(document)
    for name, members in expansions.items():
        if name not in names:
            detail = f"Could not find a property named '{name}' on type 'microsoft.graph.{_TYPES[table]}'."
            raise bad_request(f"Parsing OData Select and Expand failed: {detail}", "BadRequest")
        related = list(relationships[names[name]])[:MAX_EXPANDED]
        body[names[name]] = [odata.only_members(item, members) for item in related]
    return body
