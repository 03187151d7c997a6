"""Federated credentials of identities (ARM) and applications (Graph)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.resource_manager import Manager, code

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

AUDIENCES = ["api://AzureADTokenExchange"]
TRUST = {"issuer": "https://token.actions.githubusercontent.com", "subject": "repo:a/b:ref:refs/heads/main"}
ONE = {**TRUST, "audiences": AUDIENCES}


def _identity(azure: LocalAzure) -> tuple[Manager, str]:
    arm = Manager(azure=azure, version="2023-01-31")
    path = f"{arm.group()}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-one"
    assert arm("PUT", path, {"location": "westeurope"}).status == 201
    return arm, f"{path}/federatedIdentityCredentials"


def test_an_identity_keeps_its_federated_credentials(azure: LocalAzure) -> None:
    arm, path = _identity(azure)
    assert arm("GET", path).json() == {"value": []}
    made, again = (arm("PUT", f"{path}/main", {"properties": ONE}) for _ in range(2))
    assert (made.status, again.status) == (201, 200)
    assert made.json()["properties"] == ONE
    assert arm("GET", path).json()["value"] == [arm("GET", f"{path}/main").json()]
    assert [arm("DELETE", f"{path}/main").status for _ in range(2)] == [200, 204]
    assert code(arm("GET", f"{path}/main")) == (404, "ResourceNotFound")


def test_an_identity_trusts_an_issuer_and_subject_once(azure: LocalAzure) -> None:
    arm, path = _identity(azure)
    arm("PUT", f"{path}/main", {"properties": ONE})
    assert code(arm("PUT", f"{path}/other", {"properties": ONE})) == (409, "Conflict")
    assert code(arm("PUT", f"{path}/other", {"properties": TRUST})) == (400, "BadRequest")
    assert code(arm("PUT", f"{path}/x", {"properties": ONE})) == (400, "InvalidResourceName")


def test_an_application_keeps_its_federated_credentials(azure: LocalAzure) -> None:
    app = azure.graph("POST", "applications", {"displayName": "one"}).json()
    path = f"applications/{app['id']}/federatedIdentityCredentials"
    made = azure.graph("POST", path, {"name": "main", **ONE})
    assert (made.status, made.json()["subject"]) == (201, ONE["subject"])
    by_key = f"applications(appId='{app['appId']}')/federatedIdentityCredentials"
    assert [one["name"] for one in azure.graph("GET", by_key).json()["value"]] == ["main"]
    assert azure.graph("PATCH", f"{path}/main", {"description": "d"}).status == 204
    assert azure.graph("GET", f"{path}/{made.json()['id']}").json()["description"] == "d"
    assert azure.graph("DELETE", f"{path}/main").status == 204
    assert azure.graph("GET", f"{path}/main").status == 404


def test_a_federated_credential_is_found_and_made_by_name(azure: LocalAzure) -> None:
    app = azure.graph("POST", "applications", {"displayName": "one"}).json()
    path = f"applications/{app['id']}/federatedIdentityCredentials"
    assert azure.graph("PATCH", f"{path}(name='main')", ONE).status == 404
    assert code(azure.graph("GET", f"{path}(subject='main')")) == (400, "BadRequest")
    made = azure.graph("PATCH", f"{path}(name='main')", ONE, Prefer="create-if-missing")
    assert (made.status, made.json()["name"]) == (201, "main")
    assert azure.graph("PATCH", f"{path}(name='main')", {"subject": "s"}, Prefer="create-if-missing").status == 204
    assert azure.graph("GET", f"{path}(name='main')").json()["subject"] == "s"
    assert azure.graph("GET", f"{path}/$count", ConsistencyLevel="eventual").body == b"1"
    assert azure.graph("DELETE", f"{path}(name='main')").status == 204
    assert azure.graph("GET", f"{path}/main").status == 404


def test_an_application_refuses_incomplete_and_repeated_federated_credentials(azure: LocalAzure) -> None:
    app = azure.graph("POST", "applications", {"displayName": "one"}).json()
    path = f"applications/{app['id']}/federatedIdentityCredentials"
    azure.graph("POST", path, {"name": "main", **ONE})
    for wrong in ({"name": "b", **ONE}, {"name": "main", **ONE, "subject": "s"}, {"name": "c"}, {"name": 5, **ONE}):
        assert azure.graph("POST", path, wrong).status == 400, wrong


def test_a_system_assigned_identity_is_found_at_its_resource(azure: LocalAzure) -> None:
    arm = Manager(azure=azure, version="2018-06-01")
    factory = f"{arm.group()}/providers/Microsoft.DataFactory/factories/df-one"
    made = arm("PUT", factory, {"location": "westeurope", "identity": {"type": "SystemAssigned"}}).json()
    default = f"{factory}/providers/Microsoft.ManagedIdentity/identities/default"
    assert arm("GET", default).json()["properties"]["principalId"] == made["identity"]["principalId"]
    assert arm("GET", default.replace("df-one", "df-two")).status == 404
