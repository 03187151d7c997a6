"""`status` names roles that somebody else gave to a principal of the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.emulator import ARM
from tests.kinds.azure_setup import grant
from tests.rotation.rotating_environment import ID

if TYPE_CHECKING:
    from tests.command_line import Cli

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
CUSTOM = "0d0a3a3e-7a43-4c58-9d7b-5a0f6f7d9d11"


def notes(cli: Cli) -> list[str]:
    found: dict[str, Any] = cli.done("status", "--json").json()
    return [note for note in found["notes"] if "also has the role" in note]


def principal_id(cli: Cli, name: str) -> str:
    application = cli.azure.graph("GET", f"applications(uniqueName='provisioner-{ID}-{name}')").json()
    return str(cli.azure.graph("GET", f"servicePrincipals(appId='{application['appId']}')").json()["id"])


def test_a_role_that_somebody_gave_to_a_principal_is_noted_and_declared_ones_are_not(provisioned: Cli) -> None:
    assert notes(provisioned) == []
    group = f"{provisioned.azure.subscription}/resourceGroups/flink-local"

    grant(provisioned.azure, group, READER, principal_id(provisioned, "flink-api"))

    (note,) = notes(provisioned)
    assert note.startswith(f"flink-api also has the role Reader on {group}: somebody else granted it")
    assert f"note: {note}" in provisioned.done("status").out
    assert provisioned("plan", "--detailed-exitcode").code == 0


def test_a_custom_role_above_the_group_is_named_too(provisioned: Cli) -> None:
    azure = provisioned.azure
    where = f"{azure.subscription}/providers/Microsoft.Authorization/roleDefinitions/{CUSTOM}"
    properties = {
        "roleName": "Job Watcher",
        "type": "CustomRole",
        "permissions": [{"actions": ["*/read"], "notActions": [], "dataActions": [], "notDataActions": []}],
        "assignableScopes": [azure.subscription],
    }
    made = azure.request("PUT", f"{ARM}{where}?api-version=2022-04-01", {"properties": properties})
    assert made.status == 201, made.body

    grant(azure, azure.subscription, CUSTOM, principal_id(provisioned, "airflow"))

    (note,) = notes(provisioned)
    assert note.startswith(f"airflow also has the role Job Watcher on {azure.subscription}: ")
