"""`provision` and `teardown`: their documents, what they ask, their exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.test_plan import check_document
from tests.commands.test_lifecycle import ours_anywhere, secret

if TYPE_CHECKING:
    from tests.command_line import Cli

CLUSTERS_ROLE = "role_assignment/flink.storage-blob-data-owner"  # nobody here can be the cluster's identity
OUTCOME = ("outcome", "error", "seconds")
OUTCOMES = {"done", "unchanged", "failed", "blocked", "deferred", "interrupted"}
GREETING = "vault_secret/hdinsight-aks-variables-greeting"


def test_provision_and_teardown_add_what_became_of_each_step(cli: Cli) -> None:
    for verb in ("provision", "teardown"):
        found = check_document(cli.done(verb, "--json"), *OUTCOME)

        assert {step["outcome"] for step in found["steps"]} == {"done", "unchanged"}
        assert {step["error"] for step in found["steps"]} == {None}
        assert all(isinstance(step["seconds"], float) for step in found["steps"])
        notes = {step["note"] for step in found["steps"] if step["address"] == CLUSTERS_ROLE and "note" in step}
        assert notes == ({"assigned, not proven"} if verb == "provision" else set())


def test_a_provision_with_nothing_to_do_says_so_the_same_way(provisioned: Cli) -> None:
    found = check_document(provisioned.done("provision", "--json"), *OUTCOME)

    assert {step["outcome"] for step in found["steps"]} == {"unchanged"}
    assert provisioned.done("provision").out == "local: 30 unchanged\n"


def test_a_provision_names_each_step_as_it_ends_and_counts_them(cli: Cli) -> None:
    lines = cli.done("provision").out.splitlines()

    assert lines[0].startswith("+ created resource_group/flink-local in ")
    assert sum(line.startswith("+ created ") for line in lines) == 28
    assert lines[-1] == "local: 28 created, 2 unchanged"
    assert "\x1b[" not in "".join(lines)


def test_what_fails_blocks_only_what_needs_it_and_exits_with_3(cli: Cli) -> None:
    cli.azure.fault(fault="error", method="PUT", path="integrationruntimes", status=400, code="BadRequest", times=None)

    said = cli("provision", "--json")

    found = {step["address"]: step for step in check_document(said, *OUTCOME)["steps"]}
    assert said.code == 3
    assert found["airflow_runtime/airflow"]["outcome"] == "failed"
    assert "BadRequest" in found["airflow_runtime/airflow"]["error"]
    assert found["dag_import/FlinkWordCountExample"]["outcome"] == "blocked"
    assert found[GREETING]["outcome"] == "done"
    cli.azure.control("DELETE", "/faults")
    again = cli.done("provision", "--json").actions()
    assert {"airflow_runtime/airflow", "dag_import/FlinkWordCountExample"} <= set(again)
    assert {address.split("/")[0] for address in again} == {"airflow_runtime", "dag_import", "client_secret"}


def test_what_fails_before_anything_is_done_exits_with_1(provisioned: Cli) -> None:
    provisioned.spec["variables"]["greeting"] = "another"
    provisioned.azure.fault(fault="error", method="PUT", host="vault", status=400, code="BadParameter", times=None)

    said = provisioned("provision")

    assert said.code == 1
    assert f"! failed {GREETING}: " in said.out


def test_a_cloud_that_answers_nonsense_is_an_error_and_no_traceback(cli: Cli) -> None:
    cli.azure.fault(fault="error", method="GET", path="resourcegroups", status=200, times=None)

    said = cli("plan")

    assert said.code == 1
    assert "Traceback" not in said.err


def test_a_deletion_needs_a_yes_where_no_terminal_can_ask(provisioned: Cli) -> None:
    provisioned.spec["variables"] = {}

    said = provisioned("provision")

    assert (said.code, provisioned.writes()) == (1, [])
    assert (
        "local: 1 to delete or replace: not confirmed, none of it was done. Without a terminal, add `--yes`" in said.err
    )
    assert provisioned.done("provision", "--yes", "--json").actions() == {GREETING: "delete"}


def test_a_teardown_says_what_it_removes_and_a_second_one_has_nothing_to_do(provisioned: Cli) -> None:
    lines = provisioned.done("teardown").out.splitlines()

    order = [line.split()[2] for line in lines if line.startswith("- deleted ")]
    assert order.index("role_assignment/flink-api.contributor") < order.index("service_principal/flink-api")
    assert order.index("service_principal/airflow") < order.index("application/airflow")
    assert order[-1] == "resource_group/flink-local"
    assert ours_anywhere(provisioned) == []
    again = provisioned.done("teardown", "--json")
    assert again.actions() == {}


def test_a_teardown_tries_everything_and_lists_what_remains(provisioned: Cli) -> None:
    fault = {"fault": "error", "method": "DELETE", "path": "vaults/kv-flink-local$", "status": 409, "code": "Locked"}
    provisioned.azure.fault(**fault, times=None)

    said = provisioned("teardown", "--json")

    found = {step["address"]: step["outcome"] for step in said.json()["steps"]}
    assert said.code == 3
    assert found["key_vault/kv-flink-local"] == "failed"
    assert found["resource_group/flink-local"] == "blocked"
    assert found["application/airflow"] == found["airflow_runtime/airflow"] == "done"
    provisioned.azure.control("DELETE", "/faults")
    provisioned.done("teardown")
    assert ours_anywhere(provisioned) == []


def test_what_cannot_be_removed_says_what_a_person_does(provisioned: Cli) -> None:
    secret(provisioned, "PUT", "theirs", {"value": "not ours"})

    found = provisioned("teardown", "--json")

    left = {step["address"]: step["remains"] for step in found.json()["steps"] if step.get("remains")}
    assert found.code == 3
    assert "--with-contents" in left["key_vault/kv-flink-local"]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_teardown_of_what_never_was_does_nothing(cli: Cli, options: tuple[str, ...]) -> None:
    assert cli("teardown", *options).code == 0
    assert cli.writes() == []
