"""A missing right that the caller may activate in Privileged Identity Management, on the local Azure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from provisioner.cloud.built_in_roles import GUIDS
from tests.kinds.azure_setup import cloud_of
from tests.resource_manager import Manager

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

WRITE = "Microsoft.KeyVault/vaults/write"
ASSIGN = "Microsoft.Authorization/roleAssignments/write"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who may read a group, and perhaps more after an activation."""

    arm: Manager
    cloud: Cloud
    object_id: str
    scope: str

    def is_eligible(self, **scopes: str) -> None:
        """By the name of the role, with _ for a space."""
        roles = [{"role": GUIDS[name.replace("_", " ")], "scope": scope} for name, scope in scopes.items()]
        self.arm.azure.control("PUT", "/settings/eligible_roles", {self.object_id: roles})

    def missing(self, right: str) -> str:
        return self.cloud.caller_rights.remedy_if_missing(self.scope, right) or ""

    def requests(self) -> list[str]:
        calls = self.arm.azure.control("GET", "/calls")["calls"]
        return [call["path"] for call in calls if "roleeligibility" in call["path"].lower()]


@pytest.fixture
def caller(azure: LocalAzure) -> Caller:
    arm = Manager(azure=azure)
    group, someone = arm.group(), arm.someone()
    assert arm.grant(group, GUIDS["Reader"], someone.object_id).status == 201
    cloud = cloud_of(azure, (someone.app_id, someone.secret))
    return Caller(arm=arm, cloud=cloud, object_id=someone.object_id, scope=f"{azure.subscription}{group}")


def test_who_is_eligible_for_a_role_with_the_right_is_told_to_activate_it(caller: Caller) -> None:
    subscription = caller.arm.azure.subscription
    caller.is_eligible(Reader=caller.scope, Contributor=subscription)

    said = caller.missing(WRITE)

    assert said.startswith(f"You are eligible for Contributor on {subscription} in Privileged Identity Management")
    assert f"Missing permission: {WRITE} on {caller.scope}" in said


def test_a_role_without_the_right_or_elsewhere_is_not_named(caller: Caller) -> None:
    vault, other = f"{caller.scope}/providers/Microsoft.KeyVault/vaults/kv", f"{caller.scope}-two"
    caller.is_eligible(Contributor=vault, Owner=other)
    assert caller.missing(WRITE).startswith("Missing permission")
    caller.cloud.session.reads.new_pass()
    caller.is_eligible(Contributor=caller.scope)
    assert caller.missing(ASSIGN).startswith("Missing permission")


def test_each_scope_is_asked_once_and_only_when_a_right_is_missing(caller: Caller) -> None:
    caller.is_eligible(Contributor=caller.scope)
    caller.arm.azure.control("DELETE", "/calls")
    assert caller.missing("Microsoft.KeyVault/vaults/read") == ""
    assert caller.requests() == []

    for right in (WRITE, ASSIGN, "Microsoft.Storage/storageAccounts/write"):
        assert "Missing permission" in caller.missing(right)
    assert len(caller.requests()) == 1


@pytest.mark.parametrize("status", [403, 404, 500])
def test_where_azure_does_not_say_the_message_is_as_without(caller: Caller, status: int) -> None:
    caller.is_eligible(Contributor=caller.scope)
    path = "roleEligibilityScheduleInstances"
    caller.arm.azure.fault(fault="error", method="GET", path=path, status=status, code="Refused", times=None)

    assert caller.missing(WRITE).startswith("Missing permission")
