"""What was published is proven as those who use it: Airflow's principal reads it, the DAG's reaches the cluster."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from localazure.app.tenant import SEEDED_CLUSTER
from provisioner.model import Intent, Request, Result
from tests.emulator import ARM
from tests.rotation.rotating_environment import API_SECRET, failed

if TYPE_CHECKING:
    from provisioner.commands import Report
    from provisioner.model import Outcome
    from tests.rotation.rotating_environment import RotatingEnvironment

FORCE = Request(intent=Intent.ROTATE, force=True, names=("flink-api",))
VAULT = "resourceGroups/flink-local/providers/Microsoft.KeyVault/vaults/kv-flink-local"


def published(report: Report) -> Outcome:
    """What became of the DAG's secret in the vault."""
    return next(one for one in report.outcomes if str(one.step.address) == f"vault_secret/{API_SECRET}")


def take_away(rotations: RotatingEnvironment, name: str, scope: str) -> None:
    """Every role of a principal of ours on a scope."""
    azure, version = rotations.azure, "api-version=2022-04-01"
    client_id = rotations.application(name)["appId"]
    principal = azure.graph("GET", f"servicePrincipals(appId='{client_id}')").json()["id"]
    listed = azure.request("GET", f"{ARM}{scope}/providers/Microsoft.Authorization/roleAssignments?{version}").json()
    held = [one["id"] for one in listed["value"] if one["properties"]["principalId"] == principal]
    assert held
    for one in held:
        assert azure.request("DELETE", f"{ARM}{one}?{version}").status == 200


def hasty(rotations: RotatingEnvironment) -> RotatingEnvironment:
    """The same where a grant takes effect within two seconds or not at all."""
    changed = replace(rotations)
    waits = rotations.environment.waits.model_copy(update={"grant": timedelta(seconds=2)})
    changed.environment = rotations.environment.model_copy(update={"waits": waits})
    return changed


def test_a_published_secret_is_proven_with_what_the_runtime_hands_out(rotations: RotatingEnvironment) -> None:
    outcome = published(rotations.rotate(FORCE))

    assert (outcome.result, outcome.note) == (Result.DONE, "")


def test_where_the_runtime_hides_its_secret_the_outcome_says_what_is_not_proven(rotations: RotatingEnvironment) -> None:
    rotations.azure.control("PUT", "/settings/airflow", {"mask_variables": ["AZURE_CLIENT_SECRET"]})

    outcome = published(rotations.rotate(FORCE))

    assert outcome.result is Result.DONE
    assert outcome.note.startswith("stored, not proven: Azure masks the secret")


@pytest.mark.parametrize("name", ["airflow", "flink-api"])
def test_a_missing_grant_is_named_and_the_new_key_stays_for_the_next_run(
    rotations: RotatingEnvironment, name: str
) -> None:
    scope = f"{rotations.azure.subscription}/{VAULT}" if name == "airflow" else SEEDED_CLUSTER
    take_away(rotations, name, scope)

    report = hasty(rotations).rotate(FORCE)

    error = str(published(report).error)
    assert rotations.application(name)["appId"] in error
    assert "`provisioner provision` gives it the role that the spec names" in error
    assert failed(rotations.provision()) == []
    assert failed(rotations.rotate(FORCE)) == []
