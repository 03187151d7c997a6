"""Federated credentials of identities (ARM) and applications (Graph)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.resource_manager import Manager, code

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

AUDIENCES = ["api://AzureADTokenExchange"]
ISSUER_AND_SUBJECT = {
    "issuer": "https://token.actions.githubusercontent.com",
    "subject": "repo:a/b:ref:refs/heads/main",
}
CREDENTIAL = {**ISSUER_AND_SUBJECT, "audiences": AUDIENCES}


def _identity(azure: LocalAzure) -> tuple[Manager, str]:
    """An ARM caller, and the path of a new identity's federated credentials."""
    arm = Manager(azure=azure, version="2023-01-31")
    path = f"{arm.group()}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-one"
    assert arm("PUT", path, {"location": "westeurope"}).status == 201
    return arm, f"{path}/federatedIdentityCredentials"


def test_an_identity_creates_lists_and_deletes_federated_credentials(azure: LocalAzure) -> None:
    arm, path = _identity(azure)
    assert arm("GET", path).json() == {"value": []}
    created, replaced = (arm("PUT", f"{path}/main", {"properties": CREDENTIAL}) for _ in range(2))
    assert (created.status, replaced.status) == (201, 200)
    assert created.json()["properties"] == CREDENTIAL
    assert arm("GET", path).json()["value"] == [arm("GET", f"{path}/main").json()]
    assert [arm("DELETE", f"{path}/main").status for _ in range(2)] == [200, 204]
    assert code(arm("GET", f"{path}/main")) == (404, "ResourceNotFound")


def test_a_managed_identity_contributor_writes_and_deletes_them(azure: LocalAzure) -> None:
    arm, path = _identity(azure)
    someone = arm.someone()
    contributor = "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59"
    assert arm.grant(path.rpartition("/")[0], contributor, someone.object_id).status == 201
    by_someone = replace(arm.as_(someone), version=arm.version)
    assert by_someone("PUT", f"{path}/main", {"properties": CREDENTIAL}).status == 201
    assert [by_someone(method, f"{path}/main").status for method in ("GET", "DELETE")] == [200, 200]


def test_an_issuer_and_subject_are_unique_within_an_identity(azure: LocalAzure) -> None:
    arm, path = _identity(azure)
    arm("PUT", f"{path}/main", {"properties": CREDENTIAL})
    assert code(arm("PUT", f"{path}/other", {"properties": CREDENTIAL})) == (409, "Conflict")
    assert code(arm("PUT", f"{path}/other", {"properties": ISSUER_AND_SUBJECT})) == (400, "BadRequest")
    assert code(arm("PUT", f"{path}/x", {"properties": CREDENTIAL})) == (400, "InvalidResourceName")


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_write_to_an_identity_is_refused_while_another_is_under_way(azure: LocalAzure, method: str) -> None:
    arm, path = _identity(azure)
    other = path.replace("id-one", "id-two")
    assert arm("PUT", other.rpartition("/")[0], {"location": "westeurope"}).status == 201
    trusted = [{"properties": {**CREDENTIAL, "subject": subject}} for subject in ("first", "second")]
    assert arm("PUT", f"{path}/second", trusted[1]).status == 201
    with ThreadPoolExecutor(1) as pool:
        azure.fault(fault="hold", method="PUT", path="id-one/federatedIdentityCredentials/first$")
        first = pool.submit(arm, "PUT", f"{path}/first", trusted[0])
        while not azure.control("GET", "/faults")["rules"][0]["hit"]:
            assert not first.done()
        second = arm(method, f"{path}/second", trusted[1])
        elsewhere, read = arm(method, f"{other}/second", trusted[1]), arm("GET", path)
        azure.control("DELETE", "/faults")
        assert first.result().status == 201

    assert code(second) == (409, "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity")
    assert second.json()["error"]["message"].startswith("Too many Federated Identity Credentials are written concurr")
    assert (elsewhere.status, read.status) == ({"PUT": 201, "DELETE": 204}[method], 200)
    assert arm(method, f"{path}/second", trusted[1]).status == 200


def test_an_application_creates_updates_and_deletes_federated_credentials(azure: LocalAzure) -> None:
    app = azure.graph("POST", "applications", {"displayName": "one"}).json()
    path = f"applications/{app['id']}/federatedIdentityCredentials"
    created = azure.graph("POST", path, {"name": "main", **CREDENTIAL})
    assert (created.status, created.json()["subject"]) == (201, CREDENTIAL["subject"])
    by_key = f"applications(appId='{app['appId']}')/federatedIdentityCredentials"
    assert [credential["name"] for credential in azure.graph("GET", by_key).json()["value"]] == ["main"]
    assert azure.graph("PATCH", f"{path}/main", {"description": "d"}).status == 204
    assert azure.graph("GET", f"{path}/{created.json()['id']}").json()["description"] == "d"
    assert azure.graph("DELETE", f"{path}/main").status == 204
    assert azure.graph("GET", f"{path}/main").status == 404


def test_a_federated_credential_is_read_and_created_by_name(azure: LocalAzure) -> None:
    app = azure.graph("POST", "applications", {"displayName": "one"}).json()
    path = f"applications/{app['id']}/federatedIdentityCredentials"
    assert azure.graph("PATCH", f"{path}(name='main')", CREDENTIAL).status == 404
    assert code(azure.graph("GET", f"{path}(subject='main')")) == (400, "BadRequest")
    created = azure.graph("PATCH", f"{path}(name='main')", CREDENTIAL, Prefer="create-if-missing")
    assert (created.status, created.json()["name"]) == (201, "main")
    assert azure.graph("PATCH", f"{path}(name='main')", {"subject": "s"}, Prefer="create-if-missing").status == 204
    assert azure.graph("GET", f"{path}(name='main')").json()["subject"] == "s"
    assert azure.graph("DELETE", f"{path}(name='main')").status == 204
    assert azure.graph("GET", f"{path}/main").status == 404


def test_an_application_refuses_incomplete_and_repeated_federated_credentials(azure: LocalAzure) -> None:
    app = azure.graph("POST", "applications", {"displayName": "one"}).json()
    path = f"applications/{app['id']}/federatedIdentityCredentials"
    azure.graph("POST", path, {"name": "main", **CREDENTIAL})
    for body in (
        {"name": "b", **CREDENTIAL},
        {"name": "main", **CREDENTIAL, "subject": "s"},
        {"name": "c"},
        {"name": 5, **CREDENTIAL},
    ):
        assert azure.graph("POST", path, body).status == 400, body
