"""Every read is some seconds old: what a run has just made is not visible yet, and is waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_signals import until
from tests.commands.test_lifecycle import ours_anywhere

if TYPE_CHECKING:
    from tests.command_line import Cli

LAG_SECONDS = 3.0
PLANS = {"provision": ["plan"], "rotate": ["rotate", "--plan-only", "--force"]}
WRITES = {"provision": [], "rotate": ["--force"]}
VAULT, FILES = "Microsoft.KeyVault/vaults/kv-flink-local$", "stflinklocal.dfs"


@pytest.fixture
def stale(cli: Cli) -> Cli:
    """Reads that are so old from now on."""
    cli.azure.control("PUT", "/faults", {"lag_seconds": LAG_SECONDS})
    return cli


def test_an_environment_is_made_and_removed_while_every_read_is_stale(stale: Cli) -> None:
    assert stale("validate").code == 0  # writes the file
    made = stale.run_process("provision", str(stale.file))
    assert made.code == 0, made.out + made.err
    assert made.out.count("created lock_container/lock") == 1
    assert stale("plan", "--detailed-exitcode").code == 0

    removed = stale.run_process("teardown", str(stale.file), "--yes")
    assert removed.code == 0, removed.out + removed.err

    stale.azure.control("DELETE", "/faults")
    assert ours_anywhere(stale) == []


@pytest.mark.parametrize("word", ["created storage_account", "created key_vault"])
def test_names_that_a_killed_run_has_just_taken_are_no_other_owner_s(stale: Cli, word: str) -> None:
    process = stale.process("provision", str(stale.file))
    until(process, word)
    process.kill()
    process.communicate()

    said = stale("doctor")  # which asks for names at once

    assert said.code == 0, said.out + said.err
    again = stale("provision")
    assert again.code == 0, again.out + again.err


def test_a_vault_that_was_deleted_a_moment_ago_is_recovered(provisioned: Cli) -> None:
    provisioned.azure.fault(fault="stale", method="GET", path="/deletedVaults", seconds=600, times=6)
    provisioned.done("teardown")

    said = provisioned("provision")

    assert said.code == 0, said.out + said.err


def test_another_s_name_is_told_with_what_to_do_if_it_is_ours_after_all(provisioned: Cli) -> None:
    provisioned.azure.fault(fault="stale", method="GET", path="/deletedVaults", seconds=600, times=None)
    provisioned.done("teardown")
    provisioned.spec["waits"] = {"visible": "1s"}

    said = provisioned("provision")

    assert said.code == 4
    assert "If this environment created or deleted it a moment ago, run the command again" in said.err


@pytest.mark.parametrize(
    ("code", "where"),
    [
        ("ResourceGroupNotFound", {"method": "PUT", "path": VAULT}),
        ("ResourceNotFound", {"method": "PUT", "path": "/blobServices/default/containers/"}),
        ("ParentResourceNotFound", {"method": "PUT", "path": "/integrationruntimes/"}),
        ("FilesystemNotFound", {"method": "PUT", "host": FILES, "path": "wordcount.jar"}),
    ],
)
def test_a_parent_that_this_run_has_made_is_waited_for(cli: Cli, code: str, where: dict[str, Any]) -> None:
    cli.azure.fault(fault="error", status=404, code=code, times=2, **where)

    said = cli("provision")

    assert said.code == 0, said.out + said.err


def test_an_operation_that_no_replica_shows_yet_is_polled_again(cli: Cli) -> None:
    cli.azure.fault(fault="error", status=404, code="OperationNotFound", method="GET", path="asyncoperations", times=3)
    assert cli("provision").code == 0


def test_a_parent_that_this_run_has_not_made_is_an_error(provisioned: Cli) -> None:
    provisioned.spec["variables"]["greeting"] = "another"
    provisioned.azure.fault(fault="error", status=404, code="ResourceNotFound", method="PUT", host="vault", times=None)

    said = provisioned("provision")

    assert (said.code, "404 ResourceNotFound" in said.out) == (1, True), said.out


@pytest.mark.parametrize("verb", ["provision", "rotate"])
def test_secrets_that_were_denied_while_a_grant_took_effect_are_read_again(provisioned: Cli, verb: str) -> None:
    provisioned.spec["variables"]["greeting"] = "another"
    secrets = {"method": "GET", "host": "kv-flink-local", "path": "^/secrets/."}
    provisioned.forget_calls()
    provisioned(*PLANS[verb])
    calls = provisioned.azure.control("GET", "/calls")["calls"]
    read = [c for c in calls if (c["method"], c["host"][:14]) == ("GET", "kv-flink-local") and c["path"] != "/secrets"]
    provisioned.azure.fault(fault="error", status=403, code="Forbidden", skip=len(read), times=2, **secrets)

    said = provisioned(verb, *WRITES[verb])

    assert said.code == 0, said.out + said.err
    assert provisioned.azure.control("GET", "/faults")["rules"][0]["hit"] == 2
