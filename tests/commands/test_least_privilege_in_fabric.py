"""An identity with exactly the rights of docs/access.md runs an environment in Fabric; without the role it is told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from localazure.app.tenant import OPERATOR_OBJECT_ID
from tests.commands.test_least_privilege import identity
from tests.localazure.fabric.workspace import WORKSPACE_ID, Fabric
from tests.rights_table import IN_FABRIC, rights_of

if TYPE_CHECKING:
    from tests.commands.test_least_privilege import Identity

__all__ = ["identity"]

OF_AZURE = [right for right in rights_of("fabric") if not right.optional and not right.command]


@pytest.fixture
def in_fabric(identity: Identity) -> Identity:
    """It has every required right of Azure and of Graph."""
    spec = identity.cli.spec
    spec["airflow"] = {"target": "fabric", "workspace": WORKSPACE_ID, "job": "airflow-dev"}
    here = (replace(right, scope=right.scope.replace("flink-fabric", "flink-local")) for right in OF_AZURE)
    identity.grant(*here)
    return identity


def test_who_has_exactly_the_required_rights_provisions_rotates_and_tears_down(in_fabric: Identity) -> None:
    assert [right.role for right in IN_FABRIC] == ["Contributor in it"]
    join(in_fabric, "Contributor")
    in_fabric.walk()


def test_a_viewer_of_the_workspace_is_told_the_role(in_fabric: Identity) -> None:
    join(in_fabric, "Contributor")
    in_fabric.cli.done("provision", "--yes")
    join(in_fabric, "Viewer")
    in_fabric.cli.spec["airflow"]["connections_prefix"] = "conns"
    in_fabric.cli.forget_calls()
    for verb, *options in (("doctor",), ("provision", "--yes")):
        said = in_fabric.cli(verb, *options)
        assert said.code == 4, said.out + said.err
        assert f"Missing permission: Contributor on workspace {WORKSPACE_ID}." in said.out + said.err
    assert [one for one in in_fabric.cli.writes() if not one.endswith("/getDefinition")] == []


def join(identity: Identity, role: str) -> None:
    """Give it the role in the workspace."""
    roles = {OPERATOR_OBJECT_ID: "Admin", identity.someone.object_id: role}
    Fabric(azure=identity.cli.azure).settings(roles=roles)
