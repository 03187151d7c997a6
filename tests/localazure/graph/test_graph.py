"""Microsoft Graph: applications and principals by every key, passwords, soft delete, filters, permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator import GRAPH

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure

CREATE_IF_MISSING = {"Prefer": "create-if-missing"}
BY_NAME = "applications(uniqueName='probe-1')"
DELETED_ITEMS = "directory/deletedItems"


def _error_of(response: Answer) -> tuple[int, str]:
    """Status and code of one of Graph's errors."""
    error = response.json()["error"]
    assert {"date", "request-id", "client-request-id"} <= set(error["innerError"])
    return response.status, error["code"]


def _upsert(azure: LocalAzure, name: str = "probe", **more: Any) -> Answer:
    """Create or update the application with the unique name `probe-1`."""
    return azure.graph("PATCH", BY_NAME, {"displayName": name, **more}, **CREATE_IF_MISSING)


def _upsert_principal(azure: LocalAzure, app_id: str) -> Answer:
    """Create or update the service principal of an application."""
    return azure.graph("PATCH", f"servicePrincipals(appId='{app_id}')", {"displayName": "probe"}, **CREATE_IF_MISSING)


def _application_names(azure: LocalAzure, query: str, **headers: str) -> list[str]:
    """The sorted display names in a list of applications."""
    response = azure.graph("GET", f"applications?{query}", **headers)
    assert response.status == 200, response.json()
    return sorted(application["displayName"] for application in response.json()["value"])


def test_an_upsert_creates_once_and_then_updates_without_a_body(azure: LocalAzure) -> None:
    first = _upsert(azure)
    assert first.status == 201
    assert first.json()["uniqueName"] == "probe-1"
    assert first.json()["@odata.context"].endswith("/v1.0/$metadata#applications/$entity")
    repeated = _upsert(azure, "renamed")
    assert (repeated.status, repeated.body) == (204, b"")
    document = azure.graph("GET", BY_NAME).json()
    assert (document["id"], document["displayName"]) == (first.json()["id"], "renamed")


def test_without_prefer_an_upsert_of_a_missing_application_is_a_404(azure: LocalAzure) -> None:
    assert _error_of(azure.graph("PATCH", BY_NAME, {"displayName": "x"})) == (404, "Request_ResourceNotFound")


def test_an_upsert_needs_a_display_name_to_create(azure: LocalAzure) -> None:
    assert _error_of(azure.graph("PATCH", BY_NAME, {"tags": []}, **CREATE_IF_MISSING)) == (400, "Request_BadRequest")


def test_a_principal_is_upserted_by_the_app_id_of_its_application(azure: LocalAzure) -> None:
    app = _upsert(azure).json()
    first = _upsert_principal(azure, app["appId"])
    assert (first.status, first.json()["displayName"]) == (201, "probe")
    assert _upsert_principal(azure, app["appId"]).status == 204
    repeated = azure.graph("POST", "servicePrincipals", {"appId": app["appId"]})
    assert _error_of(repeated) == (409, "Request_MultipleObjectsWithSameKeyValue")


def test_a_principal_needs_an_application(azure: LocalAzure) -> None:
    response = azure.graph("POST", "servicePrincipals", {"appId": "00000000-1111-2222-3333-444444444444"})
    assert _error_of(response) == (400, "Request_BadRequest")
    assert " does not reference " in response.json()["error"]["message"]
    assert response.json()["error"]["details"][0]["code"] == "NoBackingApplicationObject"


@pytest.mark.parametrize("key", ["applications/{id}", "applications(appId='{appId}')", "/applications/{id}"])
def test_only_add_password_returns_the_secret_text(azure: LocalAzure, key: str) -> None:
    app = _upsert(azure).json()
    requested = {"passwordCredential": {"displayName": "rbac", "endDateTime": "2099-01-02T03:04:05Z"}}
    response = azure.graph("POST", f"{key.format(**app)}/addPassword", requested)
    password = response.json()
    assert response.status == 200
    assert len(password["secretText"]) == 40
    assert password["hint"] == password["secretText"][:3]
    assert (password["displayName"], password["endDateTime"]) == ("rbac", "2099-01-02T03:04:05Z")
    (stored,) = azure.graph("GET", key.format(**app)).json()["passwordCredentials"]
    assert stored == {name: value for name, value in password.items() if not name.startswith("@")} | {
        "secretText": None
    }


def test_a_password_lasts_two_years_by_default(azure: LocalAzure) -> None:
    app = _upsert(azure).json()
    password = azure.graph("POST", f"applications/{app['id']}/addPassword", {}).json()
    assert int(password["endDateTime"][:4]) - int(password["startDateTime"][:4]) == 2


@pytest.mark.parametrize(
    "requested",
    [
        {"startDateTime": "2030-01-02T00:00:00Z", "endDateTime": "2030-01-01T00:00:00Z"},
        {"endDateTime": "tomorrow"},
        {"displayName": "x" * 121},
    ],
)
def test_an_invalid_password_is_a_400(azure: LocalAzure, requested: dict[str, str]) -> None:
    app = _upsert(azure).json()
    response = azure.graph("POST", f"applications/{app['id']}/addPassword", {"passwordCredential": requested})
    assert _error_of(response) == (400, "Request_BadRequest")


def test_a_password_is_removed_once(azure: LocalAzure) -> None:
    app = _upsert(azure).json()
    password = azure.graph("POST", f"applications/{app['id']}/addPassword", {}).json()
    path = f"applications(appId='{app['appId']}')/removePassword"
    assert azure.graph("POST", path, {"keyId": password["keyId"]}).status == 204
    repeated = azure.graph("POST", path, {"keyId": password["keyId"]})
    assert _error_of(repeated) == (400, "Request_BadRequest")
    assert "No password credential found with keyId" in repeated.json()["error"]["message"]


def test_a_patch_cannot_add_a_password(azure: LocalAzure) -> None:
    app = _upsert(azure).json()
    response = azure.graph("PATCH", f"applications/{app['id']}", {"passwordCredentials": [{"displayName": "x"}]})
    assert _error_of(response) == (400, "Request_BadRequest")


def test_an_application_is_created_with_a_password_that_graph_generates(azure: LocalAzure) -> None:
    body = {"displayName": "probe", "passwordCredentials": [{"displayName": "first"}]}
    created = azure.graph("POST", "applications", body)
    (password,) = created.json()["passwordCredentials"]
    assert (created.status, password["displayName"], password["hint"]) == (201, "first", password["secretText"][:3])
    (stored,) = azure.graph("GET", f"applications/{created.json()['id']}").json()["passwordCredentials"]
    assert stored == password | {"secretText": None}


@pytest.mark.parametrize("own", [{"keyId": "5ac1014f-bfdd-49db-8a7c-e4bc48658e03"}, {"secretText": "mine"}])
def test_an_application_is_not_created_with_a_password_of_the_callers(azure: LocalAzure, own: dict[str, str]) -> None:
    response = azure.graph("POST", "applications", {"displayName": "probe", "passwordCredentials": [own]})
    assert _error_of(response) == (400, "Request_BadRequest")
    assert "service actions" in response.json()["error"]["message"]


def test_a_deleted_application_blocks_its_unique_name_and_its_principal_is_deleted_too(azure: LocalAzure) -> None:
    app = _upsert(azure).json()
    principal = _upsert_principal(azure, app["appId"]).json()
    assert azure.graph("DELETE", f"applications/{app['id']}").status == 204
    repeated = _upsert(azure)
    assert _error_of(repeated) == (400, "Request_BadRequest")
    message = "Another object with the same value for property uniqueName already exists."
    assert repeated.json()["error"]["message"] == message
    for type_name, document in (("application", app), ("servicePrincipal", principal)):
        (deleted,) = azure.graph("GET", f"{DELETED_ITEMS}/microsoft.graph.{type_name}").json()["value"]
        assert deleted["id"] == document["id"]
        assert deleted["deletedDateTime"]


def test_a_cast_may_use_the_alias_graph(azure: LocalAzure) -> None:
    app = _upsert(azure).json()
    azure.graph("DELETE", f"applications/{app['id']}")
    (document,) = azure.graph("GET", f"{DELETED_ITEMS}/graph.application").json()["value"]
    assert document["id"] == app["id"]


def test_restoring_an_application_does_not_restore_its_principal(azure: LocalAzure) -> None:
    app = _upsert(azure).json()
    principal = _upsert_principal(azure, app["appId"]).json()
    azure.graph("POST", f"applications/{app['id']}/addPassword", {})
    azure.graph("DELETE", f"applications/{app['id']}")
    refused = azure.graph("POST", f"{DELETED_ITEMS}/{principal['id']}/restore")
    assert _error_of(refused) == (400, "Request_BadRequest")
    restored = azure.graph("POST", f"{DELETED_ITEMS}/{app['id']}/restore")
    assert (restored.status, restored.json()["@odata.type"]) == (200, "#microsoft.graph.application")
    assert len(azure.graph("GET", BY_NAME).json()["passwordCredentials"]) == 1
    assert azure.graph("GET", f"servicePrincipals/{principal['id']}").status == 404
    assert azure.graph("POST", f"{DELETED_ITEMS}/{principal['id']}/restore").status == 200
    assert azure.graph("GET", f"servicePrincipals(appId='{app['appId']}')").json()["id"] == principal["id"]


def test_a_purged_application_frees_its_unique_name(azure: LocalAzure) -> None:
    app = _upsert(azure).json()
    azure.graph("DELETE", f"applications/{app['id']}")
    assert azure.graph("GET", f"{DELETED_ITEMS}/{app['id']}").status == 200
    assert azure.graph("DELETE", f"{DELETED_ITEMS}/{app['id']}").status == 204
    assert azure.graph("DELETE", f"{DELETED_ITEMS}/{app['id']}").status == 404
    assert _upsert(azure).status == 201


def test_a_deleted_application_is_purged_after_thirty_days(azure: LocalAzure) -> None:
    app = _upsert(azure).json()
    azure.graph("DELETE", f"applications/{app['id']}")
    azure.advance(31 * 86400)
    azure.tokens.clear()
    assert azure.graph("GET", f"{DELETED_ITEMS}/{app['id']}").status == 404
    assert _upsert(azure).status == 201


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("$filter=displayName eq 'PROBE a'", ["probe a"]),
        ("$filter=displayName eq 'it''s'", ["it's"]),
        ("$filter=startswith(displayName,'probe')", ["probe a", "probe b"]),
        ("$filter=startsWith(displayName, 'probe') and tags/any(t:t eq 'two')", ["probe b"]),
        ("$filter=tags/any(t: t eq 'one')", ["probe a", "probe b"]),
        ("$filter=tags/any(x:startswith(x,'tw'))", ["probe b"]),
        ("$filter=identifierUris/any(u:u eq 'api://b')", ["probe b"]),
        ("$filter=uniqueName eq 'probe-1'", ["probe a"]),
        ("$filter=displayName in ('probe a', 'it''s')", ["it's", "probe a"]),
        ("$filter=(displayName eq 'probe a' or displayName eq 'probe b') and createdDateTime ge 2000-01-01T00:00:00Z",
         ["probe a", "probe b"]),
        ("$filter=displayName eq 'nobody'", []),
        ("$filter=uniqueName eq null and startswith(displayName,'probe')", ["probe b"]),
    ],
)  # fmt: skip
def test_filters_as_clients_send_them(azure: LocalAzure, query: str, names: list[str]) -> None:
    _upsert(azure, "probe a", tags=["one"])
    azure.graph(
        "POST", "applications", {"displayName": "probe b", "tags": ["one", "two"], "identifierUris": ["api://b"]}
    )
    azure.graph("POST", "applications", {"displayName": "it's"})
    assert _application_names(azure, query) == names


@pytest.mark.parametrize(("operator", "found"), [("gt", False), ("ge", True), ("lt", False), ("le", True)])
def test_an_equal_value_is_neither_greater_nor_less(azure: LocalAzure, operator: str, *, found: bool) -> None:
    created = azure.graph("POST", "applications", {"displayName": "probe"}).json()["createdDateTime"]
    names = _application_names(azure, f"$filter=displayName eq 'probe' and createdDateTime {operator} {created}")
    assert names == (["probe"] if found else [])


@pytest.mark.parametrize("text", ["displayName", "displayName eq", "eq 'x'", "(displayName eq 'x'", "unheard eq 'x'"])
def test_a_malformed_filter_is_a_400(azure: LocalAzure, text: str) -> None:
    response = azure.graph("GET", f"applications?$filter={text}")
    assert _error_of(response) == (400, "Request_UnsupportedQuery")


def test_advanced_filters_need_the_consistency_level(azure: LocalAzure) -> None:
    query = "$filter=displayName ne 'provisioner-operator'"
    _upsert(azure)
    assert _error_of(azure.graph("GET", f"applications?{query}")) == (400, "Request_UnsupportedQuery")
    assert _application_names(azure, f"{query}&$count=true", ConsistencyLevel="eventual") == ["probe"]


def test_a_long_list_comes_in_pages(azure: LocalAzure) -> None:
    for name in "abc":
        azure.graph("POST", "applications", {"displayName": f"probe {name}"})
    query = "$filter=startswith(displayName,'probe')&$select=displayName&$top=2&$count=true"
    first = azure.graph("GET", f"applications?{query}").json()
    assert first["@odata.count"] == 3
    assert first["@odata.context"].endswith("#applications(displayName)")
    second = azure.request("GET", first["@odata.nextLink"], token=azure.token(GRAPH)).json()
    assert "@odata.nextLink" not in second
    names = [application["displayName"] for application in (*first["value"], *second["value"])]
    assert sorted(names) == ["probe a", "probe b", "probe c"]
    assert all(set(application) == {"displayName"} for application in first["value"])


@pytest.mark.parametrize(
    "body",
    [{"unheard": 1}, {"appId": "x"}, {"uniqueName": "other"}, {"tags": "one"}, {"displayName": ""}, {"_owners": []}],
)
def test_an_invalid_patch_changes_nothing(azure: LocalAzure, body: dict[str, Any]) -> None:
    app = _upsert(azure).json()
    response = azure.graph("PATCH", f"applications/{app['id']}", {"notes": "new", **body})
    assert _error_of(response) == (400, "Request_BadRequest")
    assert azure.graph("GET", BY_NAME).json()["notes"] is None


def test_the_creator_owns_an_application_and_owners_can_be_added(azure: LocalAzure) -> None:
    app = _upsert(azure).json()
    client_id, _ = azure.new_client("second")
    principal = azure.graph("GET", f"servicePrincipals(appId='{client_id}')").json()
    path = f"applications/{app['id']}/owners"
    (owner,) = azure.graph("GET", path).json()["value"]
    assert owner["appId"] == azure.operator_client_id
    reference = {"@odata.id": f"{GRAPH}/v1.0/directoryObjects/{principal['id']}"}
    assert azure.graph("POST", f"{path}/$ref", reference).status == 204
    assert _error_of(azure.graph("POST", f"{path}/$ref", reference)) == (400, "Request_BadRequest")
    assert len(azure.graph("GET", path).json()["value"]) == 2
    assert azure.graph("DELETE", f"{path}/{principal['id']}/$ref").status == 204


def test_a_caller_without_permission_is_refused(azure: LocalAzure) -> None:
    client_id, secret = azure.new_client("nobody")
    token = azure.token(GRAPH, client_id, secret)
    for method, path, body in (
        ("GET", "applications", None),
        ("POST", "applications", {"displayName": "x"}),
        ("DELETE", BY_NAME, None),
        ("PATCH", BY_NAME, {"displayName": "x"}),
        ("GET", f"{DELETED_ITEMS}/microsoft.graph.application", None),
    ):
        response = azure.request(method, f"{GRAPH}/v1.0/{path}", body, token=token)
        assert _error_of(response) == (403, "Authorization_RequestDenied")
        assert response.json()["error"]["message"] == "Insufficient privileges to complete the operation."


def test_owned_by_permits_writes_to_owned_applications_only(azure: LocalAzure) -> None:
    operator = f"applications(appId='{azure.operator_client_id}')"  # the operator does not own itself
    assert azure.graph("GET", operator).status == 200
    for method, path, body in (
        ("PATCH", operator, {"notes": "x"}),
        ("POST", f"{operator}/addPassword", {}),
        ("DELETE", operator, None),
    ):
        assert _error_of(azure.graph(method, path, body)) == (403, "Authorization_RequestDenied")


@pytest.mark.parametrize(
    ("role", "reads", "registers", "changes_others"),
    [
        ("9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3", 200, 201, 204),  # Application Administrator
        ("cf1c38e5-3621-4004-a7cb-879624dced7c", 200, 201, 403),  # Application Developer
        ("88d8e3e3-8f55-4a1e-953a-9b9898b8876b", 200, 403, 403),  # Directory Readers
        ("d29b2b05-8046-44ba-8758-1e26182fcf32", 403, 403, 403),  # one that gives nothing here
    ],
)
def test_a_directory_role_permits_the_same_as_a_permission(
    azure: LocalAzure, role: str, reads: int, registers: int, changes_others: int
) -> None:
    other = _upsert(azure).json()["id"]
    client_id, secret = azure.new_client("administrator")
    azure.control("PUT", "/settings/graph", {"directory_roles": {client_id: [role]}})
    token = azure.token(GRAPH, client_id, secret)

    def status(method: str, path: str, body: Any = None) -> int:
        return azure.request(method, f"{GRAPH}/v1.0/{path}", body, token=token).status

    assert status("GET", f"applications/{other}") == reads
    assert status("POST", "applications", {"displayName": "made"}) == registers
    assert status("PATCH", f"applications/{other}", {"displayName": "theirs"}) == changes_others


def test_principals_are_read_by_their_object_ids(azure: LocalAzure) -> None:
    principal = _upsert_principal(azure, _upsert(azure).json()["appId"]).json()
    ids = {"ids": [principal["id"], "00000000-1111-2222-3333-444444444444"], "types": ["servicePrincipal"]}
    (document,) = azure.graph("POST", "directoryObjects/getByIds", ids).json()["value"]
    assert (document["@odata.type"], document["id"]) == ("#microsoft.graph.servicePrincipal", principal["id"])
    assert azure.graph("GET", f"directoryObjects/{principal['id']}").json()["id"] == principal["id"]


@pytest.mark.parametrize("path", ["users", "groups"])
def test_the_tenant_has_no_users_and_no_groups(azure: LocalAzure, path: str) -> None:
    assert azure.graph("GET", path).json()["value"] == []
    assert _error_of(azure.graph("GET", f"{path}/somebody")) == (404, "Request_ResourceNotFound")


def test_me_is_a_400_for_an_application(azure: LocalAzure) -> None:
    for path in ("me", "me/ownedObjects/$/microsoft.graph.application"):
        assert _error_of(azure.graph("GET", path)) == (400, "BadRequest")


@pytest.mark.parametrize("path", ["organization", "domains"])
def test_minor_paths_answer_200(azure: LocalAzure, path: str) -> None:
    assert azure.graph("GET", path).status == 200


def test_graph_itself_is_a_principal_with_roles(azure: LocalAzure) -> None:
    listed = azure.graph("GET", "servicePrincipals?$filter=appId eq '00000003-0000-0000-c000-000000000000'").json()
    roles = {role["value"] for role in listed["value"][0]["appRoles"]}
    assert "Application.ReadWrite.OwnedBy" in roles
    (granted,) = azure.graph("GET", f"servicePrincipals(appId='{azure.operator_client_id}')/appRoleAssignments").json()[
        "value"
    ]
    assert granted["resourceId"] == listed["value"][0]["id"]


def test_a_missing_token_is_graphs_401(azure: LocalAzure) -> None:
    response = azure.request("GET", f"{GRAPH}/v1.0/applications", token="")
    assert _error_of(response) == (401, "InvalidAuthenticationToken")
    assert "www-authenticate" in response.headers


def test_a_filter_that_is_nested_too_deeply_is_a_400(azure: LocalAzure) -> None:
    for depth, status in ((50, 200), (3000, 400)):
        text = "(" * depth + "displayName eq 'x'" + ")" * depth
        assert azure.graph("GET", f"applications?$filter={text}").status == status
    refused = azure.graph("GET", f"applications?$filter={'not ' * 3000}displayName eq 'x'", ConsistencyLevel="eventual")
    assert refused.status == 400
