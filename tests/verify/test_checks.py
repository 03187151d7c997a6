"""`verify` makes each check; one whose answer is unknown neither passes nor fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator import ARM

if TYPE_CHECKING:
    from tests.command_line import Cli, Said
    from tests.emulator import LocalAzure

PLATFORM = "/resourceGroups/flink-platform/providers"
RUNTIME = f"{PLATFORM}/Microsoft.DataFactory/factories/flink-factory-local/integrationruntimes/airflow-local"
CLUSTER = f"{PLATFORM}/Microsoft.HDInsight/clusterpools/flink-pool/clusters/flink-cluster"
VAULT = "/resourceGroups/flink-local/providers/Microsoft.KeyVault/vaults/kv-flink-local"
ACCOUNT = "/resourceGroups/flink-local/providers/Microsoft.Storage/storageAccounts/stflinklocal"
ASSIGNMENTS = "providers/Microsoft.Authorization/roleAssignments"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
SECRETS_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
BLOB_DATA_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
VARIABLES = ["variable api-client-id", "variable api-secret", "variable tenant-id", "variable greeting"]
PARSED, JAR, READS_JAR = "Airflow has parsed the DAG", "the job's jar", "the cluster's identity reads the jar"
API, USES = "flink-api signs in", "flink-api may use the Flink cluster"


def states(said: Said) -> dict[str, str]:
    """The state of each check; a document that counts wrong fails the test."""
    document = said.json()
    found = {one["what"]: one["state"] for one in document["findings"]}
    assert document["summary"] == {s: list(found.values()).count(s) for s in ("ok", "failed", "not known")}
    return found


def told(said: Said, what: str) -> str:
    return next(one["told"] for one in said.json()["findings"] if one["what"] == what)


def settings(azure: LocalAzure) -> dict[str, str]:
    """The variables of the Airflow runtime."""
    runtime = azure.request("GET", f"{ARM}{azure.subscription}{RUNTIME}?api-version=2018-06-01").json()
    return runtime["properties"]["typeProperties"]["airflowProperties"]["airflowEnvironmentVariables"]


def set_settings(azure: LocalAzure, **changed: str) -> None:
    """A hand edit of the runtime."""
    url = f"{ARM}{azure.subscription}{RUNTIME}?api-version=2018-06-01"
    runtime = azure.request("GET", url).json()
    airflow = runtime["properties"]["typeProperties"]["airflowProperties"]
    airflow["airflowEnvironmentVariables"].update(changed)
    assert azure.request("PUT", url, {"properties": runtime["properties"]}).status == 200


def grants(azure: LocalAzure, scope: str, role: str) -> list[dict[str, Any]]:
    """The assignments of a role made at that scope, but the operator's."""
    at = f"{ARM}{azure.subscription}{scope}/{ASSIGNMENTS}?api-version=2022-04-01&$filter=atScope()"
    found = azure.request("GET", at).json()["value"]
    mine = azure.graph("GET", f"servicePrincipals(appId='{azure.operator_client_id}')").json()["id"]
    ours = [one for one in found if one["properties"]["principalId"] != mine]
    here = [one for one in ours if one["properties"]["scope"].lower() == f"{azure.subscription}{scope}".lower()]
    return [one for one in here if one["properties"]["roleDefinitionId"].endswith(role)]


def revoke(azure: LocalAzure, scope: str, role: str) -> str:
    """Take the one such grant away; whose it was."""
    (grant,) = grants(azure, scope, role)
    assert azure.request("DELETE", f"{ARM}{grant['id']}?api-version=2022-04-01").status == 200
    return str(grant["properties"]["principalId"])


def test_every_link_of_what_was_provisioned_holds(provisioned: Cli) -> None:
    said = provisioned.done("verify", "--json")
    found = states(said)
    assert found.pop(PARSED) == "not known"  # no real Airflow is up behind this runtime
    assert list(found) == ["airflow signs in", *VARIABLES, "connection counts", API, USES, JAR, READS_JAR]
    assert set(found.values()) == {"ok"}
    assert provisioned.writes() == []


def test_it_says_one_line_for_each_and_no_secret(provisioned: Cli) -> None:
    said = provisioned.done("verify")
    assert len(said.out.splitlines()) == 12
    assert said.out.splitlines()[-1].startswith("local: 10 ok, 0 failed, 1 not known")
    mine = settings(provisioned.azure)["AZURE_CLIENT_SECRET"]
    vault = provisioned.azure.token("https://vault.azure.net")
    url = "https://kv-flink-local.vault.azure.net/secrets/hdinsight-aks-variables-api-secret?api-version=7.4"
    other = provisioned.azure.request("GET", url, token=vault).json()["value"]
    assert mine not in said.out + said.err
    assert other not in said.out + said.err


def test_without_its_role_on_the_vault_airflow_reads_no_variable(provisioned: Cli) -> None:
    revoke(provisioned.azure, VAULT, SECRETS_OFFICER)
    said = provisioned("verify", "--json")
    found = states(said)
    assert said.code == 4
    assert found["airflow signs in"] == "ok"
    assert {found[what] for what in [*VARIABLES, "connection counts"]} == {"failed"}
    assert "Caller is not authorized" in told(said, "variable api-secret")
    assert (found[API], found[USES], found[JAR]) == ("not known", "not known", "ok")


def test_a_secret_that_is_not_airflows_signs_nobody_in(provisioned: Cli) -> None:
    set_settings(provisioned.azure, AZURE_CLIENT_SECRET="not-the-one")
    said = provisioned("verify", "--json")
    assert (said.code, states(said)["airflow signs in"]) == (4, "failed")
    assert "AADSTS7000215" in told(said, "airflow signs in")
    assert "rotate --only airflow" in told(said, "airflow signs in")
    assert "not-the-one" not in said.out


def test_what_the_runtime_hides_is_not_known(provisioned: Cli) -> None:
    provisioned.azure.control("PUT", "/settings/airflow", {"mask_variables": True})
    found = states(provisioned.done("verify", "--json"))
    assert (found["airflow signs in"], found[API], found[USES]) == ("not known",) * 3
    assert (found[JAR], found[READS_JAR]) == ("ok", "ok")


def test_settings_that_are_no_json_lead_to_no_vault(provisioned: Cli) -> None:
    set_settings(provisioned.azure, AIRFLOW__SECRETS__BACKEND_KWARGS='"{"vault_url": …}”')
    said = provisioned("verify", "--json")
    assert (said.code, states(said)["airflow reads its variables"]) == (4, "failed")


def test_a_variable_is_looked_for_where_the_deployed_prefix_leads(provisioned: Cli) -> None:
    kwargs = '{"variables_prefix": "other", "vault_url": "https://kv-flink-local.vault.azure.net/"}'
    set_settings(provisioned.azure, AIRFLOW__SECRETS__BACKEND_KWARGS=kwargs)
    said = provisioned("verify", "--json")
    assert states(said)["variable greeting"] == "failed"
    assert "kv-flink-local has no secret other-greeting" in told(said, "variable greeting")


def test_another_jar_than_the_specs_is_told(provisioned: Cli) -> None:
    lake = provisioned.azure.token("https://storage.azure.com")
    blob = "https://stflinklocal.blob.core.windows.net/jobs/wordcount.jar"
    sent = {"x_ms_blob_type": "BlockBlob", "x_ms_version": "2023-11-03"}
    assert provisioned.azure.request("PUT", blob, b"PK other", headers=sent, token=lake).status == 201
    said = provisioned("verify", "--json")
    assert (said.code, states(said)[JAR]) == (1, "failed")
    assert "it was not uploaded by this tool" in told(said, JAR)


def test_the_clusters_identity_without_its_role_cannot_read_the_jar(provisioned: Cli) -> None:
    identity = revoke(provisioned.azure, ACCOUNT, BLOB_DATA_OWNER)
    said = provisioned("verify", "--json")
    assert (said.code, states(said)[READS_JAR]) == (4, "failed")
    assert identity in told(said, READS_JAR)


def test_a_role_of_the_clusters_identity_with_a_condition_is_not_known(provisioned: Cli) -> None:
    (grant,) = grants(provisioned.azure, ACCOUNT, BLOB_DATA_OWNER)
    condition = {"condition": "@Resource[x] StringEquals 'y'", "conditionVersion": "2.0"}
    body = {"properties": {**grant["properties"], **condition}}
    assert provisioned.azure.request("PUT", f"{ARM}{grant['id']}?api-version=2022-04-01", body).status == 201
    said = provisioned.done("verify", "--json")
    assert states(said)[READS_JAR] == "not known"
    assert told(said, READS_JAR).startswith("because its role has a condition")


@pytest.mark.parametrize(("instead", "why"), [("", "cannot read the cluster"), (READER, "runjob/action")])
def test_the_apis_principal_needs_its_role_on_the_cluster(provisioned: Cli, instead: str, why: str) -> None:
    azure = provisioned.azure
    principal = revoke(azure, CLUSTER, CONTRIBUTOR)
    if instead:
        role = f"{azure.subscription}/providers/Microsoft.Authorization/roleDefinitions/{instead}"
        body = {"roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal"}
        name = f"{azure.subscription}{CLUSTER}/{ASSIGNMENTS}/8e2c1c9e-0f0a-4a52-8d6b-2f0f9f0e7a11"
        assert azure.request("PUT", f"{ARM}{name}?api-version=2022-04-01", {"properties": body}).status == 201
    said = provisioned("verify", "--json")
    assert (said.code, states(said)[API], states(said)[USES]) == (4, "ok", "failed")
    assert why in told(said, USES)


def test_a_further_principal_signs_in_with_its_own_variables_or_its_secret(provisioned: Cli) -> None:
    role = {"role": "Reader"}
    provisioned.spec["principals"] = {
        "reports": role,
        "silent": {**role, "variables_prefix": "", "secrets": ["silent-secret"]},
    }
    provisioned.done("provision")
    found = states(provisioned.done("verify", "--json"))
    assert (found["reports signs in"], found["silent signs in"]) == ("ok", "ok")
    assert (found["variable reports-client-id"], found["variable reports-secret"]) == ("ok", "ok")


def test_where_nothing_was_provisioned_it_says_what_to_do(cli: Cli) -> None:
    said = cli("verify", "--json")
    assert said.code == 4
    assert states(said)["airflow signs in"] == "failed"
    assert "provisioner provision" in told(said, "airflow signs in")


def test_an_azure_that_fails_leaves_links_unknown(provisioned: Cli) -> None:
    provisioned.azure.fault(fault="error", host="vault", status=500, times=None)
    found = states(provisioned.done("verify", "--json"))
    assert {found[what] for what in VARIABLES} == {"not known"}
