"""A clock of this machine that is wrong is told of, on the real Azure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from provisioner.cli import diagnostics

if TYPE_CHECKING:
    import pytest

    from tests.command_line import Cli, Said


def status(cli: Cli, cloud: str) -> Said:
    """By the public cloud's road, or the local one's, to the same local Azure."""
    cli.spec["cloud"], cli.spec["airflow"]["version"] = cloud, "2.6.3"
    cli.env = cli.azure.env
    return cli.run_process("status", str(cli.file))


def test_a_clock_that_is_minutes_wrong_is_told_of_on_standard_error(cli: Cli) -> None:
    cli.azure.advance(720)

    said = status(cli, "public")

    assert said.code == 0, said.err
    assert "This machine's clock is 12 minutes behind Azure's" in said.err
    assert "clock is" not in said.out


def test_one_that_is_ahead_is_told_of_too(capsys: pytest.CaptureFixture[str]) -> None:
    diagnostics.warn_if_clock_is_wrong(timedelta(minutes=5))
    assert capsys.readouterr() == ("", "")

    diagnostics.warn_if_clock_is_wrong(timedelta(minutes=6))
    assert "6 minutes ahead of Azure's" in capsys.readouterr().err


def test_a_clock_that_is_nearly_right_is_not(cli: Cli) -> None:
    cli.azure.advance(200)

    assert (status(cli, "public").code, status(cli, "public").err) == (0, "")


def test_the_local_azure_may_have_any_clock(cli: Cli) -> None:
    cli.azure.advance(720)

    assert (status(cli, "local").code, status(cli, "local").err) == (0, "")


def test_doctor_takes_any_clock_of_a_local_azure_for_right(cli: Cli) -> None:
    cli.done("provision")
    cli.azure.advance(720)
    cli.azure.tokens.clear()

    said = cli.done("doctor")

    assert ("clock is right" in said.out, "clock is" in said.err) == (True, False)
