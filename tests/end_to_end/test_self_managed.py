"""environments/self-managed.yaml: a job by an Airflow that somebody runs, and not one secret in the environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.end_to_end.life import applications, counts_all_words

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Person

TWO_HOURS = 7200.0  # twice the lifetime of a service account's token


def secrets_in_the_vault(person: Person) -> set[str]:
    token = person.azure.token("https://vault.azure.net")
    url = "https://kv-self-managed.vault.azure.net/secrets?api-version=7.5"
    found = person.azure.request("GET", url, token=token).json()["value"]
    return {one["id"].rpartition("/")[2].partition("-self-managed-")[2] for one in found}


def environment_of_airflow(person: Person) -> dict[str, str]:
    """What the scheduler that runs has in its environment."""
    (airflow,) = (one for one in person.told("local-status")["runtimes"] if one["kind"] == "airflow")
    environments = (Path(f"/proc/{pid}/environ") for pid in airflow["pids"])
    texts = (file.read_bytes().decode() for file in environments if file.exists())
    found = (dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair) for text in texts)
    return next(one for one in found if "AZURE_CLIENT_ID" in one)


def rendered_settings(person: Person) -> dict[str, str]:
    """What `render --format env` prints."""
    rendered = json.loads(person.done("render", "--format env --json"))["files"][0]["content"]
    return dict(line.split("=", 1) for line in rendered.splitlines() if not line.startswith("#"))


def assert_shows_its_settings(person: Person, there: dict[str, str]) -> None:
    """Airflow's own API tells what it was deployed with, and masks what may be secret."""
    shown = shown_settings(person)
    assert shown["secrets", "backend"] == there["AIRFLOW__SECRETS__BACKEND"]
    assert shown["secrets", "backend_kwargs"] == "< hidden >"
    bundles = there["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"]
    assert json.loads(shown["dag_processor", "dag_bundle_config_list"]) == json.loads(bundles)


def shown_settings(person: Person) -> dict[tuple[str, str], str]:
    """What Airflow's own API shows of its configuration."""
    token = person.azure.token("api://airflow.example")
    answer = person.azure.request("GET", "https://self-managed.airflow.example/api/v2/config", token=token)
    assert answer.status == 200, answer.body
    sections = answer.json()["sections"]
    return {(section["name"], one["key"]): one["value"] for section in sections for one in section["options"]}


def falls_behind(person: Person) -> None:
    """Other settings are provisioned and not deployed: that is drift, and nothing else is."""
    spec = person.spec
    spec["airflow"]["connections_prefix"] = "others"
    person.file.write_text(yaml.safe_dump(spec))
    person.done("provision", "--yes")
    stale = person.make("plan", "--detailed-exitcode")
    assert (stale.returncode, "! deploy Airflow: workers run with the settings" in stale.stdout) == (2, True)
    status = person.told("status")
    assert (status["drift"], status["platform"].keys()) == (True, {"drift"})
    assert all(one["as_declared"] for one in status["resources"])


def test_a_job_runs_without_any_secret(self_managed: Person) -> None:
    self_managed.done("provision")
    counts_all_words(self_managed)

    owned = applications(self_managed)
    assert {one["displayName"] for one in owned} == {"self-managed airflow", "self-managed flink-api"}
    assert [(one["passwordCredentials"], one["keyCredentials"]) for one in owned] == [([], []), ([], [])]
    assert secrets_in_the_vault(self_managed) == {"tenant-id", "api-client-id", "flink-api"}

    rendered, there = rendered_settings(self_managed), environment_of_airflow(self_managed)
    assert {name: there.get(name) for name in rendered} == rendered
    assert "AZURE_CLIENT_SECRET" not in there
    assert_shows_its_settings(self_managed, there)
    home = Path(there["AIRFLOW_HOME"])
    assert [file.name for file in (home / "bundles/self-managed-dags").glob("*.py")] == ["flink_wordcount.py"]
    assert not list((home / "dags").iterdir())

    checks = {one["what"]: one for one in self_managed.told("verify")["findings"]}
    assert checks["Airflow runs with what `render` prints"]["state"] == "ok"
    assert self_managed.make("plan", "--detailed-exitcode").returncode == 0

    falls_behind(self_managed)
    self_managed.azure.advance(TWO_HOURS)
    self_managed.azure.tokens.clear()
    counts_all_words(self_managed)
    self_managed.done("verify")
    assert self_managed.make("plan", "--detailed-exitcode").returncode == 0
    assert "nothing to rotate" in self_managed.done("rotate")


def with_principals(person: Person, principals: dict[str, Any]) -> None:
    """The environment's file with other principals."""
    spec = yaml.safe_load(person.file.read_text())
    person.file.write_text(yaml.safe_dump({**spec, "principals": principals}))


def passwords(person: Person) -> list[int]:
    return [len(one["passwordCredentials"]) for one in applications(person)]


def test_an_environment_gives_its_secrets_up_once_workers_need_none(self_managed: Person) -> None:
    secretless = yaml.safe_load(self_managed.file.read_text())["principals"]
    with_principals(self_managed, {"airflow": {"credential": "secret"}})
    self_managed.done("provision")
    assert passwords(self_managed) == [1, 1]
    before = {"airflow-client-secret", "api-secret"}
    assert "api-secret" in secrets_in_the_vault(self_managed)

    with_principals(self_managed, secretless)
    self_managed.done("provision", "--yes")
    assert passwords(self_managed) == [1, 1]  # nobody has shown yet that they are not needed
    assert self_managed.make("plan", "--detailed-exitcode").returncode == 0
    counts_all_words(self_managed)
    assert passwords(self_managed) == [1, 1]

    self_managed.done("verify")
    self_managed.azure.advance(TWO_HOURS)  # only now: a real Airflow keeps its own time, and the report's counts
    self_managed.azure.tokens.clear()
    said = self_managed.done("provision", "--yes")
    assert passwords(self_managed) == [0, 0], said
    assert not before & secrets_in_the_vault(self_managed)
    counts_all_words(self_managed)


def test_an_airflow_2_gets_its_dags_from_the_container_and_runs_without_any_secret(self_managed: Person) -> None:
    spec = self_managed.spec
    spec["airflow"] |= {"version": "2.10.5", "dags": {"delivery": "container"}}
    self_managed.file.write_text(yaml.safe_dump(spec))
    self_managed.done("provision")
    counts_all_words(self_managed)

    there = environment_of_airflow(self_managed)
    assert "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST" not in there
    home = Path(there["AIRFLOW_HOME"])
    assert (home / "dags/flink_wordcount.py").exists()
    assert not (home / "bundles").exists()
    checks = {one["what"]: one for one in self_managed.told("verify")["findings"]}
    assert checks["Airflow runs with what `render` prints"]["state"] == "ok"
    assert checks["Airflow has parsed the DAG"]["state"] == "ok"
    assert passwords(self_managed) == [0, 0]
    assert self_managed.make("plan", "--detailed-exitcode").returncode == 0
