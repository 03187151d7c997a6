"""What environments share with each other and with people: accounts, vaults, clusters, applications, runtimes."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.secret import Secret
from tests.command_line import Cli
from tests.commands.test_lifecycle import FACTORY, VAULT, arm

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

GRANTS = "/providers/Microsoft.Authorization/roleAssignments"
BLOB_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"


def second(cli: Cli, **changes: Any) -> Cli:
    """Another environment in the same group, with a runtime, a prefix and a linked service of its own."""
    spec = copy.deepcopy(cli.spec)
    spec["name"] = "second"
    spec["airflow"].update(runtime="airflow-second", container="airflow-second", variables_prefix="second-variables")
    spec["airflow"]["connections_prefix"] = "second-connections"
    spec["storage_account"] = {"name": "stflinklocal", "filesystem": "jobs-second"}
    spec["dag"] = {"id": "SecondExample"}
    spec.update(changes)
    return Cli(azure=cli.azure, file=cli.file.with_name("second.yaml"), spec=spec, capture=cli.capture)


def grants_of(cli: Cli, role: str) -> list[dict[str, Any]]:
    listed = arm(cli, "GET", GRANTS, "2022-04-01")["value"]
    return [one["properties"] for one in listed if one["properties"]["roleDefinitionId"].endswith(role)]


def test_two_environments_share_group_vault_account_and_cluster(provisioned: Cli) -> None:
    other = second(provisioned)
    other.done("provision")
    assert provisioned.done("plan", "--json").actions() == {}

    (grant,) = grants_of(other, BLOB_OWNER)  # the cluster's identity on the account, once for both
    assert grant["description"].count("provisioner-environment=") == 2

    torn = other("teardown", "--json")
    assert torn.code == 0, torn.err
    assert provisioned.done("plan", "--json").actions() == {}
    (grant,) = grants_of(other, BLOB_OWNER)
    assert grant["description"].count("provisioner-environment=") == 1


@pytest.mark.parametrize(
    ("field", "value", "address"),
    [
        ("variables_prefix", "hdinsight-aks-variables", "vault_secret/hdinsight-aks-variables-api-secret"),
        ("connections_prefix", "airflow-connections", "vault_secret/airflow-connections-counts"),
        ("linked_service", "provisioner-local", "linked_service/provisioner-local"),
    ],
)
def test_what_another_environment_owns_is_refused_with_its_name_and_the_field_to_change(
    provisioned: Cli, field: str, value: str, address: str
) -> None:
    other = second(provisioned)
    other.spec["airflow"][field] = value

    refused = other("plan")

    assert refused.code == 4, refused.out + refused.err
    assert f"{address}: owner is environment local (0a05bbc5-" in refused.err
    assert f"`airflow.{field}`" in refused.err
    assert provisioned.done("plan", "--json").actions() == {}


@pytest.mark.parametrize(
    ("section", "field", "value", "address"),
    [
        ("airflow", "container", "airflow", "dag_file/airflow/dags/flink_wordcount.py"),
        ("airflow", "runtime", "airflow-local", "airflow_runtime/airflow"),
        ("storage_account", "filesystem", "jobs", "job_jar/jobs/wordcount.jar"),
    ],
)
def test_a_file_or_setting_of_another_environment_is_refused_with_its_name_and_the_field_to_change(
    provisioned: Cli, section: str, field: str, value: str, address: str
) -> None:
    other = second(provisioned)
    other.spec[section][field] = value

    refused = other("plan")

    assert refused.code == 4, refused.out + refused.err
    (said,) = (line for line in refused.err.splitlines() if f"{address}: " in line)
    assert "by environment local (0a05bbc5-" in said
    assert f"`{section}.{field}`" in said
    assert provisioned.done("plan", "--json").actions() == {}


def test_the_maker_of_what_is_shared_keeps_it_while_another_needs_it(provisioned: Cli) -> None:
    other = second(provisioned)
    other.done("provision")

    torn = provisioned("teardown", "--json")

    left = {step["address"] for step in torn.json()["steps"] if step.get("remains")}
    assert torn.code == 3
    assert {"key_vault/kv-flink-local", "storage_account/stflinklocal", "resource_group/flink-local"} <= left
    assert other.done("plan", "--json").actions() == {}
    other.done("teardown")


def by_hand(azure: LocalAzure) -> dict[str, Any]:
    made = azure.graph("POST", "applications", {"displayName": "made by hand"}).json()
    assert azure.graph("POST", "servicePrincipals", {"appId": made["appId"]}).status == 201
    theirs = azure.graph("POST", f"applications/{made['id']}/addPassword", {}).json()
    return {**made, "theirs": theirs["keyId"]}


def passwords(cli: Cli, application: dict[str, Any]) -> list[str]:
    shown = cli.azure.graph("GET", f"applications/{application['id']}").json()
    return [one["keyId"] for one in shown["passwordCredentials"]]


def test_an_adopted_application_keeps_everything_but_our_password(cli: Cli) -> None:
    theirs = by_hand(cli.azure)
    cli.spec["principals"] = {"airflow": {"application": {"client_id": theirs["appId"]}}}

    cli.done("provision")
    assert len(passwords(cli, theirs)) == 2
    assert cli("plan", "--detailed-exitcode").code == 0
    cli.done("teardown")

    shown = cli.azure.graph("GET", f"applications/{theirs['id']}").json()
    assert passwords(cli, theirs) == [theirs["theirs"]]
    assert (shown["displayName"], shown["tags"]) == ("made by hand", [])
    found = cli.azure.graph("GET", f"servicePrincipals(appId='{theirs['appId']}')")
    assert (found.status, found.json()["tags"]) == (200, [])


def test_an_adopted_application_that_does_not_exist_is_refused_in_the_plan(cli: Cli) -> None:
    cli.spec["principals"] = {"airflow": {"application": {"client_id": "11111111-1111-4111-8111-111111111111"}}}

    said = cli("plan")

    assert (said.code, cli.writes()) == (4, [])
    assert "client_id" in said.err


def test_secrets_user_is_enough_for_airflow(cli: Cli) -> None:
    cli.spec["principals"] = {"airflow": {"role": "Key Vault Secrets User"}}
    cli.done("provision")

    assert "Secrets User" not in cli.done("status").out
    runtime = arm(cli, "GET", f"{FACTORY}/integrationruntimes/airflow-local", "2018-06-01")
    settings = runtime["properties"]["typeProperties"]["airflowProperties"]["airflowEnvironmentVariables"]
    token = cli.azure.token(
        "https://vault.azure.net", settings["AZURE_CLIENT_ID"], Secret(settings["AZURE_CLIENT_SECRET"])
    )
    url = f"{VAULT}/secrets/hdinsight-aks-variables-greeting?api-version=7.4"
    assert cli.azure.request("GET", url, token=token).status == 200
    assert cli.azure.request("PUT", url, {"value": "x"}, token=token).status == 403


def test_another_role_replaces_the_grant(provisioned: Cli) -> None:
    provisioned.spec["principals"] = {"airflow": {"role": "Key Vault Secrets User"}}

    provisioned.done("provision", "--yes")

    assert provisioned("plan", "--detailed-exitcode").code == 0
    roles = [one["roleDefinitionId"][-36:] for one in grants_of(provisioned, "") if "kv-flink-local" in one["scope"]]
    assert "4633458b-17de-408a-b874-0445c86b69e6" in roles


@pytest.fixture
def elsewhere(cli: Cli) -> Cli:
    """Vault and account are named by full ids in a group of somebody else's."""
    group = f"{cli.azure.subscription}/resourceGroups/theirs"
    arm(cli, "PUT", "/resourceGroups/theirs", "2021-04-01", {"location": "westeurope"})
    cli.spec["vault"] = f"{group}/providers/Microsoft.KeyVault/vaults/kv-theirs"
    cli.spec["storage_account"] = f"{group}/providers/Microsoft.Storage/storageAccounts/sttheirs"
    return cli


def make_by_hand(cli: Cli) -> None:
    """The vault and the account that `elsewhere` names."""
    sku = {"family": "A", "name": "standard"}
    vault = {"tenantId": cli.azure.tenant_id, "sku": sku, "enableRbacAuthorization": True}
    place, where = "/resourceGroups/theirs/providers", {"location": "westeurope"}
    arm(cli, "PUT", f"{place}/Microsoft.KeyVault/vaults/kv-theirs", "2023-07-01", {**where, "properties": vault})
    account = {**where, "sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "properties": {"isHnsEnabled": True}}
    arm(cli, "PUT", f"{place}/Microsoft.Storage/storageAccounts/sttheirs", "2023-05-01", account)


def test_vault_and_account_of_another_group_are_adopted_and_left_there(elsewhere: Cli) -> None:
    make_by_hand(elsewhere)

    elsewhere.done("provision")
    assert elsewhere("plan", "--detailed-exitcode").code == 0
    elsewhere.done("teardown")

    left = arm(elsewhere, "GET", "/resourceGroups/theirs/resources", "2021-04-01")["value"]
    assert sorted(one["name"] for one in left) == ["kv-theirs", "sttheirs"]
    groups = {one["name"] for one in arm(elsewhere, "GET", "/resourcegroups", "2021-04-01")["value"]}
    assert "theirs" in groups
    assert "flink-local" not in groups


def test_what_is_absent_in_another_group_is_made_there_and_removed_again(elsewhere: Cli) -> None:
    elsewhere.done("provision")
    assert elsewhere("plan", "--detailed-exitcode").code == 0
    elsewhere.done("teardown")

    assert arm(elsewhere, "GET", "/resourceGroups/theirs/resources", "2021-04-01")["value"] == []


def test_a_group_of_others_that_is_not_there_is_told_before_anything_is_written(cli: Cli) -> None:
    cli.spec["vault"] = f"{cli.azure.subscription}/resourceGroups/nowhere/providers/Microsoft.KeyVault/vaults/kv-theirs"

    said = cli("provision")

    assert (said.code, cli.writes()) == (4, []), said.out + said.err
    assert "nowhere" in said.err


def test_a_name_that_another_tenant_has_is_told(cli: Cli) -> None:
    cli.azure.fault(fault="error", method="PUT", path="vaults/kv-flink-local$", status=409, code="VaultAlreadyExists")
    cli.spec["waits"] = {"visible": "2s"}  # in which it may turn out to be the environment's own

    said = cli("provision", "--json")

    failed = [step for step in said.json()["steps"] if step["outcome"] == "failed"]
    assert said.code == 3
    assert [step["address"] for step in failed] == ["key_vault/kv-flink-local"]
    assert "VaultAlreadyExists" in failed[0]["error"]
    assert cli.done("provision").code == 0
