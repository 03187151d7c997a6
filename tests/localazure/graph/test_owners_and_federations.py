"""What hangs on applications and service principals in Graph: owners, what is owned, `$expand`, memberships."""

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


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [found["id"] for found in answer.json()["value"]]


def test_owners_come_in_pages_by_type_and_as_references(
    azure: LocalAzure, app: dict[str, Any], principal: dict[str, Any]
) -> None:
    owners = f"applications/{app['id']}/owners"
    assert azure.graph("POST", f"{owners}/$ref", {"@odata.id": f"{OBJECTS}/{principal['id']}"}).status == 204
    first = azure.graph("GET", f"{owners}?$top=1&$select=id&$count=true").json()
    assert (len(first["value"]), first["@odata.count"], "@odata.nextLink" in first) == (1, 2, True)
    assert ids(azure.graph("GET", f"{owners}?$filter=displayName eq 'flink'")) == [principal["id"]]
    for cast in ("microsoft.graph.servicePrincipal", "graph.servicePrincipal"):
        assert ids(azure.graph("GET", f"{owners}/{cast}")) == [OPERATOR, principal["id"]]
    assert ids(azure.graph("GET", f"{owners}/microsoft.graph.user")) == []
    assert azure.graph("GET", f"{owners}/$count", ConsistencyLevel="eventual").body == b"2"
    assert azure.graph("GET", f"{owners}/graph.user/$count", ConsistencyLevel="eventual").body == b"0"
    assert code(azure.graph("GET", f"{owners}/$count")) == (400, "Request_BadRequest")
    references = azure.graph("GET", f"{owners}/$ref").json()["value"]
    assert [found["@odata.id"].split("/")[-2] for found in references] == [OPERATOR, principal["id"]]
    assert azure.graph("DELETE", f"servicePrincipals/{principal['id']}").status == 204
    assert ids(azure.graph("GET", owners)) == [OPERATOR]


def test_a_principal_knows_what_it_owns(azure: LocalAzure, app: dict[str, Any], principal: dict[str, Any]) -> None:
    owned = f"servicePrincipals/{OPERATOR}/ownedObjects"
    assert {app["id"], principal["id"]} <= set(ids(azure.graph("GET", owned)))
    assert app["id"] in ids(azure.graph("GET", f"{owned}/graph.application"))
    assert ids(azure.graph("GET", f"servicePrincipals(appId='{app['appId']}')/ownedObjects")) == []


@pytest.mark.usefixtures("principal")
def test_an_expansion_comes_along(azure: LocalAzure, app: dict[str, Any]) -> None:
    one = f"applications/{app['id']}"
    given = {"name": "f", "issuer": "https://a/", "subject": "s", "audiences": ["api://AzureADTokenExchange"]}
    assert azure.graph("POST", f"{one}/federatedIdentityCredentials", given).status == 201
    both = "owners($select=id),federatedIdentityCredentials,extensionProperties"
    found = azure.graph("GET", f"{one}?$expand={both}&$select=id").json()
    assert set(found) == {"@odata.context", "id", *both.replace("($select=id)", "").split(",")}
    assert [set(owner) for owner in found["owners"]] == [{"@odata.type", "id"}]
    assert found["federatedIdentityCredentials"][0]["issuer"] == "https://a/"
    (listed,) = azure.graph("GET", f"applications?$expand=owners&$filter=id eq '{app['id']}'").json()["value"]
    assert (listed["owners"][0]["id"], listed["displayName"]) == (OPERATOR, "flink")
    assert code(azure.graph("GET", f"{one}?$expand=memberOf")) == (400, "BadRequest")
    expanded = azure.graph("GET", f"servicePrincipals(appId='{app['appId']}')?$expand=memberOf,owners").json()
    assert (expanded["memberOf"], len(expanded["owners"])) == ([], 1)


def test_the_type_of_a_principal_may_be_told_in_any_case(azure: LocalAzure, app: dict[str, Any]) -> None:
    wanted = {"appId": app["appId"], "servicePrincipalType": "managedIdentity"}
    assert code(azure.graph("POST", "servicePrincipals", wanted)) == (400, "Request_BadRequest")
    made = azure.graph("POST", "servicePrincipals", wanted | {"servicePrincipalType": "application"})
    assert (made.status, made.json()["servicePrincipalType"]) == (201, "Application")


@pytest.mark.parametrize("path", ["nothing", "applications/{id}/logo", "applications/{id}/owners/x/y"])
def test_a_segment_that_is_none_is_a_bad_request(azure: LocalAzure, app: dict[str, Any], path: str) -> None:
    answer = azure.graph("GET", path.format(**app))
    assert code(answer) == (400, "BadRequest")
    assert answer.json()["error"]["message"] == f"Resource not found for the segment '{path.rpartition('/')[2]}'."


def test_nobody_is_a_member(azure: LocalAzure, principal: dict[str, Any]) -> None:
    at = f"servicePrincipals/{principal['id']}"
    assert azure.graph("POST", f"{at}/getMemberObjects", {"securityEnabledOnly": False}).json()["value"] == []
    assert azure.graph("POST", f"{at}/checkMemberGroups", {"groupIds": [OPERATOR]}).json()["value"] == []


def test_objects_are_found_by_ids_of_given_types(
    azure: LocalAzure, app: dict[str, Any], principal: dict[str, Any]
) -> None:
    both = [app["id"], principal["id"]]
    for types, wanted in (
        (None, both),
        (["directoryObject"], both),
        (["servicePrincipal"], both[1:]),
        (["user"], []),
    ):
        asked = {"ids": both} | ({"types": types} if types else {})
        assert ids(azure.graph("POST", "directoryObjects/getByIds", asked)) == wanted
    assert azure.graph("POST", "directoryObjects/getByIds", {"ids": both, "types": 1}).status == 400


def test_deleted_objects_are_counted_and_seen_by_type(azure: LocalAzure, app: dict[str, Any]) -> None:
    deleted = "directory/deletedItems"
    assert azure.graph("DELETE", f"applications/{app['id']}").status == 204
    count = azure.graph("GET", f"{deleted}/graph.application/$count", ConsistencyLevel="eventual")
    none = azure.graph("GET", f"{deleted}/microsoft.graph.group/$count", ConsistencyLevel="eventual")
    assert (int(count.body) >= 1, none.body) == (True, b"0")
    assert azure.graph("GET", f"{deleted}/{app['id']}/graph.application").json()["appId"] == app["appId"]
    assert azure.graph("GET", f"{deleted}/{app['id']}/microsoft.graph.servicePrincipal").status == 404
