"""An Airflow that signs in as a managed identity: no application, its federation and roles on the identity."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.command_line import cli
from tests.recipe.targets.test_self_managed import DAY, ISSUER, SUBJECT, federated, let_pass, self_managed
from tests.resource_manager import Manager

if TYPE_CHECKING:
    from tests.command_line import Cli
    from tests.emulator import LocalAzure

__all__ = ["cli", "self_managed"]

LOCAL = Path(__file__).parents[3] / "environments/local.yaml"
FLINK = {
    "target": "rest",
    "url": "https://sessions.flink.example/session-a",
    "auth": {"entra": {"scope": "api://sessions.flink.example/.default"}},
}


class Platform:
    """The managed identity that Airflow's platform has, as somebody else made it."""

    def __init__(self, cli: Cli) -> None:
        self.cli, self.arm = cli, Manager(azure=cli.azure, version="2024-11-30")
        group = self.arm.group("platform-identities")
        self.path = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-airflow"
        made = self.arm("PUT", self.path, {"location": "westeurope"}).json()
        self.id, self.client_id = made["id"], made["properties"]["clientId"]
        self.object_id = made["properties"]["principalId"]

    def sign_in(self, *subjects: str, **more: Any) -> None:
        """Let it be Airflow's principal in the spec."""
        credential = {**federated(*subjects)["airflow"]["credential"], "managed_identity": self.id}
        self.cli.spec["principals"] = {"airflow": {"credential": credential, **more}}

    def assign(self) -> None:
        """Let it be Airflow's principal, which the machines of the workers have assigned."""
        self.cli.spec["principals"] = {"airflow": {"credential": {"managed_identity": self.id}}}

    def trusted(self) -> list[str]:
        listed = self.arm("GET", f"{self.path}/federatedIdentityCredentials").json()["value"]
        return sorted(one["properties"]["subject"] for one in listed)

    def roles(self) -> list[str]:
        """The scopes on which it has roles."""
        where = f"{self.cli.azure.subscription}/providers/Microsoft.Authorization/roleAssignments"
        query = f"?api-version=2022-04-01&$filter=principalId%20eq%20'{self.object_id}'"
        listed = self.cli.azure.request("GET", f"https://management.azure.com{where}{query}").json()["value"]
        return sorted(one["properties"]["scope"].rpartition("/")[2] for one in listed)


@pytest.fixture
def platform(self_managed: Cli) -> Platform:
    self_managed.spec["flink"] = dict(FLINK)
    return Platform(self_managed)


def applications(cli: Cli) -> list[dict[str, Any]]:
    found = cli.azure.graph("GET", "applications?$filter=startswith(displayName,'local ')").json()["value"]
    return list(found)


def test_no_application_is_made_and_the_identity_has_federation_and_roles(platform: Platform) -> None:
    cli = platform.cli
    platform.sign_in(SUBJECT, f"{SUBJECT}-worker")

    cli.done("provision")

    assert applications(cli) == []
    assert platform.trusted() == [SUBJECT, f"{SUBJECT}-worker"]
    assert platform.roles() == ["airflow", "jobs", "kv-flink-local"]
    assert cli.done("plan", "--detailed-exitcode", "--json").actions() == {}
    assert f"AZURE_CLIENT_ID={platform.client_id}" in cli.done("render", "--format", "env").out
    assert "nothing to rotate" in cli.done("rotate").out

    platform.sign_in(f"{SUBJECT}-worker")
    cli.done("provision", "--yes")
    assert platform.trusted() == [f"{SUBJECT}-worker"]

    cli.done("teardown")
    assert (platform.trusted(), platform.roles()) == ([], [])
    assert platform.arm("GET", platform.path).status == 200


def test_its_federations_are_written_one_at_a_time(platform: Platform) -> None:
    """Those that are added and those that go: Azure refuses a write to an identity beside another one."""
    cli, azure = platform.cli, platform.cli.azure
    before, after = ([f"{SUBJECT}-{number}" for number in numbers] for numbers in (range(3), range(2, 5)))
    azure.fault(fault="latency", seconds=0.4, times=None, method="PUT,DELETE", path="/federatedIdentityCredentials/")

    for subjects in (before, after):
        platform.sign_in(*subjects)
        azure.control("DELETE", "/calls")
        cli.done("provision", "--yes")
        assert platform.trusted() == subjects
        assert_one_at_a_time(azure, 3 if subjects is before else 4)
    azure.control("DELETE", "/calls")
    cli.done("teardown")
    assert_one_at_a_time(azure, 3)


def assert_one_at_a_time(azure: LocalAzure, count: int) -> None:
    """So many writes of federations went well, and each began after the one before had ended."""
    calls = azure.control("GET", "/calls")["calls"]
    writes = [call for call in calls if call["method"] != "GET" and "/federatedIdentityCredentials/" in call["path"]]
    moments = sorted((call["began_ms"], call["began_ms"] + call["ms"], call["status"] < 300) for call in writes)
    assert len(moments) == count, moments
    assert all(well for _, _, well in moments), moments
    assert all(end <= begin for (_, end, _), (begin, _, _) in pairwise(moments)), moments


def test_the_application_and_its_roles_stay_until_workers_show_that_they_sign_in_otherwise(platform: Platform) -> None:
    cli = platform.cli
    cli.spec["principals"] = federated(SUBJECT)
    cli.done("provision")
    platform.sign_in(SUBJECT)
    let_pass(cli, DAY)

    cli.done("provision")

    assert len(applications(cli)) == 2  # of `flink-api`, too, which signs in in the same way
    assert platform.roles() == ["airflow", "jobs", "kv-flink-local"]
    assert cli.done("plan", "--detailed-exitcode", "--json").actions() == {}
    cli.done("teardown")
    assert (applications(cli), platform.roles()) == ([], [])


def test_the_rights_on_it_are_asked_for_and_none_in_graph(platform: Platform) -> None:
    platform.sign_in(SUBJECT)
    lines = platform.cli.done("bootstrap", "--service-principal", "--required-only").out
    assert "'Managed Identity Contributor'" in lines
    assert platform.id.lower() in lines.lower()
    assert "18a4783c-866b-4cc7-a460-3d5e5662c884" not in lines  # Application.ReadWrite.OwnedBy


@pytest.mark.parametrize(
    ("credential", "more", "right"),
    [
        ({"type": "secret"}, {}, "write `secret`, `{federated: …}` or `{managed_identity: …}`"),
        ({"federated": {"issuer": ISSUER, "subjects": [SUBJECT]}}, {"application": True}, "leave one of them out"),
        ({}, {"application": True}, "leave one of them out"),
    ],
)
def test_a_managed_identity_that_cannot_be_is_a_mistake_in_the_spec(
    platform: Platform, credential: dict[str, Any], more: dict[str, Any], right: str
) -> None:
    adopted = {"application": {"client_id": platform.client_id}} if more else {}
    platform.cli.spec["principals"] = {
        "airflow": {"credential": {**credential, "managed_identity": platform.id}, **adopted}
    }
    said = platform.cli("validate")
    assert (said.code, right in said.err) == (1, True), said.err


def variables_of(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if not line.startswith("#"))


def test_an_identity_that_machines_have_assigned_gets_roles_and_no_federation(platform: Platform) -> None:
    cli = platform.cli
    platform.assign()

    made = {step["address"].partition("/")[0] for step in cli.done("provision", "--json").json()["steps"]}

    assert not {"application", "client_secret", "identity_federation", "federated_credential"} & made
    assert (applications(cli), platform.trusted()) == ([], [])
    assert platform.roles() == ["airflow", "jobs", "kv-flink-local"]
    assert cli.done("plan", "--detailed-exitcode", "--json").actions() == {}
    assert "nothing to rotate" in cli.done("rotate").out
    cli.done("teardown")
    assert (platform.roles(), platform.arm("GET", platform.path).status) == ([], 200)


def test_its_workers_are_told_who_they_are_and_that_nothing_else_signs_them_in(platform: Platform) -> None:
    platform.assign()
    platform.cli.done("provision")

    text = platform.cli.done("render", "--format", "env").out

    assert "id-airflow signs in; the machine is to have it assigned" in text
    assert "AZURE_FEDERATED_TOKEN_FILE" not in text
    variables = variables_of(text)
    assert variables["AZURE_CLIENT_ID"] == platform.client_id
    assert variables["AZURE_TOKEN_CREDENTIALS"] == "ManagedIdentityCredential"
    kwargs = json.loads(variables["AIRFLOW__SECRETS__BACKEND_KWARGS"])
    assert not {"managed_identity_client_id", "workload_identity_tenant_id"} & kwargs.keys()
    values = yaml.safe_load(platform.cli.done("render", "--format", "helm").out)
    assert (values["secret"], "workers" in values) == ([], False)
    assert "nothing to make in Kubernetes" in platform.cli.done("render", "--format", "kubernetes").out


def test_what_nobody_sees_of_it_from_here_is_not_known(platform: Platform) -> None:
    platform.assign()
    platform.cli.done("provision")

    found = {one["what"]: one for one in platform.cli("verify", "--json").json()["findings"]}

    for what in ("airflow signs in", "flink-api signs in"):
        assert found[what]["state"] == "not known"
        assert "as which only machines that have it assigned can" in found[what]["told"]
    assert "whether the machines of the workers have it assigned" in platform.cli("doctor").out


def test_it_takes_no_right_on_it_but_to_read_it(platform: Platform) -> None:
    platform.assign()
    lines = platform.cli.done("bootstrap", "--service-principal", "--required-only").out
    of_identity = [line for line in lines.splitlines() if platform.id.lower() in line.lower()]
    assert [line.rpartition("/subscriptions")[0].strip() for line in of_identity] == ["allow Reader"]


def test_what_its_tokens_came_from_before_stays_for_a_person_to_remove(platform: Platform) -> None:
    platform.sign_in(SUBJECT)
    platform.cli.done("provision")
    platform.assign()
    platform.cli.done("provision")
    assert platform.trusted() == [SUBJECT]
    assert platform.cli.done("plan", "--detailed-exitcode", "--json").actions() == {}


def test_elsewhere_than_in_an_airflow_that_you_run_it_is_no_way_to_sign_in(platform: Platform) -> None:
    platform.assign()
    platform.cli.spec["airflow"] = yaml.safe_load(LOCAL.read_text())["airflow"]
    said = platform.cli("validate")
    assert (said.code, "only an Airflow that you run has an issuer or machines of its own" in said.err) == (1, True)
