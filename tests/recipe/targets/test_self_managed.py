"""An Airflow that you run: a secret that its platform syncs, the DAG's file, and nothing of Airflow itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.command_line import cli
from tests.emulator import ARM
from tests.render.rendered_dag import constants

if TYPE_CHECKING:
    from tests.command_line import Cli

__all__ = ["cli"]

SECRET = "local-airflow-client-secret"
DAY = 86_400.0
API = {"token": {"username": "robot", "password": "sentinel-robot"}}


@pytest.fixture
def self_managed(cli: Cli) -> Cli:
    cli.spec["airflow"] = {"target": "self-managed", "version": "3.3.2"}
    return cli


def let_pass(cli: Cli, seconds: float) -> None:
    """Time passes; tokens of before have ended."""
    cli.azure.advance(seconds)
    cli.azure.tokens.clear()


def secret_tags(cli: Cli) -> list[dict[str, Any]]:
    """The tags of each version of the secret, the newest first."""
    token = cli.azure.token("https://vault.azure.net")
    url = f"https://kv-flink-local.vault.azure.net/secrets/{SECRET}/versions?api-version=7.4"
    found: list[dict[str, Any]] = cli.azure.request("GET", url, token=token).json()["value"]
    return [one["tags"] for one in sorted(found, key=lambda one: one["attributes"]["created"], reverse=True)]


def key_ids(cli: Cli) -> set[str]:
    """The keys of Airflow's principal in Entra."""
    found = cli.azure.graph("GET", "applications?$filter=startswith(displayName,'local airflow')").json()["value"]
    return {one["keyId"] for one in found[0]["passwordCredentials"]}


def test_provision_makes_the_secret_and_the_file_and_nothing_of_airflow(self_managed: Cli) -> None:
    made = {step["address"] for step in self_managed.done("provision", "--json").json()["steps"]}
    assert {f"vault_secret/{SECRET}", "dag_file/airflow/dags/flink_wordcount.py"} <= made
    assert "vault_secret/airflow-variables-local-tenant-id" in made
    kinds = {address.partition("/")[0] for address in made}
    assert not kinds & {"airflow_runtime", "data_factory", "dag_import", "linked_service"}
    assert self_managed.done("plan", "--detailed-exitcode", "--json").actions() == {}


def test_verify_says_what_it_cannot_know_of_an_airflow_without_an_address(self_managed: Cli) -> None:
    self_managed.done("provision")
    found = {one["what"]: one for one in self_managed("verify", "--json").json()["findings"]}
    dag, airflow = found["Airflow has parsed the DAG"], found["airflow signs in"]
    assert (dag["state"], airflow["state"]) == ("not known", "not known")
    assert "add `airflow.url`" in dag["told"]
    said = self_managed("run")
    assert (said.code, "Airflow: its address is not known; add `airflow.url`" in said.err) == (4, True)


def test_teardown_leaves_nothing(self_managed: Cli) -> None:
    self_managed.done("provision")
    self_managed.done("teardown", "--yes")
    left = {step["action"] for step in self_managed.done("plan", "--json").json()["steps"]}
    assert left <= {"create", "keep"}


def test_an_older_key_stays_until_somebody_says_that_the_workers_have_the_new_one(self_managed: Cli) -> None:
    self_managed.done("provision")
    before = key_ids(self_managed)
    let_pass(self_managed, 2.0)  # Key Vault dates versions in whole seconds
    self_managed.done("rotate", "--force", "--only", "airflow")
    assert len(key_ids(self_managed)) == 2
    let_pass(self_managed, 3 * DAY)
    said = self_managed.done("rotate", "--json").json()
    (older,) = (step for step in said["steps"] if step["address"] == f"client_secret/airflow/{next(iter(before))}")
    assert (older["action"], "--confirm-rolled-out" in older["reason"]) == ("defer", True)
    assert before < key_ids(self_managed)

    self_managed.done("rotate", "--confirm-rolled-out")
    assert "rolledOut" in secret_tags(self_managed)[0]
    assert before < key_ids(self_managed)  # it has its overlap from now on
    let_pass(self_managed, 2 * DAY)
    self_managed.done("rotate")
    assert not before & key_ids(self_managed)
    assert len(key_ids(self_managed)) == 1
    assert self_managed.done("plan", "--detailed-exitcode", "--json").actions() == {}


def test_a_confirmation_begins_no_rotation_that_is_due(self_managed: Cli) -> None:
    self_managed.done("provision")
    before = key_ids(self_managed)
    let_pass(self_managed, 31 * DAY)
    self_managed.done("rotate", "--confirm-rolled-out")
    assert key_ids(self_managed) == before
    self_managed.done("rotate")
    assert len(key_ids(self_managed)) == 2
    assert "rolledOut" not in secret_tags(self_managed)[0]


def test_an_airflow_that_can_be_asked_and_does_not_answer_shows_nothing(self_managed: Cli) -> None:
    self_managed.spec["airflow"] |= {"url": "http://airflow.example.com/prefix", "api": API}
    self_managed.spec["waits"] = {"grant": "2s"}
    self_managed.done("provision")
    before = key_ids(self_managed)
    self_managed.done("rotate", "--force", "--only", "airflow")
    let_pass(self_managed, 3 * DAY)
    said = self_managed("rotate", "--json")
    assert (said.code, before < key_ids(self_managed)) == (3, True)
    assert "sentinel" not in said.out + said.err


ISSUER = "https://westeurope.oic.prod-aks.azure.com/tenant/cluster/"
SUBJECT = "system:serviceaccount:airflow:airflow"


def federated(*subjects: str) -> dict[str, Any]:
    return {"airflow": {"credential": {"federated": {"issuer": ISSUER, "subjects": list(subjects)}}}}


def application(cli: Cli) -> dict[str, Any]:
    """Airflow's principal as Entra has it."""
    found = cli.azure.graph("GET", "applications?$filter=startswith(displayName,'local airflow')").json()["value"]
    return dict(found[0])


def trusted(cli: Cli) -> list[tuple[str, str, list[str]]]:
    """Whose tokens sign Airflow's principal in."""
    path = f"applications/{application(cli)['id']}/federatedIdentityCredentials"
    found = cli.azure.graph("GET", path).json()["value"]
    return [(one["issuer"], one["subject"], one["audiences"]) for one in found]


def test_a_federated_principal_has_no_secret_anywhere(self_managed: Cli) -> None:
    self_managed.spec["principals"] = federated(SUBJECT)
    made = {step["address"] for step in self_managed.done("provision", "--json").json()["steps"]}
    assert not {f"vault_secret/{SECRET}", "client_secret/airflow"} & made
    assert application(self_managed)["passwordCredentials"] == []
    assert trusted(self_managed) == [(ISSUER, SUBJECT, ["api://AzureADTokenExchange"])]
    assert self_managed.done("plan", "--detailed-exitcode", "--json").actions() == {}
    assert self_managed.done("rotate", "--force", "--only", "airflow", "--json").actions() == {}
    found = {one["what"]: one["state"] for one in self_managed("verify", "--json").json()["findings"]}
    assert found["airflow signs in"] == "not known"


def test_a_further_principal_needs_no_secret_either_once_workers_show_it(self_managed: Cli) -> None:
    reports = {"role": "Reader", "scope": "storage_account"}
    self_managed.spec["principals"] = {**federated(SUBJECT), "reports": dict(reports)}
    self_managed.done("provision")
    variables = {f"airflow-variables-local-reports-{key}" for key in ("client-id", "secret")}
    assert variables <= {one.rpartition("/")[2] for one in secret_names(self_managed)}

    self_managed.spec["principals"]["reports"] = {**reports, **federated(SUBJECT)["airflow"]}
    let_pass(self_managed, DAY)
    made = self_managed.done("provision", "--yes", "--json").json()["steps"]

    created = [step["address"].partition(".")[0] for step in made if step["action"] == "create"]
    assert created == ["federated_credential/reports"]
    left = {one.rpartition("/")[2] for one in secret_names(self_managed)}
    assert variables <= left  # until workers show that they need no secret
    principals = constants(self_managed.done("render", "--json").json()["dag"]["content"])["SECRETLESS"]
    assert principals[1:] == (
        ("flink-api", "local-api-client-id", False),
        ("reports", "local-reports-client-id", False),
    )
    found = {one["what"]: one for one in self_managed("verify", "--json").json()["findings"]}
    assert found["reports signs in"]["state"] == "not known"
    assert SUBJECT in found["reports signs in"]["told"]
    assert self_managed.done("rotate", "--force", "--only", "reports", "--json").actions() == {}
    self_managed.done("teardown", "--yes")
    assert secret_names(self_managed) == set()


def test_a_principal_that_airflow_does_not_use_needs_no_secret_with_any_target(cli: Cli) -> None:
    pipeline = {"role": "Reader", "scope": "storage_account", "variables_prefix": "", **federated(SUBJECT)["airflow"]}
    cli.spec["principals"] = {"pipeline": pipeline}
    made = {step["address"] for step in cli.done("provision", "--json").json()["steps"]}
    assert [one for one in made if "pipeline" in one and one.startswith(("client_secret/", "vault_secret/"))] == []
    assert [one.partition(".")[0] for one in made if one.startswith("federated_")] == ["federated_credential/pipeline"]
    assert cli.done("plan", "--detailed-exitcode", "--json").actions() == {}
    cli.done("teardown", "--yes")


def test_a_subject_that_the_spec_no_longer_names_goes(self_managed: Cli) -> None:
    self_managed.spec["principals"] = federated(SUBJECT, f"{SUBJECT}-worker")
    self_managed.done("provision")
    assert len(trusted(self_managed)) == 2
    self_managed.spec["principals"] = federated(f"{SUBJECT}-worker")
    self_managed.done("provision", "--yes")
    assert [subject for _, subject, _ in trusted(self_managed)] == [f"{SUBJECT}-worker"]
    self_managed.done("teardown", "--yes")


@pytest.mark.parametrize("api", [{}, {"url": "http://airflow.example.com", "api": API}])
def test_a_switch_from_a_secret_leaves_it_until_workers_show_that_they_need_none(
    self_managed: Cli, api: dict[str, Any]
) -> None:
    self_managed.spec["airflow"] |= api
    self_managed.done("provision")
    before = key_ids(self_managed)
    self_managed.spec["principals"] = federated(SUBJECT)
    let_pass(self_managed, DAY)
    self_managed.done("provision", "--yes")
    assert (key_ids(self_managed), len(trusted(self_managed))) == (before, 1)
    assert "keyId" in secret_tags(self_managed)[0]
    assert self_managed.done("plan", "--detailed-exitcode", "--json").actions() == {}
    assert self_managed.done("rotate", "--force", "--json").actions() == {}
    assert "nothing to rotate" in self_managed.done("rotate").out
    said = self_managed("doctor").out
    unknown = "Airflow did not answer" if api else "`airflow.url` and `airflow.api` name nobody to ask"
    assert said.count(f"? Airflow's platform: {unknown}") == 1
    for verb in ("plan", "status"):
        assert self_managed(verb).out.count(f"? Airflow's platform: not known; {unknown}") == 1
        document = self_managed(verb, "--json").json()
        assert (document["platform"]["unknown"].startswith(unknown), "drift" in document["platform"]) == (True, False)
    self_managed.done("teardown", "--yes")
    assert secret_names(self_managed) == set()


def secret_names(cli: Cli) -> set[str]:
    """What is in the vault of the environment, if it is there."""
    token = cli.azure.token("https://vault.azure.net")
    answer = cli.azure.request("GET", "https://kv-flink-local.vault.azure.net/secrets?api-version=7.4", token=token)
    return {one["id"] for one in answer.json()["value"]} if answer.status == 200 else set()


def test_a_switch_back_to_a_secret_leaves_the_federation_that_workers_may_still_use(self_managed: Cli) -> None:
    self_managed.spec["principals"] = federated(SUBJECT)
    self_managed.done("provision")
    self_managed.spec["principals"] = {"airflow": {"credential": "secret"}}

    self_managed.done("provision")

    assert len(key_ids(self_managed)) == 1
    assert [subject for _, subject, _ in trusted(self_managed)] == [SUBJECT]
    assert self_managed.done("plan", "--detailed-exitcode", "--json").actions() == {}
    self_managed.done("teardown")


def test_doctor_says_whom_the_firewalls_of_vault_and_account_have_to_admit(self_managed: Cli) -> None:
    self_managed.done("provision")
    assert "the workers of Airflow" not in self_managed.done("doctor").out
    providers = f"{ARM}{self_managed.azure.subscription}/resourceGroups/flink-local/providers"
    here = {"defaultAction": "Deny", "ipRules": [{"value": "127.0.0.1"}]}
    account = f"{providers}/Microsoft.Storage/storageAccounts/stflinklocal?api-version=2023-05-01"
    assert self_managed.azure.request("PATCH", account, {"properties": {"networkAcls": here}}).status == 200
    vault = f"{providers}/Microsoft.KeyVault/vaults/kv-flink-local?api-version=2023-07-01"
    assert self_managed.azure.request("PATCH", vault, {"properties": {"networkAcls": here}}).status == 200

    said = self_managed.done("doctor").out
    assert "the rules of stflinklocal have to admit the workers of Airflow" in said
    assert "the rules of kv-flink-local have to admit the workers of Airflow" in said

    closed = {"properties": {"publicNetworkAccess": "Disabled"}}
    assert self_managed.azure.request("PATCH", vault, closed).status == 200
    assert (
        "whether the workers of Airflow reach kv-flink-local: its public network access is disabled"
        in self_managed("doctor").out
    )


def test_doctor_says_so_of_what_is_still_to_be_made_too(self_managed: Cli) -> None:
    self_managed.spec["storage_account"] = {"name": "stflinklocal", "network_rules": {"ips": ["203.0.113.0/24"]}}
    self_managed.spec["vault"] = {"name": "kv-flink-local", "public_network_access": "disabled"}

    said = self_managed.done("doctor").out

    assert "the rules of stflinklocal have to admit the workers of Airflow" in said
    assert "whether the workers of Airflow reach kv-flink-local: its public network access is disabled" in said
    assert "whether this machine will reach kv-flink-local: its public network access is disabled" in said
