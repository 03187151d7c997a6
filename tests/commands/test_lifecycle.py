from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator import ARM

if TYPE_CHECKING:
    from tests.command_line import Cli

GROUP = "/resourceGroups/flink-local"
VAULT = "https://kv-flink-local.vault.azure.net"
LAKE = "https://stflinklocal.dfs.core.windows.net"
PLATFORM = "/resourceGroups/flink-platform/providers"
ID = "0a05bbc5-f0cb-5d6b-a02d-2b390f031b4c"  # of environments/local.yaml in the local tenant
FACTORY = f"{PLATFORM}/Microsoft.DataFactory/factories/flink-factory-local"


def arm(cli: Cli, method: str, path: str, version: str, body: Any = None) -> Any:
    answer = cli.azure.request(method, f"{ARM}{cli.azure.subscription}{path}?api-version={version}", body)
    return answer.json() if answer.body else {"status": answer.status}


def secret(cli: Cli, method: str, name: str, body: Any = None) -> Any:
    url = f"{VAULT}/secrets/{name}?api-version=7.4"
    return cli.azure.request(method, url, body, token=cli.azure.token("https://vault.azure.net")).json()


def ours_anywhere(cli: Cli) -> list[str]:
    """Whatever bears an environment's mark, on every plane that can be listed without a right of ours."""
    groups = arm(cli, "GET", "/resourcegroups", "2021-04-01")["value"]
    resources = arm(cli, "GET", "/resources", "2021-04-01")["value"]
    grants = arm(cli, "GET", "/providers/Microsoft.Authorization/roleAssignments", "2022-04-01")["value"]
    linked = arm(cli, "GET", f"{FACTORY}/linkedservices", "2018-06-01")["value"]
    runtimes = arm(cli, "GET", f"{FACTORY}/integrationruntimes", "2018-06-01")["value"]
    directory = [
        shown
        for path in ("applications", "servicePrincipals")
        for where in (path, f"directory/deletedItems/microsoft.graph.{path[:-1]}")
        for shown in cli.azure.graph("GET", where).json()["value"]
    ]
    found = [*groups, *resources, *grants, *linked, *runtimes, *directory]
    return [str(one.get("id")) for one in found if ID in str(one)]


def test_a_second_provision_changes_nothing_and_a_teardown_leaves_nothing(cli: Cli) -> None:
    assert cli.done("provision").out.splitlines()[-1].startswith("local: 28 created")
    cli.forget_calls()

    again = cli.done("provision", "--json").json()

    assert {step["outcome"] for step in again["steps"]} == {"unchanged"}
    assert cli.writes() == []
    assert ours_anywhere(cli) != []
    cli.done("teardown")
    assert ours_anywhere(cli) == []


def test_a_provision_after_a_teardown_recovers_the_vault_and_its_secrets(cli: Cli) -> None:
    cli.done("provision")
    cli.done("teardown")

    cli.done("provision")

    assert secret_of_vault(cli)["properties"]["enableRbacAuthorization"] is True
    assert cli("plan", "--detailed-exitcode").code == 0


def secret_of_vault(cli: Cli) -> Any:
    return arm(cli, "GET", f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-flink-local", "2023-07-01")


def test_a_purging_teardown_keeps_no_soft_deleted_vault(cli: Cli) -> None:
    cli.done("provision")

    cli.done("teardown", "--purge")

    assert arm(cli, "GET", "/providers/Microsoft.KeyVault/deletedVaults", "2023-07-01")["value"] == []


def test_what_is_made_has_safe_defaults(cli: Cli) -> None:
    cli.done("provision")

    account = arm(cli, "GET", f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stflinklocal", "2023-05-01")
    wanted = {
        "isHnsEnabled": True,
        "allowSharedKeyAccess": False,
        "allowBlobPublicAccess": False,
        "minimumTlsVersion": "TLS1_2",
        "supportsHttpsTrafficOnly": True,
    }
    assert wanted.items() <= account["properties"].items()


def test_tags_of_the_spec_are_set_and_tags_of_others_stay(cli: Cli) -> None:
    cli.spec["tags"] = {"team": "data"}
    cli.done("provision")
    arm(cli, "PATCH", GROUP, "2021-04-01", {"tags": {**group_tags(cli), "theirs": "yes"}})
    cli.spec["tags"] = {"team": "flink"}

    cli.done("provision")

    assert {"team": "flink", "theirs": "yes"}.items() <= group_tags(cli).items()


def group_tags(cli: Cli) -> dict[str, str]:
    return dict(arm(cli, "GET", GROUP, "2021-04-01")["tags"])


def test_a_secret_edited_by_hand_is_drift_and_repaired(cli: Cli) -> None:
    cli.done("provision")
    for name in ("hdinsight-aks-variables-greeting", "hdinsight-aks-variables-api-secret"):
        secret(cli, "PUT", name, {"value": "sentinel-by-hand"})

    planned = cli("plan", "--json", "--detailed-exitcode")

    assert planned.code == 2
    assert planned.actions() == {
        "vault_secret/hdinsight-aks-variables-greeting": "update",
        "vault_secret/hdinsight-aks-variables-api-secret": "update",
    }
    cli.done("provision")
    assert secret(cli, "GET", "hdinsight-aks-variables-greeting")["value"] == "hello from the vault"
    assert secret(cli, "GET", "hdinsight-aks-variables-api-secret")["value"] != "sentinel-by-hand"
    assert cli("plan", "--detailed-exitcode").code == 0


def test_a_variable_that_the_spec_no_longer_names_is_deleted_after_a_yes(cli: Cli) -> None:
    cli.done("provision")
    cli.spec["variables"] = {}

    refused = cli("provision")
    cli.done("provision", "--yes")

    assert (refused.code, "add `--yes`" in refused.err) == (1, True)
    assert secret(cli, "GET", "hdinsight-aks-variables-greeting")["error"]["code"] == "SecretNotFound"


def test_each_principal_can_do_what_it_is_for_and_no_more(cli: Cli) -> None:
    from provisioner.secret import Secret

    cli.done("provision")
    runtime = arm(cli, "GET", f"{FACTORY}/integrationruntimes/airflow-local", "2018-06-01")
    variables = runtime["properties"]["typeProperties"]["airflowProperties"]["airflowEnvironmentVariables"]
    airflow = (variables["AZURE_CLIENT_ID"], Secret(variables["AZURE_CLIENT_SECRET"]))

    def as_airflow(name: str) -> Any:
        token = cli.azure.token("https://vault.azure.net", *airflow)
        return cli.azure.request("GET", f"{VAULT}/secrets/{name}?api-version=7.4", token=token).json()

    api = (
        as_airflow("hdinsight-aks-variables-api-client-id")["value"],
        Secret(as_airflow("hdinsight-aks-variables-api-secret")["value"]),
    )
    cluster = (
        f"{ARM}{cli.azure.subscription}{PLATFORM}/Microsoft.HDInsight/clusterpools/flink-pool/clusters/flink-cluster"
    )
    read = f"{cluster}?api-version=2024-05-01-preview"
    assert cli.azure.request("GET", read, token=cli.azure.token(ARM, *api)).status == 200
    assert cli.azure.request("GET", read, token=cli.azure.token(ARM, *airflow)).status == 403
    shut = f"{VAULT}/secrets/hdinsight-aks-variables-api-secret?api-version=7.4"
    token = cli.azure.token("https://vault.azure.net", *api)
    assert cli.azure.request("GET", shut, token=token).status == 403


def test_an_unchanged_jar_sends_no_bytes_and_a_changed_one_replaces_it(cli: Cli) -> None:
    import zipfile
    from pathlib import Path

    cli.done("provision")
    cli.forget_calls()
    Path(cli.spec["job"]).touch()
    cli.done("provision")
    assert cli.writes() == []

    with zipfile.ZipFile(cli.spec["job"], "a") as jar:
        jar.writestr("more.txt", "more")
    assert cli("plan", "--json").actions() == {"job_jar/jobs/wordcount.jar": "update"}
    cli.done("provision")

    token = cli.azure.token("https://storage.azure.com")
    answer = cli.azure.request(
        "HEAD", f"{LAKE}/jobs/wordcount.jar", token=token, headers={"x-ms-version": "2023-11-03"}
    )
    assert int(answer.headers["content-length"]) == Path(cli.spec["job"]).stat().st_size


def test_a_stranger_in_a_container_of_ours_keeps_it_until_its_contents_may_go(cli: Cli) -> None:
    cli.done("provision")
    secret(cli, "PUT", "theirs", {"value": "not ours"})

    kept = cli("teardown")

    assert kept.code == 3
    assert "remains key_vault/kv-flink-local: it contains" in kept.out
    assert "theirs" in kept.out
    cli.done("teardown", "--with-contents")
    assert ours_anywhere(cli) == []


def test_an_adopted_vault_is_never_changed_and_never_deleted(cli: Cli) -> None:
    arm(cli, "PUT", GROUP, "2021-04-01", {"location": "westeurope"})
    body = {
        "location": "westeurope",
        "properties": {
            "tenantId": cli.azure.tenant_id,
            "sku": {"family": "A", "name": "premium"},
            "enableRbacAuthorization": True,
        },
    }
    path = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv-flink-local"
    before = arm(cli, "PUT", path, "2023-07-01", body)

    cli.azure.control("DELETE", "/calls")
    cli.done("provision")
    paths = [call["path"] for call in cli.azure.control("GET", "/calls")["calls"]]
    assert sum(path.endswith("/addPassword") for path in paths) == 2  # none before the caller may write into the vault
    cli.done("teardown")

    assert arm(cli, "GET", path, "2023-07-01")["properties"]["sku"] == before["properties"]["sku"]
    assert arm(cli, "GET", path, "2023-07-01").get("tags", {}) == {}


@pytest.mark.parametrize(
    ("place", "version", "body", "reason"),
    [
        (
            "Microsoft.KeyVault/vaults/kv-flink-local",
            "2023-07-01",
            {"sku": {"family": "A", "name": "standard"}, "accessPolicies": [], "enableRbacAuthorization": False},
            "access polic",
        ),
        (
            "Microsoft.Storage/storageAccounts/stflinklocal",
            "2023-05-01",
            {"isHnsEnabled": False},
            "hierarchical namespace",
        ),
    ],
    ids=["vault with access policies", "account without hierarchical namespace"],
)
def test_what_cannot_serve_is_refused_with_the_reason_before_the_first_write(
    cli: Cli, place: str, version: str, body: dict[str, Any], reason: str
) -> None:
    arm(cli, "PUT", GROUP, "2021-04-01", {"location": "westeurope"})
    properties = {"tenantId": cli.azure.tenant_id, **body} if "KeyVault" in place else body
    more = {} if "KeyVault" in place else {"sku": {"name": "Standard_LRS"}, "kind": "StorageV2"}
    arm(cli, "PUT", f"{GROUP}/providers/{place}", version, {"location": "westeurope", "properties": properties, **more})
    cli.forget_calls()

    said = cli("provision")

    assert said.code == 4
    assert reason in said.err.lower()
    assert cli.writes() == []


def test_a_caller_who_may_not_read_yet_is_let_in_first_and_the_rest_decided_after_it(cli: Cli) -> None:
    cli.done("provision")
    grants = arm(cli, "GET", "/providers/Microsoft.Authorization/roleAssignments", "2022-04-01")["value"]
    for one in grants:
        if "/access" in str(one["properties"].get("description")):
            cli.azure.request("DELETE", f"{ARM}{one['id']}?api-version=2022-04-01")

    planned = cli("plan", "--json").json()

    deferred = [step for step in planned["steps"] if step["action"] == "defer"]
    assert planned["summary"]["access"] == 2
    assert {"caller_access/vault"} == {
        w for s in deferred if s["address"].startswith("vault_secret/") for w in s["waits_on"]
    }
    assert cli.done("provision").code == 0
    assert cli("plan", "--detailed-exitcode").code == 0


def test_a_teardown_is_shown_without_being_done(provisioned: Cli) -> None:
    provisioned.forget_calls()

    planned = provisioned.done("teardown", "--plan-only", "--json")

    assert set(planned.actions().values()) == {"delete"}
    assert "- delete key_vault/kv-flink-local" in provisioned.done("teardown", "--plan-only").out
    assert provisioned.writes() == []


def test_a_teardown_of_a_protected_environment_is_refused(cli: Cli) -> None:
    cli.spec["protected"] = True

    said = cli("teardown")

    assert (said.code, "protected" in said.err) == (1, True)
