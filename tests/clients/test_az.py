"""az 2.91, as it comes from PyPI, does its work on the local Azure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.conftest import Az
    from tests.emulator import LocalAzure

pytestmark = pytest.mark.shows_secrets(
    "command line", "files", "output", why="az takes its password as an option and keeps tokens in a folder of its own"
)
WESTEUROPE = ("--location", "westeurope")


@pytest.fixture
def group(az: Az) -> str:
    return az("group", "create", "--name", "rg-az", *WESTEUROPE)["name"]


def test_az_signs_in_and_shows_the_account(az: Az, azure: LocalAzure) -> None:
    account = az("account", "show")
    assert account["id"] == azure.subscription_id
    assert account["tenantId"] == azure.tenant_id
    assert account["environmentName"] == "AzureCloud"
    assert account["user"] == {"name": azure.operator_client_id, "type": "servicePrincipal"}
    assert az("cloud", "show")["endpoints"]["resourceManager"] == "https://management.azure.com/"
    assert [one["id"] for one in az("account", "list", "--refresh")] == [azure.subscription_id]
    assert az("account", "get-access-token")["tokenType"] == "Bearer"


def test_az_is_refused_with_a_wrong_secret(az_signed_out: Az, azure: LocalAzure) -> None:
    wrong = ("-u", azure.operator_client_id, "-p", "wrong", "--tenant", azure.tenant_id)
    assert "AADSTS7000215" in az_signed_out.refused("login", "--service-principal", *wrong)


def test_az_makes_lists_and_deletes_groups(az: Az) -> None:
    made = az("group", "create", "--name", "rg-one", *WESTEUROPE, "--tags", "team=flink")
    assert made["properties"]["provisioningState"] == "Succeeded"
    assert az("group", "show", "--name", "rg-one")["tags"] == {"team": "flink"}
    assert "rg-one" in [group["name"] for group in az("group", "list")]
    assert az("group", "exists", "--name", "rg-one") is True
    az("group", "delete", "--name", "rg-one", "--yes")
    assert az("group", "exists", "--name", "rg-one") is False
    assert "ResourceGroupNotFound" in az.refused("group", "show", "--name", "rg-one")


def test_az_makes_a_service_principal_with_a_role_that_can_sign_in(az: Az, azure: LocalAzure, group: str) -> None:
    scope = f"{azure.subscription}/resourceGroups/{group}"
    made = az("ad", "sp", "create-for-rbac", "--name", "sp-az", "--role", "Contributor", "--scopes", scope)
    assert made["tenant"] == azure.tenant_id
    assert az("ad", "sp", "show", "--id", made["appId"])["displayName"] == "sp-az"
    assert [one["appId"] for one in az("ad", "sp", "list", "--display-name", "sp-az")] == [made["appId"]]
    assert [one["appId"] for one in az("ad", "app", "list", "--display-name", "sp-az")] == [made["appId"]]
    held = az("role", "assignment", "list", "--assignee", made["appId"], "--scope", scope)
    assert [one["roleDefinitionName"] for one in held] == ["Contributor"]
    az("login", "--service-principal", "-u", made["appId"], "-p", made["password"], "--tenant", made["tenant"])
    assert az("group", "show", "--name", group)["name"] == group
    assert "AuthorizationFailed" in az.refused("group", "create", "--name", "rg-other", *WESTEUROPE)


def test_az_gives_and_takes_roles(az: Az, azure: LocalAzure, group: str) -> None:
    scope = f"{azure.subscription}/resourceGroups/{group}"
    app = az("ad", "sp", "create-for-rbac", "--name", "sp-roles")["appId"]
    mine = ("--assignee", app, "--role", "Reader", "--scope", scope)
    made = az("role", "assignment", "create", *mine)
    assert made["scope"] == scope
    assert made["principalType"] == "ServicePrincipal"
    assert [one["id"] for one in az("role", "assignment", "list", *mine)] == [made["id"]]
    assert [one["id"] for one in az("role", "assignment", "list", "--resource-group", group)] == [made["id"]]
    az("role", "assignment", "delete", *mine)
    assert az("role", "assignment", "list", *mine) == []
    assert [one["roleName"] for one in az("role", "definition", "list", "--name", "Reader")] == ["Reader"]


def test_az_shows_the_issuer_of_a_kubernetes_cluster(az: Az, azure: LocalAzure) -> None:
    here = ("--resource-group", "flink-platform", "--name", "aks-platform")
    assert [one["name"] for one in az("aks", "list")] == ["aks-platform"]
    profile = az("aks", "show", *here)["oidcIssuerProfile"]
    assert profile["enabled"] is True
    assert profile["issuerUrl"].startswith(f"https://westeurope.oic.prod-aks.azure.com/{azure.tenant_id}/")
    az("aks", "delete", *here, "--yes")
    assert az("aks", "list") == []


def test_az_deletes_recovers_and_purges_a_vault(az: Az, group: str) -> None:
    made = az("keyvault", "create", "--name", "kv-az-one", "--resource-group", group, *WESTEUROPE)
    assert made["properties"]["vaultUri"] == "https://kv-az-one.vault.azure.net/"
    assert made["properties"]["enableRbacAuthorization"] is True
    assert [one["name"] for one in az("keyvault", "list", "--resource-group", group)] == ["kv-az-one"]
    az("keyvault", "delete", "--name", "kv-az-one")
    assert [one["name"] for one in az("keyvault", "list-deleted")] == ["kv-az-one"]
    az("keyvault", "recover", "--name", "kv-az-one")
    assert az("keyvault", "show", "--name", "kv-az-one")["id"] == made["id"]
    az("keyvault", "delete", "--name", "kv-az-one")
    az("keyvault", "purge", "--name", "kv-az-one")
    assert az("keyvault", "list-deleted") == []
    assert az("keyvault", "check-name", "--name", "kv-az-one")["nameAvailable"] is True


def test_az_keeps_secrets_once_it_has_a_role(az: Az, azure: LocalAzure, group: str) -> None:
    vault = az("keyvault", "create", "--name", "kv-az-two", "--resource-group", group, *WESTEUROPE)
    here = ("--vault-name", "kv-az-two")
    assert "ForbiddenByRbac" in az.refused("keyvault", "secret", "set", *here, "--name", "one", "--value", "first")
    officer = ("--role", "Key Vault Secrets Officer", "--scope", vault["id"])
    az("role", "assignment", "create", "--assignee", azure.operator_client_id, *officer)
    first = az("keyvault", "secret", "set", *here, "--name", "one", "--value", "first", "--tags", "by=az")
    second = az("keyvault", "secret", "set", *here, "--name", "one", "--value", "second")
    assert first["id"] != second["id"]
    assert first["tags"] == {"by": "az", "file-encoding": "utf-8"}
    assert az("keyvault", "secret", "show", *here, "--name", "one")["value"] == "second"
    assert az("keyvault", "secret", "show", "--id", first["id"])["value"] == "first"
    assert [one["name"] for one in az("keyvault", "secret", "list", *here)] == ["one"]
    assert len(az("keyvault", "secret", "list-versions", *here, "--name", "one")) == 2
    az("keyvault", "secret", "delete", *here, "--name", "one")
    assert az("keyvault", "secret", "list", *here) == []
    assert [one["name"] for one in az("keyvault", "secret", "list-deleted", *here)] == ["one"]
    az("keyvault", "secret", "recover", *here, "--name", "one")
    assert az("keyvault", "secret", "show", *here, "--name", "one")["value"] == "second"


def test_az_makes_identities(az: Az, azure: LocalAzure, group: str) -> None:
    made = az("identity", "create", "--name", "id-az", "--resource-group", group, *WESTEUROPE)
    assert made["tenantId"] == azure.tenant_id
    assert [one["clientId"] for one in az("identity", "list", "--resource-group", group)] == [made["clientId"]]
    assert az("ad", "sp", "show", "--id", made["principalId"])["servicePrincipalType"] == "ManagedIdentity"


def test_az_moves_files_through_a_data_lake(az: Az, azure: LocalAzure, group: str, tmp_path: Path) -> None:
    lake = ("--sku", "Standard_LRS", "--kind", "StorageV2", "--hns", "true")
    made = az("storage", "account", "create", "--name", "staz0001", "--resource-group", group, *WESTEUROPE, *lake)
    assert made["isHnsEnabled"] is True
    assert [one["name"] for one in az("storage", "account", "list", "--resource-group", group)] == ["staz0001"]
    assert az("storage", "account", "show", "--name", "staz0001")["id"] == made["id"]
    owner = ("--role", "Storage Blob Data Owner", "--scope", made["id"])
    az("role", "assignment", "create", "--assignee", azure.operator_client_id, *owner)
    here = ("--account-name", "staz0001", "--auth-mode", "login")
    az("storage", "fs", "create", "--name", "jobs", *here)
    assert [one["name"] for one in az("storage", "fs", "list", *here)] == ["jobs"]
    (tmp_path / "job.jar").write_bytes(b"PK" + bytes(100_000))
    there = ("--file-system", "jobs", *here)
    az("storage", "fs", "file", "upload", "--path", "flink/job.jar", "--source", str(tmp_path / "job.jar"), *there)
    files = [one["name"] for one in az("storage", "fs", "file", "list", *there)]
    assert files == ["flink", "flink/job.jar"]
    back = tmp_path / "back.jar"
    az("storage", "fs", "file", "download", "--path", "flink/job.jar", "--destination", str(back), *there)
    assert back.read_bytes() == (tmp_path / "job.jar").read_bytes()


def test_az_rest_reaches_arm_and_graph(az: Az, azure: LocalAzure, group: str) -> None:
    url = f"https://management.azure.com{azure.subscription}/resourceGroups/{group}?api-version=2021-04-01"
    assert az("rest", "--method", "get", "--url", url)["name"] == group
    applications = az("rest", "--method", "get", "--url", "https://graph.microsoft.com/v1.0/applications")
    assert isinstance(applications["value"], list)


def test_az_keeps_the_credentials_of_an_application(az: Az) -> None:
    app = az("ad", "app", "create", "--display-name", "app-az")["appId"]
    az("ad", "sp", "create", "--id", app)
    az("ad", "app", "credential", "reset", "--id", app, "--display-name", "one")
    az("ad", "app", "credential", "reset", "--id", app, "--append", "--display-name", "two")
    keys = {one["displayName"]: one["keyId"] for one in az("ad", "app", "credential", "list", "--id", app)}
    assert sorted(keys) == ["one", "two"]
    az("ad", "app", "credential", "delete", "--id", app, "--key-id", keys["one"])
    assert [one["displayName"] for one in az("ad", "app", "credential", "list", "--id", app)] == ["two"]
    az("ad", "app", "delete", "--id", app)
    assert az("ad", "app", "list", "--display-name", "app-az") == []
    deleted = "https://graph.microsoft.com/v1.0/directory/deletedItems/microsoft.graph.application"
    assert [one["appId"] for one in az("rest", "--method", "get", "--url", deleted)["value"]] == [app]
