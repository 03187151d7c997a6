"""An import that Data Factory accepted is done once Airflow has the file; until then plans say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.command_line import Cli

IMPORT = "dag_import/FlinkWordCountExample"
SYNC = "POST management.azure.com"


def airflow(cli: Cli, **settings: object) -> None:
    cli.azure.control("PUT", "/settings/airflow", {"tells_sources": True, **settings})


def test_an_import_that_fails_after_it_was_accepted_fails_the_run_and_the_next_plan_says_so(cli: Cli) -> None:
    airflow(cli, imports_fail=True)
    cli.spec["waits"] = {"import": "1s"}

    failed = cli("provision")

    assert (failed.code, f"! failed {IMPORT}" in failed.out) == (3, True), failed.out
    assert "Airflow has not parsed the current dags/flink_wordcount.py after 1 s" in failed.out
    planned = cli.done("plan", "--detailed-exitcode")
    assert f"  keep {IMPORT}: sent, not confirmed: `provisioner verify` asks Airflow; " in planned.out
    airflow(cli)
    assert cli.done("provision", "--json").actions() == {}
    again = cli.done("provision", "--reimport", "--json")
    assert again.actions() == {IMPORT: "update"}
    assert "not confirmed" not in cli.done("plan").out


def test_a_confirmed_import_is_sent_again_only_where_that_is_asked_for(cli: Cli) -> None:
    airflow(cli)
    cli.done("provision")
    cli.forget_calls()

    cli.done("provision")
    assert cli.writes() == []

    cli.done("provision", "--reimport")
    assert sum(call.endswith("/airflow/sync") for call in cli.writes()) == 1


def test_a_saved_plan_takes_no_reimport(provisioned: Cli, tmp_path: object) -> None:
    said = provisioned("provision", "--plan", f"{tmp_path}/plan.json", "--reimport")

    assert (said.code, "--reimport: a saved plan holds all that is done" in said.err) == (4, True)


def test_a_runtime_in_a_failed_state_is_not_ready(provisioned: Cli) -> None:
    airflow(provisioned, state="Failed")
    provisioned.spec["variables"]["greeting"] = "another"

    said = provisioned("doctor")

    assert (said.code, "✗ airflow_runtime/airflow: its state is Failed" in said.out) == (4, True), said.out
    assert provisioned("provision", "--yes").code == 4


def test_a_runtime_that_fails_while_it_starts_ends_the_wait(cli: Cli) -> None:
    airflow(cli, state="Failed")

    said = cli("provision")

    assert (said.code, "its state is Failed. Look at it in Data Factory Studio" in said.out) == (3, True), said.out
