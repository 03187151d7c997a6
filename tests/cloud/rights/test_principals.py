"""What another principal may do, seen by a caller who has rights on the resource group only."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from localazure.app.tenant import OPERATOR_OBJECT_ID
from provisioner.cloud.built_in_roles import DATA_ACTIONS, GUIDS
from tests.emulator import ARM
from tests.kinds.azure_setup import cloud_of
from tests.resource_manager import Manager

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

BLOB_READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
DEFINITIONS = "/providers/Microsoft.Authorization/roleDefinitions"


@dataclass(frozen=True, kw_only=True)
class GroupReader:
    """A group, and a caller who may read nothing else."""

    arm: Manager
    cloud: Cloud
    group: str

    @property
    def scope(self) -> str:
        return f"{self.arm.azure.subscription}{self.group}"

    def custom_role(self, name: str, *data_actions: str, at: str = "") -> str:
        guid = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
        permissions = [{"dataActions": data_actions}]
        body = {"properties": {"roleName": name, "permissions": permissions, "assignableScopes": [at or self.scope]}}
        assert self.arm("PUT", f"{self.group}{DEFINITIONS}/{guid}", body, version="2022-04-01").status == 201
        return guid

    def reads_of_roles(self) -> list[str]:
        calls = self.arm.azure.control("GET", "/calls")["calls"]
        return [call["path"] for call in calls if call["method"] == "GET" and DEFINITIONS in call["path"]]

    def allows(self) -> bool | None:
        return self.cloud.principal_rights.allows(self.scope, OPERATOR_OBJECT_ID, [BLOB_READ])


@pytest.fixture
def reader(azure: LocalAzure) -> GroupReader:
    arm = Manager(azure=azure)
    group, someone = arm.group(), arm.someone()
    assert arm.grant(group, GUIDS["Reader"], someone.object_id).status == 201
    return GroupReader(arm=arm, group=group, cloud=cloud_of(azure, (someone.app_id, someone.secret)))


@pytest.mark.parametrize(("role", "allowed"), [("Storage Blob Data Reader", True), ("Contributor", False)])
def test_a_built_in_role_is_known_without_a_call(reader: GroupReader, role: str, *, allowed: bool) -> None:
    reader.arm.grant(reader.group, GUIDS[role])

    assert (reader.allows(), reader.reads_of_roles()) == (allowed, [])


@pytest.mark.parametrize(("action", "allowed"), [(BLOB_READ, True), ("Microsoft.KeyVault/vaults/*", False)])
def test_a_custom_role_is_looked_up_where_it_is_assigned(reader: GroupReader, action: str, *, allowed: bool) -> None:
    role = reader.custom_role("custom", action)
    reader.arm.grant(reader.group, role)
    reader.arm.azure.control("DELETE", "/calls")

    assert reader.allows() is allowed
    assert reader.reads_of_roles() == [f"{reader.scope}{DEFINITIONS}/{role}"]


def test_one_that_is_assigned_where_the_caller_may_not_look_is_looked_up_at_the_tenant(reader: GroupReader) -> None:
    role = reader.custom_role("above", BLOB_READ, at=reader.arm.azure.subscription)
    assert reader.arm.grant("", role).status == 201

    assert reader.allows() is True


def test_the_built_in_roles_allow_on_data_what_azure_says(azure: LocalAzure) -> None:
    listed = azure.request("GET", f"{ARM}{DEFINITIONS}?api-version=2022-04-01").json()["value"]
    roles = {one["name"]: one["properties"]["permissions"][0] for one in listed}

    for guid in roles.keys() & DATA_ACTIONS.keys():
        assert set(roles[guid]["dataActions"]) == set(DATA_ACTIONS[guid])
        assert roles[guid]["notDataActions"] == []
