"""The tenant's policy on client secrets: who may read and write it, and what addPassword refuses because of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure

POLICY = "policies/defaultAppManagementPolicy"
LIFETIME = {"restrictionType": "passwordLifetime", "state": "enabled", "maxLifetime": "P4DT12H30M5S"}


def consent(azure: LocalAzure, *permissions: str) -> None:
    azure.control("PUT", "/settings/graph", {"app_roles": {azure.operator_client_id: list(permissions)}})
    azure.tokens.clear()


def restrict(azure: LocalAzure, *rules: dict[str, Any], enabled: bool = True) -> Answer:
    consent(azure, "Application.ReadWrite.OwnedBy", "Policy.ReadWrite.ApplicationConfiguration")
    body = {"isEnabled": enabled, "applicationRestrictions": {"passwordCredentials": list(rules)}}
    return azure.graph("PATCH", POLICY, body)


def add(azure: LocalAzure, end: str) -> Answer:
    made = azure.graph("POST", "applications", {"displayName": "probe"}).json()
    start = {"startDateTime": "2030-01-01T00:00:00Z", "endDateTime": end}
    return azure.graph("POST", f"applications/{made['id']}/addPassword", {"passwordCredential": start})


def test_it_takes_a_permission_to_read_and_another_to_write(azure: LocalAzure) -> None:
    assert azure.graph("GET", POLICY).status == 403
    consent(azure, "Policy.Read.ApplicationConfiguration")
    found = azure.graph("GET", POLICY)
    assert (found.status, found.json()["isEnabled"]) == (200, False)
    assert found.json()["applicationRestrictions"] == {"passwordCredentials": [], "keyCredentials": []}
    assert azure.graph("PATCH", POLICY, {"isEnabled": True}).status == 403


def test_a_lifetime_that_is_too_long_is_refused_in_graph_s_words(azure: LocalAzure) -> None:
    assert restrict(azure, LIFETIME).status == 204
    assert azure.graph("GET", POLICY).json()["applicationRestrictions"]["passwordCredentials"] == [LIFETIME]
    refused = add(azure, "2030-01-06T00:00:00Z")
    error = refused.json()["error"]
    assert (refused.status, error["code"]) == (400, "CredentialInvalidLifetimeAsPerAppPolicy")
    assert error["message"].startswith("Credential lifetime exceeds the max value allowed as per assigned policy '")
    assert [(one["code"], one["target"]) for one in error["details"]] == [("InvalidKeyEndDate", "EndDate")]
    assert add(azure, "2030-01-05T12:30:05Z").status == 200


def test_secrets_may_be_refused_altogether(azure: LocalAzure) -> None:
    restrict(azure, {"restrictionType": "passwordAddition", "state": "enabled"})
    refused = add(azure, "2030-01-02T00:00:00Z")
    assert (refused.status, refused.json()["error"]["code"]) == (400, "CredentialTypeNotAllowedAsPerAppPolicy")


@pytest.mark.parametrize(
    ("rule", "enabled"),
    [
        ({**LIFETIME, "state": "disabled"}, True),
        ({**LIFETIME, "restrictForAppsCreatedAfterDateTime": "2099-01-01T00:00:00Z"}, True),
        (LIFETIME, False),
    ],
)
def test_what_is_switched_off_or_for_later_applications_refuses_nothing(
    azure: LocalAzure, rule: dict[str, Any], *, enabled: bool
) -> None:
    restrict(azure, rule, enabled=enabled)
    assert add(azure, "2030-06-01T00:00:00Z").status == 200


def test_a_lifetime_is_a_duration(azure: LocalAzure) -> None:
    assert restrict(azure, {**LIFETIME, "maxLifetime": "45 days"}).status == 400


def test_no_application_has_a_policy_of_its_own(azure: LocalAzure) -> None:
    made = azure.graph("POST", "applications", {"displayName": "probe"}).json()
    for key in (f"/{made['id']}", f"(appId='{made['appId']}')"):
        assert azure.graph("GET", f"applications{key}/appManagementPolicies").json()["value"] == []
