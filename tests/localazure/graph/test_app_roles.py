"""App role assignments in Graph: which permissions and app roles a service principal has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import pytest

from tests.emulator import GRAPH, TENANT
from tests.resource_manager import code

if TYPE_CHECKING:
    from localazure.app.secret import Secret
    from tests.emulator import Answer, LocalAzure

GRAPH_APP = "00000003-0000-0000-c000-000000000000"
READ_ALL = "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30"
ASSIGN = "AppRoleAssignment.ReadWrite.All"
OWNED = "Application.ReadWrite.OwnedBy"


@pytest.fixture
def client(azure: LocalAzure) -> tuple[str, Secret]:
    return azure.new_client("client")


def ids(azure: LocalAzure, client_id: str) -> dict[str, str]:
    """Return the ids of the client's principal and of Graph's, as an assignment names them."""
    found = {
        member: azure.graph("GET", f"servicePrincipals(appId='{app_id}')").json()["id"]
        for member, app_id in (("principalId", client_id), ("resourceId", GRAPH_APP))
    }
    return found | {"appRoleId": READ_ALL}


def may_assign(azure: LocalAzure) -> None:
    """Give the operator the permission to assign app roles, which owning the principal does not include."""
    roles = [OWNED, ASSIGN]
    azure.control("PUT", "/settings/graph", {"app_roles": {azure.operator_client_id: roles}})
    azure.tokens.clear()


def roles_in_token(azure: LocalAzure, client: tuple[str, Secret]) -> list[str]:
    azure.tokens.clear()
    return jwt.decode(azure.token(GRAPH, *client), options={"verify_signature": False}).get("roles", [])


@pytest.mark.parametrize(
    ("relationship", "member"), [("appRoleAssignments", "principalId"), ("appRoleAssignedTo", "resourceId")]
)
def test_a_permission_is_assigned_and_taken_away(
    azure: LocalAzure, client: tuple[str, Secret], relationship: str, member: str
) -> None:
    may_assign(azure)
    body = ids(azure, client[0])
    path = f"servicePrincipals/{body[member]}/{relationship}"
    created = azure.graph("POST", path, body)
    assert (created.status, created.json()["resourceDisplayName"]) == (201, "Microsoft Graph")
    assert {name: created.json()[name] for name in body} == body
    owner = f"Microsoft.DirectoryServices.ServicePrincipal('{body[member]}')"
    expected = f"{GRAPH}/v2/{TENANT}/directoryObjects/$/{owner}/{relationship}/{created.json()['id']}"
    assert created.headers["location"] == expected
    assert roles_in_token(azure, client) == ["Application.Read.All"]
    assert READ_ALL in [each["appRoleId"] for each in azure.graph("GET", path).json()["value"]]
    repeated = azure.graph("POST", path, body)
    assert code(repeated) == (400, "Request_BadRequest")
    assert repeated.json()["error"]["message"] == "Permission being assigned already exists on the object"
    one = f"{path}/{created.json()['id']}"
    assert azure.graph("GET", one).json()["principalDisplayName"] == "client"
    assert azure.graph("DELETE", one).status == 204
    assert roles_in_token(azure, client) == []
    assert azure.graph("DELETE", one).status == 404


@pytest.mark.parametrize(
    ("relationship", "member"), [("appRoleAssignments", "principalId"), ("appRoleAssignedTo", "resourceId")]
)
def test_owning_a_principal_does_not_suffice(
    azure: LocalAzure, client: tuple[str, Secret], relationship: str, member: str
) -> None:
    body = ids(azure, client[0])
    path = f"servicePrincipals/{body[member]}/{relationship}"
    assert code(azure.graph("POST", path, body)) == (403, "Authorization_RequestDenied")
    may_assign(azure)
    assigned = azure.graph("POST", path, body)
    assert assigned.status == 201, assigned.body
    azure.control("PUT", "/settings/graph", {"app_roles": {azure.operator_client_id: [OWNED]}})
    azure.tokens.clear()
    refused = azure.graph("DELETE", f"{path}/{assigned.json()['id']}")
    assert code(refused) == (403, "Authorization_RequestDenied")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"principalId": READ_ALL}, "Not a valid reference update."),
        ({"resourceId": READ_ALL}, "Not a valid reference update."),
        ({"appRoleId": GRAPH_APP}, "Permission being assigned was not found on application"),
    ],
)
def test_an_assignment_of_what_does_not_exist_is_a_400(
    azure: LocalAzure, client: tuple[str, Secret], changes: dict[str, Any], message: str
) -> None:
    may_assign(azure)
    body = ids(azure, client[0])
    refused = azure.graph("POST", f"servicePrincipals/{body['principalId']}/appRoleAssignments", body | changes)
    assert code(refused) == (400, "Request_BadRequest")
    assert refused.json()["error"]["message"] == message


def test_an_application_s_own_role_is_assigned(azure: LocalAzure, client: tuple[str, Secret]) -> None:
    may_assign(azure)
    role: dict[str, Any] = {"id": READ_ALL, "value": "Submit", "displayName": "Submit", "description": "Submit jobs",
                            "isEnabled": True, "allowedMemberTypes": ["Application"]}  # fmt: skip
    api = azure.graph("POST", "applications", {"displayName": "api", "appRoles": [role]}).json()
    resource = azure.graph("POST", "servicePrincipals", {"appId": api["appId"]}).json()
    body = ids(azure, client[0]) | {"resourceId": resource["id"]}
    created: Answer = azure.graph("POST", f"servicePrincipals/{resource['id']}/appRoleAssignedTo", body)
    assert created.status == 201, created.body
    (listed,) = azure.graph("GET", f"servicePrincipals/{resource['id']}/appRoleAssignedTo").json()["value"]
    assert (listed["id"], listed["principalDisplayName"]) == (created.json()["id"], "client")
    assert azure.graph("DELETE", f"servicePrincipals(appId='{client[0]}')").status == 204
    assert azure.graph("GET", f"servicePrincipals/{resource['id']}/appRoleAssignedTo").json()["value"] == []


def test_a_principal_shows_the_roles_and_scopes_of_its_application(azure: LocalAzure) -> None:
    role: dict[str, Any] = {"id": READ_ALL, "value": "Submit", "displayName": "Submit", "description": "Submit jobs",
                            "isEnabled": True, "allowedMemberTypes": ["Application"]}  # fmt: skip
    scope = {"id": GRAPH_APP, "value": "use", "type": "User", "isEnabled": True}
    api = azure.graph("POST", "applications", {"displayName": "api", "appRoles": [role]}).json()
    resource = azure.graph("POST", "servicePrincipals", {"appId": api["appId"]}).json()
    assert (resource["appRoles"], resource["oauth2PermissionScopes"]) == ([role], [])
    change: dict[str, Any] = {"appRoles": [], "api": {"oauth2PermissionScopes": [scope]}}
    assert azure.graph("PATCH", f"applications/{api['id']}", change).status == 204
    resource = azure.graph("GET", f"servicePrincipals/{resource['id']}").json()
    assert (resource["appRoles"], resource["oauth2PermissionScopes"]) == ([], [scope])
    refused = azure.graph("PATCH", f"applications/{api['id']}", {"api": "all"})
    assert code(refused) == (400, "Request_BadRequest")
