"""What `run` refuses on its command line, before anything is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.command_line import Cli


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (["--conf", "{"], "--conf is not JSON (Expecting property name"),
        (["--conf", "[1]"], "--conf is not a JSON object; write one such as"),
        (["--conf", "[" * 100_000], "--conf is not JSON"),
        (["--timeout", "soon"], "--timeout soon: write a duration such as 15m"),
        (["--run-id", "a b"], "--run-id a b: use up to 250 letters"),
    ],
)
def test_what_is_wrong_with_its_options_is_said_before_anything_is_asked(
    cli: Cli, options: list[str], wrong: str
) -> None:
    cli.forget_calls()
    said = cli("run", *options)
    assert (said.code, said.out) == (1, "")
    assert wrong in said.err
    assert cli.azure.control("GET", "/calls")["calls"] == []
