"""What a plan asks Azure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.command_line import Cli


def test_a_plan_reads_each_resource_once(cli: Cli) -> None:
    cli.done("provision")
    cli.azure.control("DELETE", "/calls")

    cli.done("plan")

    calls = cli.azure.control("GET", "/calls")["calls"]
    asked = Counter(
        (call["method"], call["host"], call["path"], call["query"])
        for call in calls
        if call["host"] != "login.microsoftonline.com"
    )
    assert [call for call, times in asked.items() if times > 1] == []
    assert {method for method, *_ in asked} == {"GET", "HEAD"}
