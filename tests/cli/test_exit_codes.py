"""What the exit code of a verb that writes says of its steps, and of what ended it beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provisioner.cli.reported import exit_code
from provisioner.commands import Report
from provisioner.errors import Interrupted, NotAuthorized, NotInUse, ProvisionerError, Unexpected
from provisioner.model import Action, Address, Outcome, Plan, Result, Step
from tests.cli.test_signals import until

if TYPE_CHECKING:
    from tests.command_line import Cli

STAYS = NotInUse(key="client_secret/airflow/1", holder="airflow_runtime/airflow", awaited_from="a run", seconds=1.0)
DENIED, BROKEN = NotAuthorized(operation="read"), Unexpected(operation="write")
NO_MORE = {"fault": "error", "status": 400, "code": "BadRequest", "times": None}
AGAIN = "What was done before that stays; run the command again"


def report(*errors: Exception, done: bool = False, wrote: bool = False, by: ProvisionerError | None = None) -> Report:
    """Steps that failed so, and perhaps one that went well; by: what ended the run."""
    step = Step(address=Address("box", "a"), action=Action.DELETE)
    outcomes = [Outcome(step=step, result=Result.FAILED, error=error) for error in errors]
    well = [Outcome(step=step, result=Result.DONE)] if done else []
    plan = Plan(environment="dev", steps=(step,), digest="")
    return Report(plan=plan, outcomes=(*outcomes, *well), wrote=wrote, error=by)


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (report(), 0),
        (report(done=True), 0),
        (report(wrote=True), 0),
        (report(BROKEN), 1),
        (report(BROKEN, done=True), 3),
        (report(BROKEN, wrote=True), 3),
        (report(DENIED), 4),
        (report(DENIED, wrote=True), 3),
        (report(DENIED, BROKEN), 1),
        (report(STAYS), 3),
        (report(STAYS, done=True), 3),
        (report(STAYS, BROKEN), 1),
        (report(done=True, wrote=True, by=BROKEN), 3),
        (report(wrote=True, by=Interrupted(during="reading")), 130),
    ],
)
def test_a_code_says_whether_it_went_well_and_who_is_to_go_on(found: Report, code: int) -> None:
    assert exit_code(found) == code


@pytest.mark.parametrize(
    "rule",
    [
        {"path": "/lease$"},  # group, account and lock container are there by then
        {"path": "/vaults/kv-flink-local$", "method": "GET", "skip": 1},
    ],
    ids=["at its lease", "while it reads again"],
)
def test_a_first_provision_that_ends_after_a_write_exits_with_3_and_says_what_is_done(
    cli: Cli, rule: dict[str, Any]
) -> None:
    cli.azure.fault(**NO_MORE, **rule)

    said = cli("provision")

    assert said.code == 3, said.out + said.err
    assert "created resource_group/flink-local" in said.out
    assert said.out.splitlines()[-1].startswith("local: ")
    assert "un the command again" in said.out + said.err
    cli.azure.control("DELETE", "/faults")
    cli.done("provision")


def test_a_run_whose_azure_has_gone_after_a_write_exits_with_3(cli: Cli) -> None:
    cli.azure.control("PUT", "/faults", {"latency_ms": 60})
    process = cli.process("provision", str(cli.file))
    until(process, "created application")
    cli.azure.fault(**NO_MORE)

    out, err = process.communicate(timeout=60)

    assert process.returncode == 3, out + err
    assert "Traceback" not in err


def test_a_rotation_that_cannot_read_again_after_a_write_exits_with_3(provisioned: Cli) -> None:
    provisioned.azure.fault(**NO_MORE, method="GET", path="applications.*flink-api", skip=2)

    said = provisioned("rotate", "--force")

    assert said.code == 3, said.out + said.err
    assert "un the command again" in said.out + said.err


def test_what_ends_a_run_before_its_first_write_exits_with_1(provisioned: Cli) -> None:
    provisioned.spec["variables"]["greeting"] = "another"
    provisioned.azure.fault(**NO_MORE, path="/lease$")

    said = provisioned("provision")

    assert (said.code, AGAIN in said.err) == (1, False), said.err


@pytest.mark.parametrize("options", [(), ("--debug",)])
def test_a_run_whose_output_nobody_takes_any_more_exits_with_3(cli: Cli, options: tuple[str, ...]) -> None:
    with cli.process("provision", str(cli.file), *options) as process:
        until(process, "created resource_group")
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()

    assert process.returncode == 3, err
    assert AGAIN in err
