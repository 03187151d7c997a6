"""`access: release`: the caller's roles to write data are there for the time of a run only, those to read stay."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands.test_lifecycle import ours_anywhere
from tests.resource_manager import OPERATOR, Manager

if TYPE_CHECKING:
    from tests.command_line import Cli

READ = ["Key Vault Secrets User", "Storage Blob Data Reader"]
WRITE = ["Key Vault Secrets Officer", "Storage Blob Data Contributor"]
GREETING = "/secrets/hdinsight-aks-variables-greeting"
VAULT = "Microsoft.KeyVault/vaults/kv-flink-local"
ACCOUNT = "Microsoft.Storage/storageAccounts/stflinklocal"


def roles(cli: Cli) -> list[str]:
    """The caller's roles on vault and account."""
    arm = Manager(azure=cli.azure)
    names = {one["name"]: one["properties"]["roleName"] for one in _list(arm, "", "roleDefinitions")}
    found: list[str] = []
    for resource in (VAULT, ACCOUNT):
        path = f"/resourceGroups/flink-local/providers/{resource}"
        listed = [one["properties"] for one in _list(arm, path, "roleAssignments")]
        mine = [one for one in listed if one["principalId"] == _caller(cli) and one["scope"].endswith(resource)]
        found += [names[one["roleDefinitionId"].rsplit("/", 1)[-1]] for one in mine]
    return sorted(found)


def _list(arm: Manager, path: str, what: str) -> list[dict[str, Any]]:
    return arm("GET", f"{path}/providers/Microsoft.Authorization/{what}", version="2022-04-01").json()["value"]


def _caller(cli: Cli) -> str:
    return cli.azure.graph("GET", f"servicePrincipals(appId='{cli.azure.operator_client_id}')").json()["id"]


@pytest.fixture
def releasing(cli: Cli) -> Cli:
    """Provisioned with `access: release`."""
    cli.spec["access"] = "release"
    cli.done("provision")
    cli.forget_calls()
    return cli


def test_a_run_takes_back_what_it_needed_to_write_and_can_still_read(releasing: Cli) -> None:
    assert roles(releasing) == READ

    planned = releasing.done("plan", "--json", "--detailed-exitcode").json()

    assert planned["summary"] == {
        **dict.fromkeys(planned["summary"], 0),
        "access": 2,
        "keep": len(planned["steps"]) - 2,
    }
    assert {step["address"] for step in planned["steps"] if step["action"] != "keep"} == {
        "caller_access/vault-write",
        "caller_access/account-write",
    }


def test_a_run_with_nothing_to_write_is_granted_nothing(releasing: Cli) -> None:
    said = releasing.done("provision")

    assert releasing.writes() == []
    assert "blocked" not in said.out


def test_a_run_is_granted_only_what_it_writes_with(releasing: Cli) -> None:
    releasing.spec["variables"]["greeting"] = "another"

    done = releasing.done("provision", "--json").json()

    access = {step["address"]: step["outcome"] for step in done["steps"] if "caller_access" in step["address"]}
    assert access["caller_access/vault-write"] == "done"
    assert access["caller_access/account-write"] == "unchanged"
    assert roles(releasing) == READ
    assert releasing("plan", "--detailed-exitcode").code == 0


def test_what_the_spec_no_longer_names_is_deleted_with_it(releasing: Cli) -> None:
    del releasing.spec["variables"]["greeting"]

    releasing.done("provision", "--yes")

    assert roles(releasing) == READ
    assert releasing("plan", "--detailed-exitcode").code == 0


def test_a_rotation_takes_it_back_too(releasing: Cli) -> None:
    releasing.done("rotate", "--force", "--yes")

    assert roles(releasing) == READ
    assert releasing("plan", "--detailed-exitcode").code == 0


def test_a_teardown_leaves_no_access(releasing: Cli) -> None:
    said = releasing("teardown")

    assert said.code == 0, said.out + said.err
    assert ours_anywhere(releasing) == []


def test_a_grant_that_takes_effect_late_is_waited_for(releasing: Cli) -> None:
    releasing.spec["variables"]["greeting"] = "another"
    releasing.azure.control("PUT", "/faults", {"grant_lag_seconds": 3})

    said = releasing("provision")

    assert said.code == 0, said.out + said.err
    releasing.azure.control("DELETE", "/faults")
    assert roles(releasing) == READ


def kept(cli: Cli) -> None:
    """The environment was provisioned without it: roles to write stand, none to read."""
    cli.done("provision")
    assert roles(cli) == WRITE
    cli.spec["access"] = "release"


def test_what_a_run_left_standing_goes_with_the_next_one(cli: Cli) -> None:
    kept(cli)
    assert cli("plan", "--detailed-exitcode").code == 0

    cli.done("provision")

    assert roles(cli) == READ
    assert cli("plan", "--detailed-exitcode").code == 0
    cli.spec["access"] = "keep"
    cli.done("provision")
    assert roles(cli) == sorted((*READ, *WRITE))
    cli.done("teardown")
    assert ours_anywhere(cli) == []


@pytest.mark.parametrize("verb", ["provision", "rotate", "teardown"])
def test_a_killed_run_leaves_it_to_the_next_one(releasing: Cli, verb: str) -> None:
    releasing.spec["variables"]["greeting"] = "another"
    process = releasing.process("provision", str(releasing.file))
    releasing.azure.fault(fault="kill", host="vault.azure.net", path=GREETING, method="PUT", pid=process.pid)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert roles(releasing) == sorted((*READ, "Key Vault Secrets Officer"))

    said = releasing(verb, "--yes")

    assert said.code == 0, said.out + said.err
    assert roles(releasing) == (READ if verb != "teardown" else [])


def test_another_callers_run_takes_back_what_a_killed_one_left(releasing: Cli) -> None:
    arm = Manager(azure=releasing.azure)
    someone = arm.someone("killed")
    text = next(
        text
        for one in _list(arm, f"/resourceGroups/flink-local/providers/{VAULT}", "roleAssignments")
        if "/access" in (text := one["properties"]["description"] or "")
    )
    where = f"/resourceGroups/flink-local/providers/{VAULT}"
    assert arm.grant(where, "Key Vault Secrets Officer", someone.object_id, description=text).status == 201
    assert releasing("plan", "--detailed-exitcode").code == 0

    releasing.done("provision")

    assert [
        one for one in _list(arm, where, "roleAssignments") if one["properties"]["principalId"] == someone.object_id
    ] == []


def test_who_has_the_rights_from_elsewhere_keeps_them(cli: Cli) -> None:
    arm = Manager(azure=cli.azure)
    for role in ("b86a8fe4-44ce-4948-aee5-eccb2c155cd7", "ba92f5b4-2d11-453d-a403-e96b0029c9fe"):
        assert arm.grant(arm.group("flink-local"), role, OPERATOR).status == 201
    cli.spec["access"] = "release"

    cli.done("provision")

    assert set(roles(cli)) <= set(READ)
    assert cli.done("plan", "--json").json()["summary"]["access"] == 0


def test_a_run_that_is_interrupted_takes_it_back(releasing: Cli) -> None:
    releasing.spec["variables"]["greeting"] = "another"
    process = releasing.process("provision", str(releasing.file))
    releasing.azure.fault(fault="interrupt", path=f"{VAULT}/.*/roleAssignments/", method="PUT", pid=process.pid)

    out, err = process.communicate(timeout=60)

    assert process.returncode == 130, out + err
    assert roles(releasing) == READ
    assert lease_is_free(releasing)


def lease_is_free(cli: Cli) -> bool:
    path = f"/resourceGroups/flink-local/providers/{ACCOUNT}/blobServices/default/containers"
    listed = Manager(azure=cli.azure)("GET", path, version="2023-05-01").json()["value"]
    return all(one["properties"]["leaseState"] != "leased" for one in listed)


def test_access_that_cannot_be_taken_back_is_reported(releasing: Cli) -> None:
    releasing.spec["variables"]["greeting"] = "another"
    refused = {"fault": "error", "status": 403, "code": "AuthorizationFailed", "times": None}
    releasing.azure.fault(**refused, path=f"{VAULT}/.*/roleAssignments/", method="DELETE")

    said = releasing("provision")

    assert said.code == 3
    assert "! failed caller_access/vault-write" in said.out
    assert lease_is_free(releasing)
    releasing.azure.control("DELETE", "/faults")
    releasing.done("provision")
    assert roles(releasing) == READ
