"""Credentials that somebody removed or changed behind our back are never "no changes"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.test_rotate import Consumers
from tests.rotation.rotating_environment import ID
from tests.verify.test_checks import set_settings

if TYPE_CHECKING:
    from tests.command_line import Cli

MINUTES = 60.0


@pytest.mark.parametrize("name", ["flink-api", "airflow"])
@pytest.mark.parametrize("age_minutes", [1, 12, 40, 70])
def test_a_young_key_that_was_removed_is_replaced_by_the_next_provision(
    provisioned: Cli, name: str, age_minutes: float
) -> None:
    azure = provisioned.azure
    azure.advance(age_minutes * MINUTES)
    azure.tokens.clear()
    application = azure.graph("GET", f"applications(uniqueName='provisioner-{ID}-{name}')").json()
    (password,) = application["passwordCredentials"]
    body = {"keyId": password["keyId"]}
    assert azure.graph("POST", f"applications/{application['id']}/removePassword", body).status == 204

    planned = provisioned("plan", "--json", "--detailed-exitcode")
    assert planned.code == 2
    assert f"client_secret/{name}" in planned.actions()

    provisioned.done("provision")

    consumers = Consumers(provisioned)
    assert consumers.works(consumers.api())
    assert consumers.works(consumers.airflow())
    assert provisioned("plan", "--detailed-exitcode").code == 0


def test_a_young_key_that_a_replica_does_not_show_yet_is_tried_and_stays(provisioned: Cli) -> None:
    provisioned.done("rotate", "--force", "--only", "flink-api")
    provisioned.azure.fault(fault="stale", method="GET", path="applications", seconds=3600, times=None)

    assert "client_secret/flink-api" not in provisioned.done("plan", "--json").actions()


@pytest.mark.parametrize("minutes", [0, 20])
def test_a_secret_that_somebody_changed_in_the_runtime_is_replaced_by_the_next_provision(
    provisioned: Cli, minutes: int
) -> None:
    provisioned.azure.advance(minutes * MINUTES)
    provisioned.azure.tokens.clear()
    assert provisioned("plan", "--detailed-exitcode").code == 0
    set_settings(provisioned.azure, AZURE_CLIENT_SECRET="not-the-one")

    planned = provisioned("plan", "--detailed-exitcode")
    assert planned.code == 2, planned.out
    assert "the secret in airflow_runtime/airflow is not the one that was written there" in planned.out

    provisioned.done("provision")

    consumers = Consumers(provisioned)
    assert consumers.works(consumers.airflow())
    assert provisioned("plan", "--detailed-exitcode").code == 0


def test_a_rotation_of_the_other_principal_replaces_it_too(provisioned: Cli) -> None:
    set_settings(provisioned.azure, AZURE_CLIENT_SECRET="not-the-one")

    provisioned.done("rotate", "--force", "--only", "flink-api")

    consumers = Consumers(provisioned)
    assert consumers.works(consumers.airflow())


def test_a_rotation_whose_reader_cannot_sign_in_says_so_and_does_not_end_with_0(cli: Cli) -> None:
    cli.done("provision")  # here, so that the keys are minutes younger than 15 on any machine
    consumers = Consumers(cli)
    alike = f"{consumers.airflow()[1].reveal()[:3]}-not-the-one"  # Entra shows the first three
    cli.spec["waits"] = {"grant": "1s"}
    set_settings(cli.azure, AZURE_CLIENT_SECRET=alike)

    rotated = cli("rotate", "--force", "--only", "flink-api")

    assert rotated.code == 3, rotated.out
    assert "signing in with the secret in airflow_runtime/airflow answered 401: it does not sign in as" in rotated.out
    assert "`provisioner rotate --force --only airflow`" in rotated.out

    del cli.spec["waits"]
    cli.done("rotate", "--force", "--only", "airflow")
    assert consumers.works(consumers.airflow())
    cli.done("rotate", "--force", "--only", "flink-api")
