"""Principals beyond the two that every environment has, and jars beyond the job's, through every verb."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator import ARM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.command_line import Cli

GROUP = "/resourceGroups/flink-local"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stflinklocal"
VARIABLES = "hdinsight-aks-variables-"
REMOVED = {
    "application/reports": "delete",
    "application/builds": "delete",
    f"vault_secret/{VARIABLES}reports-client-id": "delete",
    f"vault_secret/{VARIABLES}reports-secret": "delete",
    "vault_secret/builds-key": "delete",
    "job_jar/jobs/lib/wordcount.jar": "delete",
}


@pytest.fixture
def further(cli: Cli) -> Cli:
    """Two principals and a jar more, provisioned."""
    cli.spec["principals"] = {
        "reports": {"role": "Storage Blob Data Reader", "scope": f"{cli.azure.subscription}{ACCOUNT}"},
        "builds": {"role": "Reader", "variables_prefix": "", "secrets": ["builds-key"], "rotation": {"every": "10d"}},
    }
    cli.spec["jars"] = [{"jar": cli.spec["job"], "directory": "lib"}]
    cli.done("provision")
    return cli


def grants(cli: Cli) -> Iterator[tuple[str, str]]:
    """Principal and scope of every assignment that bears the environment's mark."""
    path = f"{cli.azure.subscription}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01"
    for one in cli.azure.request("GET", f"{ARM}{path}").json()["value"]:
        if "provisioner-environment" in (one["properties"].get("description") or ""):
            yield one["properties"]["principalId"], one["properties"]["scope"]


def credentials(cli: Cli) -> dict[str, dict[str, Any]]:
    """What `status` tells of each."""
    return {one["address"]: one for one in cli.done("status", "--json").json()["credentials"]}


def test_they_are_made_once_and_told_of_everywhere(further: Cli) -> None:
    assert further("plan", "--detailed-exitcode").code == 0
    assert set(credentials(further)) == {
        "client_secret/airflow", "client_secret/flink-api", "client_secret/reports", "client_secret/builds"
    }  # fmt: skip
    found = further.done("output", "--json").json()["resources"]
    assert {"application/reports", "application/builds", "job_jar/jobs/lib/wordcount.jar"} <= set(found)
    assert "application<br/>reports" in further.done("graph").out


def test_each_has_the_role_on_its_scope_and_by_default_on_the_cluster(further: Cli) -> None:
    found = further.done("output", "--json").json()["resources"]
    held = dict(grants(further))
    assert held[found["service_principal/reports"]["object_id"]] == f"{further.azure.subscription}{ACCOUNT}"
    assert held[found["service_principal/builds"]["object_id"]].endswith("/clusters/flink-cluster")


def test_one_is_rotated_without_the_others(further: Cli) -> None:
    before = {address: one["key_id"] for address, one in credentials(further).items()}

    further.done("rotate", "--force", "--only", "builds")

    after = {address: one["key_id"] for address, one in credentials(further).items()}
    assert {address for address in after if after[address] != before[address]} == {"client_secret/builds"}


def test_each_is_due_by_its_own_rotation(further: Cli) -> None:
    further.azure.advance(11 * 86_400)
    further.azure.tokens.clear()
    assert {address for address, one in credentials(further).items() if one["due"]} == {"client_secret/builds"}


def test_a_name_that_the_spec_does_not_have_is_refused(further: Cli) -> None:
    said = further("rotate", "--only", "reprots")
    assert said.code == 4
    assert "Name one of airflow, flink-api, builds, reports" in said.err


def test_what_the_spec_no_longer_names_goes_with_its_grants(further: Cli) -> None:
    principals = further.spec.pop("principals")
    further.spec.pop("jars")
    planned = further.done("plan", "--json").actions()
    roles = {address for address in planned if address.startswith("role_assignment/")}
    assert {address: action for address, action in planned.items() if address not in roles} == REMOVED
    assert {planned[address] for address in roles} == {"delete"}
    assert len(roles) == len(principals)

    before = set(grants(further))
    further.done("provision", "--yes")

    assert len(before - set(grants(further))) == len(principals)
    assert further("plan", "--detailed-exitcode").code == 0


def test_a_role_on_another_scope_leaves_none_on_the_one_before(further: Cli) -> None:
    further.spec["principals"]["reports"]["scope"] = f"{further.azure.subscription}{GROUP}"

    further.done("provision", "--yes")

    object_id = further.done("output", "--json").json()["resources"]["service_principal/reports"]["object_id"]
    assert [scope for held_by, scope in grants(further) if held_by == object_id] == [
        f"{further.azure.subscription}{GROUP}"
    ]
    assert further("plan", "--detailed-exitcode").code == 0


def test_teardown_takes_them_along(further: Cli) -> None:
    further.done("teardown", "--yes")

    left = further.azure.graph("GET", "applications").json()["value"]
    assert [one["displayName"] for one in left if one.get("uniqueName")] == []
    assert list(grants(further)) == []
