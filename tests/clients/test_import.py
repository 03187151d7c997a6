"""`import` adopts what `az` made by the article's steps: its plan names each change, and nothing else changes."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from localazure.app.tenant import SEEDED_CLUSTER, SEEDED_FACTORY
from tests.clients.article_by_az import ACCOUNT, DAG, GROUP, JAR, PREFIX, RUNTIME, VAULT, Article
from tests.clients.conftest import quiet_az, sign_in
from tests.command_line import Cli, Said, cli
from tests.emulator import ARM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.emulator import LocalAzure

__all__ = ["cli"]
pytestmark = pytest.mark.shows_secrets(
    "command line", "files", "output", why="az takes its password as an option and prints those that it makes"
)
CHANGES = {
    "airflow_runtime/airflow",
    "client_secret/airflow",
    "client_secret/flink-api",
    "dag_file/airflow/dags/wordcount.py",
    "dag_import/FlinkWordCountExample",
    "job_jar/filesystem/WordCount.jar",
    "linked_service/provisioner-byhand",
    "lock_container/lock",
    "role_assignment/data-factory.storage-blob-data-reader",
    f"vault_secret/{PREFIX}-api-secret",
}
IDS = ("--cloud", "local", "--factory", SEEDED_FACTORY, "--cluster", SEEDED_CLUSTER)


@pytest.fixture(scope="module")
def article(running_azure: LocalAzure, az_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Article]:
    """Somebody who has followed it; what they made is in a snapshot."""
    running_azure.reset()
    folder = tmp_path_factory.mktemp("article")
    az = quiet_az(running_azure, az_program, folder / "az")
    sign_in(az, running_azure)
    article = Article(az=az, me=running_azure.operator_client_id, folder=folder)
    article.follow()
    running_azure.control("PUT", f"/snapshots/{folder.name}")
    yield article
    shutil.rmtree(folder / "az")  # there az keeps the secret with which somebody signed in


@pytest.fixture
def world(article: Article, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line in an empty folder, where the article has been followed."""
    cli.azure.control("POST", f"/snapshots/{article.folder.name}")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    cli.forget_calls()
    return cli


def imported(world: Cli) -> Said:
    said = world.run("import", "byhand", *IDS)
    assert said.code == 0, said.out + said.err
    return said


def named(said: Said) -> set[str]:
    """The addresses that a plan changes."""
    return {line.split()[2].rstrip(":") for line in said.out.splitlines() if re.match(r"[+~↻-] \w+ \w+/", line)}


def seen(azure: LocalAzure) -> dict[str, dict[str, Any]]:
    """All that may change, by what it is and its name."""
    group = listed(azure, f"{ARM}{azure.subscription}/resourceGroups/{GROUP}/resources?api-version=2021-04-01")
    roles = f"{azure.subscription}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01"
    secrets = f"https://{VAULT}.vault.azure.net/secrets?api-version=7.4"
    linked = f"{ARM}{SEEDED_FACTORY}/linkedservices?api-version=2018-06-01"
    runtime = f"{ARM}{SEEDED_FACTORY}/integrationruntimes/{RUNTIME}?api-version=2018-06-01"
    airflow = azure.request("GET", runtime).json()["properties"]["typeProperties"]["airflowProperties"]
    return {
        "resource": {one["name"]: one.get("tags") for one in group},
        "role": {one["name"]: one["properties"] for one in listed(azure, f"{ARM}{roles}")},
        "secret": {one["id"]: one["attributes"] for one in listed(azure, secrets, "https://vault.azure.net")},
        "setting": airflow["airflowEnvironmentVariables"],
        "requirement": dict.fromkeys(airflow["airflowRequirements"]),
        "linked service": {one["name"]: one["properties"] for one in listed(azure, linked)},
        "file": {name: etag for container in ("airflow", "filesystem") for name, etag in files(azure, container)},
        **{
            f"credential of {app['displayName']}": {one["keyId"]: None for one in app["passwordCredentials"]}
            for app in azure.graph("GET", "applications").json()["value"]
        },
    }


def listed(azure: LocalAzure, url: str, resource: str = ARM) -> list[dict[str, Any]]:
    return azure.request("GET", url, token=azure.token(resource)).json()["value"]


def files(azure: LocalAzure, container: str) -> Iterator[tuple[str, str]]:
    url = f"https://{ACCOUNT}.dfs.core.windows.net/{container}?resource=filesystem&recursive=true"
    token = azure.token("https://storage.azure.com")
    answer = azure.request("GET", url, headers={"x_ms_version": "2023-11-03"}, token=token)
    for path in answer.json()["paths"]:
        if "isDirectory" not in path:
            yield f"{container}/{path['name']}", path["etag"]


def gone_or_other(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """What was there, and is not as it was."""
    return {name for name, value in before.items() if name not in after or after[name] != value}


def test_it_reads_each_of_the_articles_steps_and_writes_nothing(article: Article, world: Cli, tmp_path: Path) -> None:
    said = imported(world)

    assert world.writes() == []
    folder = tmp_path / "empty/environments"
    text = (folder / "byhand.yaml").read_text()
    fields: Any = yaml.safe_load(text)
    assert (fields["resource_group"], fields["location"], fields["vault"]) == (GROUP, "westeurope", VAULT)
    assert fields["storage_account"] == {"name": ACCOUNT, "filesystem": "filesystem"}
    assert fields["principals"] == {
        "airflow": {"role": "Key Vault Secrets Officer", "application": {"client_id": article.airflow["appId"]}},
        "flink-api": {"role": "Contributor", "application": {"client_id": article.api["appId"]}},
    }
    assert fields["job"] == {"jar": "byhand/WordCount.jar", "role": "Storage Blob Data Owner"}
    assert fields["dag"] == {"template": "byhand/wordcount.py", "file": "wordcount.py", "id": "FlinkWordCountExample"}
    assert {name: fields["airflow"][name] for name in ("runtime", "container", "variables_prefix", "version")} == {
        "runtime": RUNTIME,
        "container": "airflow",
        "variables_prefix": PREFIX,
        "version": "2.6.3",
    }
    assert (folder / "byhand/wordcount.py").read_text() == DAG
    assert (folder / "byhand/WordCount.jar").read_bytes() == JAR.read_bytes()
    assert "variables that stay in the vault as they are: greeting" in text
    assert "the runtime's other settings stay as they are: TEAM" in text
    assert "not found out" not in said.err
    passwords = (article.airflow["password"], article.api["password"])
    assert not [one for one in passwords if one in said.out + said.err + text]
    assert named(said) == CHANGES


def test_a_provision_changes_what_the_import_named_and_the_plan_after_it_is_green(world: Cli) -> None:
    before = seen(world.azure)
    imported(world)

    provisioned = world.run("provision", "byhand", "--yes", "--json")

    assert provisioned.code == 0, provisioned.err
    assert {one["address"] for one in provisioned.json()["steps"] if one["outcome"] == "done"} == CHANGES
    assert world.run("plan", "byhand", "--detailed-exitcode").code == 0
    after = seen(world.azure)
    changed = {kind: gone_or_other(content, after[kind]) for kind, content in before.items()}
    assert {kind: names for kind, names in changed.items() if names} == {
        "file": {"airflow/dags/wordcount.py", "filesystem/WordCount.jar"},
        "requirement": {"apache-airflow-providers-microsoft-azure"},
        "secret": {f"https://{VAULT}.vault.azure.net/secrets/{PREFIX}-api-secret"},
        "setting": {"AZURE_CLIENT_SECRET"},
    }
    new = {kind: after[kind].keys() - content.keys() for kind, content in before.items()}
    assert {kind: len(names) for kind, names in new.items() if names} == {
        "credential of sp-airflow-article": 1,
        "credential of sp-flink-article": 1,
        "linked service": 1,
        "requirement": 1,
        "role": 1,
        "setting": len([name for name in after["setting"] if name.startswith("PROVISIONER_")]),
    }
