"""User-assigned identities: create, list, delete; their principal; the predefined one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.resource_manager import Manager, code

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

IDENTITIES = "providers/Microsoft.ManagedIdentity/userAssignedIdentities"
BODY = {"location": "westeurope"}


@pytest.fixture
def arm(azure: LocalAzure) -> Manager:
    return Manager(azure=azure, version="2023-01-31")


def test_a_put_of_an_identity_is_201_or_200_and_keeps_its_ids(arm: Manager) -> None:
    path = f"{arm.group()}/{IDENTITIES}/id-one"
    created = arm("PUT", path, BODY)
    replaced = arm("PUT", path, {**BODY, "tags": {"a": "b"}})
    assert (created.status, replaced.status) == (201, 200)
    assert replaced.json()["properties"] == created.json()["properties"]
    assert replaced.json()["tags"] == {"a": "b"}
    assert code(arm("PUT", f"{arm.group()}/{IDENTITIES}/ab", BODY)) == (400, "InvalidResourceName")


def test_an_identity_has_a_principal_until_it_is_deleted(arm: Manager) -> None:
    path = f"{arm.group()}/{IDENTITIES}/id-one"
    ids = arm("PUT", path, BODY).json()["properties"]
    principal = arm.azure.graph("GET", f"servicePrincipals/{ids['principalId']}").json()
    assert (principal["appId"], principal["servicePrincipalType"]) == (ids["clientId"], "ManagedIdentity")
    assert arm.grant("/resourceGroups/rg-one", "Reader", ids["principalId"]).status == 201
    assert arm("DELETE", path).status == 200
    assert arm("DELETE", path).status == 204
    assert arm.azure.graph("GET", f"servicePrincipals/{ids['principalId']}").status == 404
    assert code(arm.grant("/resourceGroups/rg-one", "Contributor", ids["principalId"])) == (400, "PrincipalNotFound")


def test_identities_are_listed_by_group_and_subscription(arm: Manager) -> None:
    arm("PUT", f"{arm.group()}/{IDENTITIES}/id-one", BODY)
    assert [identity["name"] for identity in arm("GET", f"/resourceGroups/rg-one/{IDENTITIES}").json()["value"]] == [
        "id-one"
    ]
    names = {identity["name"] for identity in arm("GET", f"/{IDENTITIES}").json()["value"]}
    assert names == {"flink-identity", "id-one"}


def test_ids_are_written_with_a_small_letter_and_a_new_identity_has_its_location(arm: Manager) -> None:
    path = f"{arm.group()}/{IDENTITIES}/id-one"
    created = arm("PUT", path, BODY)
    expected = f"{arm.azure.subscription}{path}".replace("resourceGroups", "resourcegroups")
    assert created.json()["id"] == created.headers["location"] == expected
    assert "location" not in arm("PUT", path, BODY).headers
    credential = {"issuer": "https://issuer.example", "subject": "one", "audiences": ["api://AzureADTokenExchange"]}
    trusted = arm("PUT", f"{path}/federatedIdentityCredentials/main", {"properties": credential})
    assert trusted.json()["id"] == f"{expected}/federatedIdentityCredentials/main"


def test_the_predefined_identity_s_id_is_written_so_and_found_in_any_spelling(arm: Manager) -> None:
    path = f"/resourceGroups/flink-platform/{IDENTITIES}/flink-identity"
    expected = f"{arm.azure.subscription}{path}".replace("resourceGroups", "resourcegroups")
    shown = [arm("GET", spelling).json()["id"] for spelling in (path, path.lower(), path.upper())]
    assert shown == [expected] * 3
    listed = arm("GET", f"/resourceGroups/flink-platform/{IDENTITIES}").json()["value"]
    assert [identity["id"] for identity in listed] == [expected]
