"""The caller's own way in: made, waited for, also by the run after one that did not get to wait."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from tests.reliability.leases import lease

if TYPE_CHECKING:
    from tests.command_line import Cli


def now(cli: Cli) -> datetime:
    return datetime.fromisoformat(cli.azure.control("GET", "/clock")["now"])


def gave_up_waiting(cli: Cli) -> None:
    """The grants stand and have not arrived: a run was killed in between, or had no patience."""
    cli.azure.control("PUT", "/faults", {"grant_lag_seconds": 3600})
    cli.spec["waits"] = {"grant": "1s"}
    assert cli("provision").code == 3
    cli.spec["waits"] = {"grant": "2m"}


def gave_up_too_early(cli: Cli) -> None:
    """The same, and they arrive in a moment, not before two seconds from now."""
    began = now(cli)
    gave_up_waiting(cli)
    cli.azure.control("PUT", "/faults", {"grant_lag_seconds": (now(cli) - began).total_seconds() + 2.0})


def test_a_run_waits_for_the_access_that_a_run_before_it_was_given(cli: Cli) -> None:
    gave_up_too_early(cli)

    said = cli("provision")

    assert said.code == 0, said.out + said.err
    cli.azure.control("DELETE", "/faults")
    assert cli("plan", "--detailed-exitcode").code == 0


def test_a_plan_counts_access_that_has_not_arrived_as_access(cli: Cli) -> None:
    gave_up_waiting(cli)

    planned = cli.done("plan", "--json").json()

    assert planned["summary"]["access"] >= 1
    assert planned["summary"]["defer"] > 0


def test_a_teardown_waits_for_it_too(cli: Cli) -> None:
    gave_up_too_early(cli)

    said = cli("teardown")

    assert said.code == 0, said.out + said.err
    assert cli.done("output", "--json").json()["resources"].keys() == {"data_factory/airflow", "flink_cluster/flink"}


def deny_a_secret(cli: Cli, times: int | None) -> None:
    """Though the caller's grant stands: it was made, or taken away, between two readings."""
    denied = {"fault": "error", "status": 403, "code": "ForbiddenByRbac", "times": times}
    cli.azure.fault(**denied, host="vault.azure.net$", path="^/secrets/.*-greeting", method="GET")


@pytest.mark.parametrize("verb", ["provision", "teardown"])
@pytest.mark.parametrize(("times", "code"), [(1, 0), (None, 4)])
def test_who_is_denied_looks_once_more(provisioned: Cli, verb: str, times: int | None, code: int) -> None:
    deny_a_secret(provisioned, times)

    assert provisioned(verb, "--yes").code == code


@pytest.mark.parametrize("verb", ["provision", "teardown"])
def test_who_is_denied_beside_another_run_is_told_of_that(provisioned: Cli, verb: str) -> None:
    provisioned.spec["waits"] = {"lease": "1s"}
    lease(provisioned.azure)
    deny_a_secret(provisioned, None)

    said = provisioned(verb, "--yes")

    assert said.code == 1
    assert "a run that has not written its name yet has it" in said.err


def test_what_is_refused_for_another_reason_is_looked_at_once(provisioned: Cli) -> None:
    provisioned.spec["location"] = "northeurope"
    provisioned.forget_calls()

    assert provisioned("provision", "--yes").code != 0

    seen = [call["path"] for call in provisioned.azure.control("GET", "/calls")["calls"]]
    assert sum(path.endswith("/secrets/hdinsight-aks-variables-greeting/") for path in seen) == 1
