"""A plan tells what changed in Azure from what changed in the file; what is replaced or torn down by its address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.commands.test_lifecycle import secret

if TYPE_CHECKING:
    from tests.command_line import Cli

DAG = "dag_file/airflow/dags/flink_wordcount.py"
GRANT = "role_assignment/airflow.key-vault-secrets-officer"
GREETING = "vault_secret/hdinsight-aks-variables-greeting"
JAR_URL = "https://stflinklocal.dfs.core.windows.net/jobs/wordcount.jar"


def origins(cli: Cli) -> dict[str, str]:
    return {step["address"]: step["origin"] for step in cli.done("plan", "--json").json()["steps"] if "origin" in step}


def delete_the_jar(cli: Cli) -> None:
    token = cli.azure.token("https://storage.azure.com")
    assert cli.azure.request("DELETE", JAR_URL, headers={"x_ms_version": "2023-11-03"}, token=token).status == 200


def test_a_plan_tells_what_changed_in_azure_from_what_changed_in_the_file(provisioned: Cli) -> None:
    delete_the_jar(provisioned)
    secret(provisioned, "PUT", "hdinsight-aks-variables-greeting", {"value": "changed in the portal"})
    provisioned.spec["variables"]["another"] = "value"
    provisioned.spec["dag"] = {"schedule": "0 6 * * *"}

    assert origins(provisioned) == {
        "job_jar/jobs/wordcount.jar": "azure",
        GREETING: "azure",
        "vault_secret/hdinsight-aks-variables-another": "file",
        DAG: "file",
        "dag_import/FlinkWordCountExample": "file",
    }
    text = provisioned.done("plan").out
    azure, file = text.index("Changed in Azure since the last provision:"), text.index("Changed in the file:")
    assert azure < text.index("+ create job_jar/jobs/wordcount.jar: it was deleted") < file
    assert file < text.index("+ create vault_secret/hdinsight-aks-variables-another: it does not exist")
    assert """      -    "schedule": None,\n      +    "schedule": '0 6 * * *',""" in text
    provisioned.done("provision")
    assert origins(provisioned) == {}


def test_a_plan_is_a_comment_for_a_pull_request(provisioned: Cli) -> None:
    provisioned.spec["variables"]["another"] = "hush-hush"

    text = provisioned.done("plan", "--markdown").out

    assert text.startswith("<!-- provisioner plan local -->\n### Plan of local: 1 create; ")
    assert "| + create | `vault_secret/hdinsight-aks-variables-another` | it does not exist |" in text
    assert "hush-hush" not in text
    assert provisioned("plan", "--markdown", "--json").code == 1


def test_a_variable_of_the_file_is_not_taken_for_an_edit_in_azure(provisioned: Cli) -> None:
    provisioned.spec["variables"]["greeting"] = "hush-hush"

    assert origins(provisioned) == {GREETING: "file"}


def test_a_first_plan_has_no_headings_and_names_in_place_of_ids(cli: Cli) -> None:
    text = cli.done("plan").out

    assert "Changed in" not in text
    assert "      environment: local\n" in text
    assert "principal_id: flink_cluster/flink (identity object id)" in text
    assert "Ref(" not in text


def test_the_grant_of_an_application_that_was_deleted_is_no_change_of_the_file(provisioned: Cli) -> None:
    found = provisioned.azure.graph("GET", "applications").json()["value"]
    application = next(one["id"] for one in found if one["displayName"] == "local airflow")
    for path in (f"applications/{application}", f"directory/deletedItems/{application}"):
        assert provisioned.azure.graph("DELETE", path).status == 204

    steps = provisioned.done("plan", "--json").json()["steps"]

    (grant,) = (s for s in steps if s["action"] == "delete" and s["address"].startswith("role_assignment/"))
    where = "Key Vault Secrets Officer on vaults/kv-flink-local"
    assert (grant["reason"], grant["origin"]) == (f"{where}: its principal was deleted in Azure", "azure")


def test_what_is_named_is_replaced_though_it_is_as_declared(provisioned: Cli) -> None:
    assert provisioned.done("plan", "--json", "--replace", GRANT).actions() == {GRANT: "replace"}

    done = provisioned.done("provision", "--yes", "--json", "--replace", GRANT)

    outcomes = {s["address"]: s["outcome"] for s in done.json()["steps"] if s["outcome"] != "unchanged"}
    assert outcomes == {GRANT: "done"}
    assert [call.split()[0] for call in provisioned.writes() if "roleAssignments/" in call] == ["DELETE", "PUT"]
    assert provisioned("plan", "--detailed-exitcode").code == 0


def test_what_would_lose_something_is_not_replaced(provisioned: Cli) -> None:
    said = provisioned("provision", "--replace", "key_vault/kv-flink-local")

    assert (said.code, provisioned.writes()) == (4, [])
    assert "what is in it would be lost" in said.err
    assert "--replace" in provisioned("plan", "--replace", GRANT, "--out", str(provisioned.file)).err


def test_a_teardown_of_one_address_takes_what_depends_on_it_and_no_more(provisioned: Cli) -> None:
    planned = provisioned.done("teardown", "--plan-only", "--json", "--only", "filesystem/jobs").actions()
    assert planned == {"filesystem/jobs": "delete", "job_jar/jobs/wordcount.jar": "delete"}

    done = provisioned.done("teardown", "--json", "--only", "filesystem/jobs").json()

    assert {s["address"] for s in done["steps"] if s["outcome"] == "done"} == set(planned)
    assert provisioned.done("plan", "--json").actions() == dict.fromkeys(planned, "create")
    assert provisioned("teardown", "--only", "filesystem/job").code == 1
