"""A lock on the resource group: what works under it, and what a teardown says (docs/corporate.md, Locks)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.resource_manager import Manager

if TYPE_CHECKING:
    from tests.command_line import Cli

LOCK = "/resourceGroups/flink-local/providers/Microsoft.Authorization/locks/keep"


def test_under_a_lock_against_deletion_all_works_but_teardown_which_says_what_remains(provisioned: Cli) -> None:
    arm = Manager(azure=provisioned.azure, version="2016-09-01")
    assert arm("PUT", LOCK, {"properties": {"level": "CanNotDelete"}}).status == 201
    provisioned.spec["variables"] = {"greeting": "another"}

    provisioned.done("provision")
    provisioned.done("rotate", "--force", "--yes")
    said = provisioned("teardown")

    assert said.code == 3, said.out + said.err
    failed = [line for line in said.out.splitlines() if "! failed " in line]
    assert {line.split()[2].partition("/")[0] for line in failed} == {"role_assignment", "caller_access"}
    assert all("409 ScopeLocked" in line and "remove the lock" in line for line in failed)
    remains = {line.split()[1] for line in said.out.splitlines() if line.startswith("  blocked ")}
    assert remains >= {"resource_group/flink-local", "key_vault/kv-flink-local", "storage_account/stflinklocal"}

    assert arm("DELETE", LOCK).status == 200
    provisioned.done("teardown")
    assert Manager(azure=provisioned.azure)("GET", "/resourceGroups/flink-local").status == 404
