"""A custom role that the spec names is looked up where the caller has rights; the tenant may refuse to show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands.test_least_privilege import identity
from tests.commands.test_least_privilege_elsewhere import required

if TYPE_CHECKING:
    from tests.commands.test_least_privilege import Identity

__all__ = ["identity"]

CUSTOM = "0d0a3a3e-7a43-4c58-9d7b-5a0f6f7d9d11"
OF_TENANT = "^/providers/Microsoft.Authorization/roleDefinitions"


@pytest.fixture
def watched(identity: Identity) -> Identity:
    """A further principal has a custom role on a group of others, which alone can assign that role."""
    cli, arm = identity.cli, identity.arm
    path = arm.group("rg-others")
    scope = f"{cli.azure.subscription}{path}"
    properties = {"roleName": "Job Watcher", "permissions": [{"actions": ["*/read"]}], "assignableScopes": [scope]}
    role = f"{path}/providers/Microsoft.Authorization/roleDefinitions/{CUSTOM}"
    assert arm("PUT", role, {"properties": properties}, version="2022-04-01").status == 201
    cli.spec["principals"] = {"watcher": {"role": "Job Watcher", "scope": scope}}
    return identity


def tenant_refuses(identity: Identity) -> None:
    refusal = {"status": 403, "code": "AuthorizationFailed", "message": "The client 'c' may not."}
    identity.cli.azure.fault(fault="error", method="GET", path=OF_TENANT, times=None, **refusal)


@pytest.mark.parametrize("role", ["Job Watcher", CUSTOM])
def test_it_is_found_on_the_scope_of_its_assignment_without_a_right_anywhere_above(
    watched: Identity, role: str
) -> None:
    watched.cli.spec["principals"]["watcher"]["role"] = role
    tenant_refuses(watched)
    watched.grant(*required(watched))

    watched.walk()


def test_one_that_is_not_there_is_said_to_be_none_though_the_tenant_refuses(watched: Identity) -> None:
    watched.cli.spec["principals"]["watcher"]["role"] = "Job Watchers"
    tenant_refuses(watched)
    watched.grant(*required(watched))
    watched.cli.forget_calls()

    said = watched.cli("provision", "--yes")

    assert (said.code, watched.cli.writes()) == (4, []), said.out + said.err
    assert "role 'Job Watchers': no such role can be assigned on " in said.err


@pytest.mark.parametrize("refuses", [True, False], ids=["the tenant refuses", "the tenant lists it"])
def test_who_has_no_right_on_its_scope_is_told_that_one(watched: Identity, *, refuses: bool) -> None:
    (missing,) = (right for right in required(watched) if right.where == "`principals.watcher.scope`")
    watched.grant(*(right for right in required(watched) if right != missing))
    if refuses:
        tenant_refuses(watched)

    watched.is_stopped_for(missing)
