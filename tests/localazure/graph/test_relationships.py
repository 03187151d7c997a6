"""Relationships of applications and service principals in Graph: owners, owned objects, `$expand`, memberships."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.resource_manager import code

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure

OPERATOR = "c2a7f0d9-1e5b-4b8a-9c3d-7f6e5d4c3b04"
OBJECTS = "https://graph.microsoft.com/v1.0/directoryObjects"


@pytest.fixture
def app(azure: LocalAzure) -> dict[str, Any]:
    return azure.graph("POST", "applications", {"displayName": "flink"}).json()


@pytest.fixture
def principal(azure: LocalAzure, app: dict[str, Any]) -> dict[str, Any]:
    return azure.graph("POST", "servicePrincipals", {"appId": app["appId"]}).json()


def ids_of(response: Answer) -> list[str]:
    """The ids of a list's objects."""
    assert response.status == 200, response.body
    return [item["id"] for item in response.json()["value"]]


def test_owners_are_listed_in_pages(azure: LocalAzure, app: dict[str, Any], principal: dict[str, Any]) -> None:
    owners = f"applications/{app['id']}/owners"
    assert azure.graph("POST", f"{owners}/$ref", {"@odata.id": f"{OBJECTS}/{principal['id']}"}).status == 204
    first = azure.graph("GET", f"{owners}?$top=1&$select=id&$count=true").json()
    assert (len(first["value"]), first["@odata.count"], "@odata.nextLink" in first) == (1, 2, True)
    assert ids_of(azure.graph("GET", f"{owners}?$filter=displayName eq 'flink'")) == [principal["id"]]
    assert azure.graph("DELETE", f"servicePrincipals/{principal['id']}").status == 204
    assert ids_of(azure.graph("GET", owners)) == [OPERATOR]


@pytest.mark.usefixtures("principal")
def test_expand_includes_related_objects(azure: LocalAzure, app: dict[str, Any]) -> None:
    path = f"applications/{app['id']}"
    credential = {"name": "f", "issuer": "https://a/", "subject": "s", "audiences": ["api://AzureADTokenExchange"]}
    assert azure.graph("POST", f"{path}/federatedIdentityCredentials", credential).status == 201
    relationships = "owners($select=id),federatedIdentityCredentials,extensionProperties"
    application = azure.graph("GET", f"{path}?$expand={relationships}&$select=id").json()
    assert set(application) == {"@odata.context", "id", *relationships.replace("($select=id)", "").split(",")}
    assert [set(owner) for owner in application["owners"]] == [{"@odata.type", "id"}]
    assert application["federatedIdentityCredentials"][0]["issuer"] == "https://a/"
    (listed,) = azure.graph("GET", f"applications?$expand=owners&$filter=id eq '{app['id']}'").json()["value"]
    assert (listed["owners"][0]["id"], listed["displayName"]) == (OPERATOR, "flink")
    assert code(azure.graph("GET", f"{path}?$expand=memberOf")) == (400, "BadRequest")
    expanded = azure.graph("GET", f"servicePrincipals(appId='{app['appId']}')?$expand=memberOf,owners").json()
    assert (expanded["memberOf"], len(expanded["owners"])) == ([], 1)


def test_the_type_of_a_principal_compares_without_case(azure: LocalAzure, app: dict[str, Any]) -> None:
    body = {"appId": app["appId"], "servicePrincipalType": "managedIdentity"}
    assert code(azure.graph("POST", "servicePrincipals", body)) == (400, "Request_BadRequest")
    created = azure.graph("POST", "servicePrincipals", body | {"servicePrincipalType": "application"})
    assert (created.status, created.json()["servicePrincipalType"]) == (201, "Application")


@pytest.mark.parametrize("path", ["nothing", "applications/{id}/logo", "applications/{id}/owners/x/y"])
def test_an_unknown_segment_is_a_400(azure: LocalAzure, app: dict[str, Any], path: str) -> None:
    response = azure.graph("GET", path.format(**app))
    assert code(response) == (400, "BadRequest")
    assert response.json()["error"]["message"] == f"Resource not found for the segment '{path.rpartition('/')[2]}'."


def test_objects_are_read_by_their_ids_and_types(
    azure: LocalAzure, app: dict[str, Any], principal: dict[str, Any]
) -> None:
    both = [app["id"], principal["id"]]
    for types, expected in (
        (None, both),
        (["directoryObject"], both),
        (["servicePrincipal"], both[1:]),
        (["user"], []),
    ):
        body = {"ids": both} | ({"types": types} if types else {})
        assert ids_of(azure.graph("POST", "directoryObjects/getByIds", body)) == expected
    assert azure.graph("POST", "directoryObjects/getByIds", {"ids": both, "types": 1}).status == 400


def test_an_application_created_by_its_unique_name_may_be_left_without_owner(azure: LocalAzure) -> None:
    azure.control("PUT", "/settings/graph", {"unowned_upserts": True})
    body, prefer = {"displayName": "one"}, "create-if-missing"
    created = azure.graph("PATCH", "applications(uniqueName='one')", body, Prefer=prefer).json()
    assert ids_of(azure.graph("GET", f"applications/{created['id']}/owners")) == []
    assert code(azure.graph("DELETE", f"applications/{created['id']}")) == (403, "Authorization_RequestDenied")
