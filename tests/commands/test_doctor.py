"""What would stop a provision is found by `doctor`, and by provision itself before its first write, all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.test_graph_rights import consented
from tests.emulator import ARM, GRAPH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.command_line import Cli, Said

GROUP = "/resourceGroups/flink-local"
POLICY = "policies/defaultAppManagementPolicy"


@pytest.fixture
def tenant(cli: Cli) -> Iterator[Cli]:
    """What a test changes in the tenant is gone after it."""
    yield cli
    cli.azure.reset()


def arm(cli: Cli, method: str, path: str, version: str, body: Any = None) -> Any:
    answer = cli.azure.request(method, f"{ARM}{cli.azure.subscription}{path}?api-version={version}", body)
    assert answer.status < 300, answer.body
    return answer.json() if answer.body else None


def findings(said: Said, verdict: str) -> list[dict[str, str]]:
    return [one for one in said.json()["findings"] if one["verdict"] == verdict]


def both_are_told(cli: Cli, *words: str) -> None:
    """By doctor and by provision, which writes nothing, each with exit code 4."""
    cli.forget_calls()
    seen = cli("doctor", "--json")
    told = " ".join(f"{one['about']}: {one['what']} {one['remedy']}" for one in findings(seen, "stops"))
    assert (seen.code, seen.json()["ready"]) == (4, False), seen.out + seen.err
    assert all(word in told for word in words), told
    done = cli("provision")
    assert done.code == 4, done.out + done.err
    assert all(word in done.err for word in words), done.err
    assert cli.writes() == []


def test_a_fresh_environment_is_ready(cli: Cli) -> None:
    cli.spec["airflow"]["version"] = "2.6.3"

    said = cli.done("doctor", "--json")

    told = said.json()
    held = " ".join(one["what"] for one in findings(said, "holds"))
    assert (told["environment"], told["ready"], findings(said, "stops")) == ("local", True, [])
    for what in (
        "the name kv-flink-local is free",
        "the name stflinklocal is free",
        "resource provider Microsoft.KeyVault: Registered",
        "resource provider Microsoft.Storage: Registered",
        "resource provider Microsoft.DataFactory: Registered",
        "resource provider Microsoft.HDInsight: Registered",
        "right of the caller: Application.ReadWrite.OwnedBy",
        "the cluster is Succeeded and Running",
        "apache-airflow-providers-microsoft-azure 10.0.0 on Airflow 2.6.3",
        "this machine's clock is right",
    ):
        assert what in held


def test_for_people_it_counts_and_notes(cli: Cli) -> None:
    said = cli.done("doctor")

    assert "✓ key_vault/kv-flink-local: the name kv-flink-local is free" in said.out
    assert "? client_secret/airflow: the tenant's policy on lifetimes of client secrets" in said.out
    assert "`role: Key Vault Secrets User` is enough" in said.out
    assert "`role: Storage Blob Data Contributor` is enough" in said.out
    assert said.out.splitlines()[-1].startswith("local: ready; ")


def test_one_that_stands_is_ready_too(provisioned: Cli) -> None:
    assert provisioned.done("doctor", "--json").json()["ready"] is True
    assert provisioned.writes() == []


def test_all_that_would_stop_it_is_told_at_once(tenant: Cli) -> None:
    consented(tenant, "Application.Read.All")
    arm(tenant, "POST", "/providers/Microsoft.KeyVault/unregister", "2021-04-01")
    tenant.spec["airflow"].update(version="2.6.3", provider_version="12.8.1")
    tenant.spec["principals"] = {"airflow": {"role": "Key Vault Secrets Oficer"}}

    both_are_told(
        tenant,
        "Application.ReadWrite.OwnedBy",
        "az provider register --namespace Microsoft.KeyVault",
        "12.8.1 on Airflow 2.6.3 asks for a newer Airflow",
        "Write `provider_version: 10.0.0`",
        "Did you mean 'Key Vault Secrets Officer'",
    )


def test_a_cluster_that_takes_no_jobs_is_told(tenant: Cli) -> None:
    where = f"{ARM}{tenant.spec['flink']}?api-version=2024-05-01-preview"
    answer = tenant.azure.request("PATCH", where, {"properties": {"status": "Stopped"}})
    assert answer.status == 200, answer.body

    both_are_told(tenant, "flink_cluster/flink: the cluster is Succeeded and Stopped", "az resource show --ids ")


def test_names_that_others_have_are_told(tenant: Cli) -> None:
    tenant.spec["waits"] = {"visible": "1s"}
    arm(tenant, "PUT", "/resourceGroups/rg-others", "2021-04-01", {"location": "westeurope"})
    account = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}}
    where = "/resourceGroups/rg-others/providers"
    arm(tenant, "PUT", f"{where}/Microsoft.Storage/storageAccounts/stflinklocal", "2023-05-01", account)
    arm(tenant, "PUT", f"{where}/Microsoft.KeyVault/vaults/kv-flink-local", "2023-07-01", vault(tenant))

    both_are_told(
        tenant,
        "Choose another vault name",
        "The storage account named stflinklocal is already taken",
        "Choose another account name",
    )


def vault(cli: Cli, location: str = "westeurope", **more: Any) -> dict[str, Any]:
    properties = {
        "tenantId": cli.azure.tenant_id,
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
        **more,
    }
    return {"location": location, "properties": properties}


@pytest.mark.parametrize("location", ["westeurope", "northeurope"])
def test_a_deleted_vault_of_somebody_keeps_the_name_until_a_date(tenant: Cli, location: str) -> None:
    arm(tenant, "PUT", "/resourceGroups/rg-others", "2021-04-01", {"location": "westeurope"})
    path = "/resourceGroups/rg-others/providers/Microsoft.KeyVault/vaults/kv-flink-local"
    body = vault(tenant, location, softDeleteRetentionInDays=7, enablePurgeProtection=True)
    arm(tenant, "PUT", path, "2023-07-01", body)
    arm(tenant, "DELETE", path, "2023-07-01")
    (deleted,) = arm(tenant, "GET", "/providers/Microsoft.KeyVault/deletedVaults", "2023-07-01")["value"]
    until = deleted["properties"]["scheduledPurgeDate"][:10]

    both_are_told(
        tenant,
        f"kept until {until}, and nobody can purge it before (purge protection)",
        f"`az keyvault recover --name kv-flink-local --location {location}`",
    )
    planned = tenant.done("plan")
    assert (f"a deleted one, kept until {until}" in planned.out) is (location == "westeurope")


def test_a_deleted_vault_of_ours_comes_back_and_the_plan_says_until_when_it_could(tenant: Cli) -> None:
    tenant.done("provision")
    tenant.done("teardown")

    said = tenant.done("doctor")

    assert "note: key_vault/kv-flink-local: it was deleted and will be recovered: kept until " in said.out
    planned = tenant.done("plan").out
    assert "create key_vault/kv-flink-local: it does not exist; a deleted one will be recovered, kept until " in planned
    tenant.done("provision")


def test_the_plan_of_a_teardown_tells_until_when_a_protected_vault_keeps_its_name(tenant: Cli) -> None:
    tenant.spec["vault"] = {"name": "kv-flink-local", "purge_protection": True, "retention_days": 30}
    tenant.done("provision")

    steps = {step["address"]: step for step in tenant.done("teardown", "--purge", "--json").json()["steps"]}

    (deleted,) = arm(tenant, "GET", "/providers/Microsoft.KeyVault/deletedVaults", "2023-07-01")["value"]
    until = (
        f"until {deleted['properties']['scheduledPurgeDate'][:10]}, and nobody can purge it before (purge protection)"
    )
    assert steps["key_vault/kv-flink-local"]["reason"] == f"owned; soft-deleted: its name and secrets are kept {until}"
    assert f"a deleted one will be recovered, kept {until}" in tenant.done("plan").out


def policy(cli: Cli, *rules: dict[str, Any]) -> None:
    consented(cli, "Application.ReadWrite.OwnedBy", "Policy.ReadWrite.ApplicationConfiguration")
    cli.azure.tokens.clear()
    answer = cli.azure.graph(
        "PATCH", POLICY, {"isEnabled": True, "applicationRestrictions": {"passwordCredentials": list(rules)}}
    )
    assert answer.status == 204, f"{GRAPH}: {answer.body!r}"


def test_a_tenant_that_admits_shorter_secrets_only_is_told(tenant: Cli) -> None:
    policy(tenant, {"restrictionType": "passwordLifetime", "state": "enabled", "maxLifetime": "P45D"})

    both_are_told(
        tenant, "client_secret/airflow: the tenant allows client secrets for 45 days, not 60", "{lifetime: 45d}"
    )

    tenant.spec["rotation"] = {"every": "20d", "lifetime": "45d"}
    assert "the tenant allows client secrets for 45 days" in tenant.done("doctor").out
    tenant.done("provision")


def test_a_tenant_that_admits_no_secrets_is_told_and_one_with_secrets_goes_on(tenant: Cli) -> None:
    policy(tenant)
    tenant.done("provision")
    policy(tenant, {"restrictionType": "passwordAddition", "state": "enabled"})

    said = tenant.done("doctor")
    assert "note: client_secret/airflow: the tenant's policy allows no client secrets" in said.out
    assert "Where Airflow is your own, write `principals.airflow.credential: {federated: …}`; else have" in said.out

    tenant.done("teardown")
    both_are_told(tenant, "the tenant's policy allows no client secrets")


def test_a_federated_credential_of_somebody_else_is_noted_though_the_principal_has_a_secret(provisioned: Cli) -> None:
    graph = provisioned.azure.graph
    (app,) = graph("GET", "applications?$filter=displayName eq 'local airflow'").json()["value"]
    backdoor = {"name": "backdoor", "issuer": "https://example.com", "subject": "anyone", "audiences": ["api://any"]}
    assert graph("POST", f"applications/{app['id']}/federatedIdentityCredentials", backdoor).status == 201

    said = provisioned.done("doctor")

    assert "note: client_secret/airflow: backdoor lets anyone of https://example.com sign in as it, too" in said.out


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"networkAcls": {"defaultAction": "Deny"}}, "Client address is not authorized"),
        ({"publicNetworkAccess": "Disabled"}, "Public network access is disabled"),
    ],
)
def test_a_vault_behind_a_firewall_is_no_matter_of_grants_or_waiting(
    tenant: Cli, settings: dict[str, Any], told: str
) -> None:
    arm(tenant, "PUT", GROUP, "2021-04-01", {"location": "westeurope"})
    path = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-flink-local"
    arm(tenant, "PUT", path, "2023-07-01", vault(tenant, **settings))

    both_are_told(tenant, told, "az keyvault network-rule add --name kv-flink-local")

    open_again = {"networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "127.0.0.1/32"}]}}
    arm(tenant, "PATCH", path, "2023-07-01", {"properties": {"publicNetworkAccess": "Enabled", **open_again}})
    assert "its firewall allows this machine" in tenant.done("doctor").out
    tenant.done("provision")


def test_an_account_behind_a_firewall_is_told(provisioned: Cli) -> None:
    path = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stflinklocal"
    acls = {"networkAcls": {"defaultAction": "Deny"}}
    arm(provisioned, "PATCH", path, "2023-05-01", {"properties": acls})

    both_are_told(provisioned, "az storage account network-rule add --account-name stflinklocal")


def test_a_missing_cluster_and_a_missing_right_are_told_together(tenant: Cli) -> None:
    consented(tenant, "Application.Read.All")
    tenant.spec["flink"] = str(tenant.spec["flink"]).replace("flink-cluster", "nowhere")

    both_are_told(tenant, "nowhere does not exist", "Application.ReadWrite.OwnedBy")


def test_on_the_public_cloud_it_says_what_was_retired_and_when(cli: Cli) -> None:
    cli.spec["cloud"], cli.spec["airflow"]["version"] = "public", "2.6.3"
    cli.env = cli.azure.env
    cli.azure.advance(720)

    said = cli.run_process("doctor", str(cli.file))

    assert said.code == 0, said.err
    assert "note: HDInsight on AKS was retired on 31 January 2025" in said.out
    assert "note: Data Factory has made no new Airflow runtimes since 1 January 2026" in said.out
    assert "note: this machine's clock is 12 minutes behind Azure's. `timedatectl set-ntp true`" in said.out
    cli.azure.reset()


def test_what_cannot_be_asked_is_not_known(tenant: Cli) -> None:
    tenant.azure.fault(fault="error", path="checkNameAvailability", status=403, code="AuthorizationFailed", times=None)

    said = tenant.done("doctor", "--json")

    assert {one["about"] for one in findings(said, "not known")} >= {
        "key_vault/kv-flink-local",
        "storage_account/stflinklocal",
    }


def test_a_policy_for_newer_applications_does_not_stop_older_ones(tenant: Cli) -> None:
    tenant.done("provision")
    rule = {"restrictionType": "passwordLifetime", "state": "enabled", "maxLifetime": "P45D"}
    policy(tenant, {**rule, "restrictForAppsCreatedAfterDateTime": "2099-01-01T00:00:00Z"})

    held = " ".join(one["what"] for one in findings(tenant.done("doctor", "--json"), "holds"))

    assert "the tenant allows client secrets for 60 days" in held
    tenant.done("rotate", "--force", "--yes")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"restrictionType": "passwordLifetime", "maxLifetime": "P45D"}, "set `rotation: {lifetime: …}`"),
        ({"restrictionType": "passwordAddition"}, "The tenant's policy allows no client secrets"),
    ],
)
def test_a_policy_that_the_caller_may_not_read_is_explained_by_its_refusal(
    tenant: Cli, rule: dict[str, Any], words: str
) -> None:
    policy(tenant, {**rule, "state": "enabled"})
    consented(tenant, "Application.ReadWrite.OwnedBy")

    said = tenant("provision")

    assert (said.code, words in said.out + said.err) == (3, True), said.out + said.err


CLOSED_ACCOUNT = "storage_account/stflinklocal: Data Factory's import cannot read it: "
CLOSED_VAULT = "key_vault/kv-flink-local: Airflow cannot read its secrets: "
HERE = {"ipRules": [{"value": "127.0.0.1"}]}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"publicNetworkAccess": "Disabled"}, "its public network access is disabled"),
        ({"networkAcls": {"defaultAction": "Deny", "bypass": "None"}}, "its firewall admits no network and no trusted"),
    ],
)
def test_an_account_that_the_import_cannot_reach_is_told(
    provisioned: Cli, settings: dict[str, Any], words: str
) -> None:
    path = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stflinklocal"
    arm(provisioned, "PATCH", path, "2023-05-01", {"properties": settings})

    both_are_told(provisioned, f"{CLOSED_ACCOUNT}{words}", "--bypass AzureServices")


def test_an_account_that_admits_trusted_services_is_noted(provisioned: Cli) -> None:
    path = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stflinklocal"
    acls = {"networkAcls": {"defaultAction": "Deny", "bypass": "AzureServices", **HERE}}
    arm(provisioned, "PATCH", path, "2023-05-01", {"properties": acls})

    noted = provisioned.done("doctor").out

    assert (
        "note: storage_account/stflinklocal: Data Factory imports DAGs only from accounts without a firewall" in noted
    )


def test_a_vault_that_airflow_cannot_reach_is_told_and_one_with_rules_is_noted(provisioned: Cli) -> None:
    path = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-flink-local"
    arm(provisioned, "PATCH", path, "2023-07-01", {"properties": {"networkAcls": {"defaultAction": "Deny"}}})
    both_are_told(provisioned, f"{CLOSED_VAULT}its firewall admits no network", "airflow-get-ip-airflow-cluster")

    acls = {"defaultAction": "Deny", "ipRules": [{"value": "127.0.0.1/32"}]}
    arm(provisioned, "PATCH", path, "2023-07-01", {"properties": {"networkAcls": acls}})
    noted = provisioned.done("doctor").out
    assert "note: key_vault/kv-flink-local: its rules have to admit the addresses of Airflow's cluster" in noted


def test_a_policy_for_newer_applications_does_not_stop_an_older_one_that_is_adopted(tenant: Cli) -> None:
    client_id, _ = tenant.azure.new_client("made by hand")
    adopted = {"role": "Key Vault Secrets User", "application": {"client_id": client_id}}
    tenant.spec["principals"] = {"airflow": adopted}
    created = tenant.azure.graph("GET", f"applications(appId='{client_id}')").json()["createdDateTime"]
    tenant.azure.advance(3600)
    rule = {"restrictionType": "passwordLifetime", "state": "enabled", "maxLifetime": "P45D"}
    policy(tenant, {**rule, "restrictForAppsCreatedAfterDateTime": created.replace("Z", "").split(".")[0][:-2] + "59Z"})

    stops = {one["about"] for one in findings(tenant("doctor", "--json"), "stops")}

    assert stops == {"client_secret/flink-api"}
