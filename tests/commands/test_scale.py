"""An environment that needs more calls than the services take at once: it waits its turn, and nothing is lost."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.commands.test_lifecycle import secret

if TYPE_CHECKING:
    from tests.command_line import Cli

VARIABLES, PRINCIPALS, JARS = 60, 6, 3
LOWERED = {"vault.create": 30, "arm.reads": 60, "arm.writes": 60, "arm.deletes": 60}


def turned_away(cli: Cli) -> Counter[tuple[str, str]]:
    """By call, how often a limit answered since the calls were last forgotten."""
    calls = cli.azure.control("GET", "/calls")["calls"]
    return Counter((call["path"], call["client_request"]) for call in calls if call["status"] == 429)


def test_no_call_is_turned_away_twice_and_nothing_is_lost(cli: Cli) -> None:
    group = f"{cli.azure.subscription}/resourceGroups/flink-local"
    cli.spec["variables"] = {f"variable_{number}": f"value {number}" for number in range(VARIABLES)}
    cli.spec["principals"] = {f"p{number}": {"role": "Reader", "scope": group} for number in range(PRINCIPALS)}
    cli.spec["jars"] = [{"jar": cli.spec["job"], "directory": f"jar-{number}"} for number in range(JARS)]
    cli.azure.control("PUT", "/settings/limits", LOWERED)

    made = cli.done("provision")
    refused = turned_away(cli)

    assert "failed" not in made.out
    assert refused
    assert set(refused.values()) == {1}
    cli.azure.control("PUT", "/settings/limits", {})
    cli.forget_calls()
    assert cli("plan", "--detailed-exitcode").code == 0
    names = [f"hdinsight-aks-variables-variable-{number}" for number in range(VARIABLES)]
    found = [secret(cli, "GET", name)["value"] for name in names]
    assert found == [f"value {number}" for number in range(VARIABLES)]

    cli.azure.control("PUT", "/settings/limits", LOWERED)
    cli.forget_calls()
    cli.done("teardown", "--yes")

    assert set(turned_away(cli).values()) <= {1}
    cli.azure.control("PUT", "/settings/limits", {})
    assert cli.done("plan", "--json").json()["summary"]["create"] > VARIABLES + 4 * PRINCIPALS + JARS
