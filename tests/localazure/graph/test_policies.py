"""The tenant's policy on client secrets: who may read and write it, and which passwords it forbids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure

POLICY = "policies/defaultAppManagementPolicy"
LIFETIME = {"restrictionType": "passwordLifetime", "state": "enabled", "maxLifetime": "P4DT12H30M5S"}


def grant_permissions(azure: LocalAzure, *permissions: str) -> None:
    """Give the operator these Graph permissions only."""
    azure.control("PUT", "/settings/graph", {"app_roles": {azure.operator_client_id: list(permissions)}})
    azure.tokens.clear()


def set_password_rules(azure: LocalAzure, *rules: dict[str, Any], enabled: bool = True) -> Answer:
    """Set the rules on passwords in the tenant's policy."""
    grant_permissions(azure, "Application.ReadWrite.OwnedBy", "Policy.ReadWrite.ApplicationConfiguration")
    body = {"isEnabled": enabled, "applicationRestrictions": {"passwordCredentials": list(rules)}}
    return azure.graph("PATCH", POLICY, body)


def add_password(azure: LocalAzure, end: str) -> Answer:
    """Add a password that ends at `end` to a new application."""
    app = azure.graph("POST", "applications", {"displayName": "probe"}).json()
    lifetime = {"startDateTime": "2030-01-01T00:00:00Z", "endDateTime": end}
    return azure.graph("POST", f"applications/{app['id']}/addPassword", {"passwordCredential": lifetime})


def test_reading_the_policy_needs_one_permission_and_writing_another(azure: LocalAzure) -> None:
    assert azure.graph("GET", POLICY).status == 403
    grant_permissions(azure, "Policy.Read.ApplicationConfiguration")
    policy = azure.graph("GET", POLICY)
    assert (policy.status, policy.json()["isEnabled"]) == (200, False)
    assert policy.json()["applicationRestrictions"] == {"passwordCredentials": [], "keyCredentials": []}
    assert azure.graph("PATCH", POLICY, {"isEnabled": True}).status == 403


def test_a_lifetime_above_the_maximum_is_graphs_400(azure: LocalAzure) -> None:
    assert set_password_rules(azure, LIFETIME).status == 204
    assert azure.graph("GET", POLICY).json()["applicationRestrictions"]["passwordCredentials"] == [LIFETIME]
    refused = add_password(azure, "2030-01-06T00:00:00Z")
    error = refused.json()["error"]
    assert (refused.status, error["code"]) == (400, "CredentialInvalidLifetimeAsPerAppPolicy")
    assert error["message"].startswith("Credential lifetime exceeds the max value allowed as per assigned policy '")
    assert [(detail["code"], detail["target"]) for detail in error["details"]] == [("InvalidKeyEndDate", "EndDate")]
    assert add_password(azure, "2030-01-05T12:30:05Z").status == 200


def test_a_policy_can_forbid_all_passwords(azure: LocalAzure) -> None:
    set_password_rules(azure, {"restrictionType": "passwordAddition", "state": "enabled"})
    refused = add_password(azure, "2030-01-02T00:00:00Z")
    assert (refused.status, refused.json()["error"]["code"]) == (400, "CredentialTypeNotAllowedAsPerAppPolicy")


@pytest.mark.parametrize(
    ("rule", "enabled"),
    [
        ({**LIFETIME, "state": "disabled"}, True),
        ({**LIFETIME, "restrictForAppsCreatedAfterDateTime": "2099-01-01T00:00:00Z"}, True),
        (LIFETIME, False),
    ],
)
def test_a_disabled_rule_or_one_for_later_applications_forbids_nothing(
    azure: LocalAzure, rule: dict[str, Any], *, enabled: bool
) -> None:
    set_password_rules(azure, rule, enabled=enabled)
    assert add_password(azure, "2030-06-01T00:00:00Z").status == 200


def test_a_maximum_lifetime_must_be_an_iso_8601_duration(azure: LocalAzure) -> None:
    assert set_password_rules(azure, {**LIFETIME, "maxLifetime": "45 days"}).status == 400


def test_no_application_has_a_policy_of_its_own(azure: LocalAzure) -> None:
    app = azure.graph("POST", "applications", {"displayName": "probe"}).json()
    for key in (f"/{app['id']}", f"(appId='{app['appId']}')"):
        assert azure.graph("GET", f"applications{key}/appManagementPolicies").json()["value"] == []
