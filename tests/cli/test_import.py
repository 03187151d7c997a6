"""`import`: a setup made by hand, by the article's steps, becomes an environment that adopts it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from localazure.app.tenant import SEEDED_CLUSTER, SEEDED_FACTORY
from tests.article_world import DAG, GROUP, PREFIX, RUNTIME, VAULT, ByHand

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Cli, Said

FIRST = {
    "airflow_runtime/airflow",
    "client_secret/airflow",
    "client_secret/flink-api",
    "dag_file/airflow/dags/wordcount.py",
    "dag_import/FlinkWordCountExample",
    "job_jar/jobs/WordCount.jar",
    "linked_service/provisioner-byhand",
    "lock_container/lock",
    "role_assignment/data-factory.storage-blob-data-reader",
    "vault_secret/hdinsight-aks-variables-api-secret",
}
OTHER_RUNTIME = {
    "properties": {
        "type": "Airflow",
        "typeProperties": {
            "computeProperties": {"computeSize": "Small"},
            "airflowProperties": {"airflowVersion": "2.6.3"},
        },
    }
}
IDS = ("--cloud", "local", "--factory", SEEDED_FACTORY, "--cluster", SEEDED_CLUSTER)
pytestmark = pytest.mark.shows_secrets("files", why="the steps of the article put a password into a runtime's settings")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the tool runs."""
    place = tmp_path / "empty"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


def imported(cli: Cli, *more: str) -> Said:
    said = cli.run("import", "byhand", *IDS, *more)
    assert said.code == 0, said.out + said.err
    return said


def spec(folder: Path) -> Any:
    return yaml.safe_load((folder / "environments/byhand.yaml").read_text())


def test_a_setup_made_by_the_articles_steps_is_adopted_as_it_is(cli: Cli, folder: Path) -> None:
    world = ByHand(azure=cli.azure).follow()
    cli.forget_calls()

    said = imported(cli)

    assert cli.writes() == []
    fields = spec(folder)
    assert (fields["vault"], fields["storage_account"]) == (VAULT, {"name": "stbyhand", "filesystem": "jobs"})
    assert (fields["resource_group"], fields["location"]) == (GROUP, "westeurope")
    assert fields["principals"] == {
        "airflow": {"role": "Key Vault Secrets Officer", "application": {"client_id": world.airflow["appId"]}},
        "flink-api": {"role": "Contributor", "application": {"client_id": world.api["appId"]}},
    }
    assert fields["job"] == {"jar": "byhand/WordCount.jar", "role": "Storage Blob Data Owner"}
    assert fields["dag"] == {"template": "byhand/wordcount.py", "file": "wordcount.py", "id": "FlinkWordCountExample"}
    assert (folder / "environments/byhand/wordcount.py").read_text() == DAG
    assert "note: the runtime's other settings stay as they are: TEAM" in said.err
    assert "note: variables that stay in the vault as they are: greeting" in said.err
    assert world.airflow["password"] not in said.out + said.err + (folder / "environments/byhand.yaml").read_text()
    assert shown(said) == FIRST


@pytest.mark.usefixtures("folder")
def test_the_first_provision_changes_what_import_showed_and_a_teardown_leaves_what_was_there(cli: Cli) -> None:
    world = ByHand(azure=cli.azure).follow()
    imported(cli)

    provisioned = cli.run("provision", "byhand", "--yes", "--json")
    assert provisioned.code == 0, provisioned.err
    steps = provisioned.json()["steps"]
    assert {one["address"] for one in steps if one["outcome"] == "done"} == FIRST
    assert cli.run("plan", "byhand", "--detailed-exitcode").code == 0
    variables = ByHand(azure=cli.azure).variables()
    assert (variables["TEAM"], variables["AZURE_CLIENT_ID"]) == ("data", world.airflow["appId"])
    assert variables["AZURE_CLIENT_SECRET"] != world.airflow["password"]
    assert cli.run("teardown", "byhand", "--yes").code == 0
    assert ByHand(azure=cli.azure).stands()


def shown(said: Said) -> set[str]:
    """The addresses that the plan at the end of `import` changes."""
    return {line.split()[2].rstrip(":") for line in said.out.splitlines() if re.match(r"[+~↻-] \w+ \w+/", line)}


def test_what_cannot_be_found_out_is_noted_and_chosen_by_an_option(cli: Cli, folder: Path) -> None:
    by_hand = ByHand(azure=cli.azure)
    by_hand.follow()
    by_hand.upload("jobs", "lib/other.jar", b"another")
    by_hand.upload("airflow", "dags/broken.py", b"def (")
    by_hand.arm("PUT", f"{SEEDED_FACTORY}/integrationruntimes/other", "2018-06-01", OTHER_RUNTIME)

    several = cli.run("import", "byhand", *IDS)
    assert (several.code, "has 2 Airflow runtimes" in several.err) == (4, True)
    one = ("--factory", f"{SEEDED_FACTORY}/integrationruntimes/{RUNTIME}")
    wrong = cli.run("import", "byhand", *IDS, *one)
    assert "which file is the jar; there are: jobs/WordCount.jar, jobs/lib/other.jar. Choose with --jar" in wrong.err
    assert "which file is the dag; there are: airflow/dags/broken.py, airflow/dags/wordcount.py" in wrong.err
    assert "put the job's jar at environments/byhand/job.jar" in wrong.err
    assert (wrong.code, "jar: does not exist" in wrong.err) == (1, True)
    (folder / "environments/byhand.yaml").unlink()

    chosen = imported(cli, *one, "--jar", "jobs/WordCount.jar", "--dag", "airflow/dags/wordcount.py")
    assert "not found out" not in chosen.err


def test_overrides_of_the_portal_are_named_since_no_plan_can_change_them(cli: Cli, folder: Path) -> None:
    ByHand(azure=cli.azure, overrides=True).follow()
    said = cli.run("import", "byhand", *IDS)
    assert "remove from the runtime's configuration overrides first: AIRFLOW__SECRETS__BACKEND, " in said.err
    assert (said.code, "also in airflowConfigurationOverrides. remove it there in the portal" in said.err) == (4, True)
    assert spec(folder)["vault"] == VAULT


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (("--cluster", SEEDED_CLUSTER), "it is not known which airflow is meant. Give its full id: --factory"),
        (("--factory", SEEDED_FACTORY), "has 0 Airflow runtimes that you may read"),
        (("--factory", SEEDED_FACTORY, "--cluster", f"{SEEDED_CLUSTER}x"), "has 0 Airflow runtimes"),
        ((), "no subscription is named"),
        (("--factory", SEEDED_FACTORY, "--vault", VAULT), "nobody can be asked here. Add --set flink.url"),
    ],
)
def test_what_has_to_be_named_is_asked_for(cli: Cli, folder: Path, options: tuple[str, ...], wrong: str) -> None:
    said = cli.run("import", "byhand", "--cloud", "local", *options)
    assert (said.code, wrong in said.err) == (4, True), said.err
    assert list(folder.iterdir()) == []


def test_a_setup_without_its_principals_roles_or_vault_says_so(cli: Cli, folder: Path) -> None:
    by_hand = ByHand(azure=cli.azure)
    by_hand.arm("PUT", f"{SEEDED_FACTORY}/integrationruntimes/{RUNTIME}", "2018-06-01", OTHER_RUNTIME)
    assert "Airflow's settings name no vault" in cli.run("import", "byhand", *IDS).err
    assert "no vault that you may read" in cli.run("import", "byhand", *IDS, "--vault", "kv-nowhere").err
    by_hand.arm("PUT", f"/resourceGroups/{GROUP}", "2021-04-01", {"location": "westeurope"})
    by_hand.create_the_vault()
    none = cli.run("import", "byhand", *IDS, "--vault", VAULT)
    assert "has roles on 0 storage accounts. Give the name of the one" in none.err
    by_hand.upload_the_jar(grant=False)
    said = cli.run("import", "byhand", *IDS, "--vault", VAULT, "--storage-account", "stbyhand")
    assert "not found out: who Airflow signs in as" in said.err
    assert "not found out: who calls Flink's API" in said.err
    assert "principals" not in spec(folder) or spec(folder)["principals"] == {}


def test_with_a_vault_what_cannot_be_read_is_written_by_hand(cli: Cli, folder: Path) -> None:
    world = ByHand(azure=cli.azure).follow()
    own = ("--set", "flink.url=https://sessions.flink.example/session-a", "--set", f"airflow.variables_prefix={PREFIX}")
    where = ("--subscription", cli.azure.subscription_id, "--vault", VAULT, "--storage-account", "stbyhand")

    said = cli.run("import", "byhand", "--cloud", "local", *where, *own)

    assert said.code == 0, said.err
    fields = spec(folder)
    assert (fields["vault"], fields["airflow"]["target"], fields["flink"]["target"]) == (VAULT, "self-managed", "rest")
    assert fields["job"] == {"jar": "byhand/WordCount.jar"}
    assert (fields["principals"], "dag" in fields) == ({}, False)
    assert (
        "the DAG in dags/wordcount.py is left out: ids of DAGs, there and in the file, begin with byhand-" in said.err
    )
    (folder / "environments/byhand.yaml").unlink()
    scope = ("--set", "flink.auth.entra.scope=api://sessions.flink.example/.default")
    assert cli.run("import", "byhand", "--cloud", "local", *where, *own, *scope).code == 0
    assert spec(folder)["principals"] == {"flink-api": {"application": {"client_id": world.api["appId"]}}}
    assert "not found out: who Airflow signs in as" in said.err
