"""An Airflow that signs in as a managed identity: no application, its federation and roles on the identity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.command_line import cli
from tests.recipe.targets.test_self_managed import DAY, ISSUER, SUBJECT, federated, let_pass, self_managed
from tests.resource_manager import Manager

if TYPE_CHECKING:
    from tests.command_line import Cli

__all__ = ["cli", "self_managed"]

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
        ({}, {}, "add `federated: …`"),
        ({"federated": {"issuer": ISSUER, "subjects": [SUBJECT]}}, {"application": True}, "leave one of them out"),
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
