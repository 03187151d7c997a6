"""What a person at a terminal sees and is asked, on a pseudo-terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from provisioner.cli import show
from provisioner.cloud.transport.waits import Wait
from provisioner.model import Action, Address, Step
from tests.reliability.leases import lease

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.command_line import Cli

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
STEP = Step(address=Address("toy", "one"), action=Action.UPDATE)
COUNTS = "vault_secret/hdinsight-aks-variables-greeting"


@dataclass(frozen=True)
class Seen:
    code: int
    screen: str
    out: str = ""


def at_terminal(
    cli: Cli,
    *words: str,
    types: str = "",
    asked: str = "[y/N]",
    json_out: bool = False,
    meanwhile: Callable[[], object] = lambda: None,
    **more: str,
) -> Seen:
    """Run with a terminal as standard input, output (unless json_out) and error; type when asked, after `meanwhile`."""
    ours, theirs = pty.openpty()
    wired = {"stdin": theirs, "stdout": subprocess.PIPE if json_out else theirs, "stderr": theirs, **more}
    process = cli.process(*words, **wired)
    os.close(theirs)
    screen, waiting = "", types
    while chunk := read(ours):
        screen += chunk
        if waiting and asked in screen:
            meanwhile()
            os.write(ours, waiting.encode())
            waiting = ""
    out, _ = process.communicate(timeout=60)
    os.close(ours)
    return Seen(process.returncode, screen, out or "")


def read(descriptor: int) -> str:
    with suppress(OSError):  # the other side is closed
        return os.read(descriptor, 65536).decode(errors="replace")
    return ""


def drop_a_variable(cli: Cli) -> None:
    cli.spec["variables"] = {}


def test_progress_is_shown_and_ends(cli: Cli) -> None:
    seen = at_terminal(cli, "provision", str(cli.file), types="y\n")

    assert seen.code == 0
    plain = COLOUR.sub("", seen.screen)
    assert plain.index("+ create key_vault/kv-flink-local") < plain.index("Go on? [y/N]")
    assert "+ created key_vault/kv-flink-local in " in plain
    assert "under way" in plain
    assert "local: 28 created" in plain
    assert seen.screen.rstrip().endswith("unchanged")
    assert "\x1b[?25l" not in seen.screen.rpartition("\x1b[?25h")[2]


def test_colours_are_for_terminals_that_want_them(provisioned: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    drop_a_variable(provisioned)
    words = ("plan", str(provisioned.file))

    assert "\x1b[31m- delete" in at_terminal(provisioned, *words).screen
    provisioned.env = {"NO_COLOR": "1"}
    assert "\x1b[31m" not in at_terminal(provisioned, *words).screen
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" not in provisioned.run_process(*words).out


def test_a_deletion_is_asked_about_after_it_was_shown(provisioned: Cli) -> None:
    drop_a_variable(provisioned)

    seen = at_terminal(provisioned, "provision", str(provisioned.file), types="y\n")

    plain = COLOUR.sub("", seen.screen)
    assert seen.code == 0, plain
    assert plain.index(f"- delete {COUNTS}") < plain.index("Go on? [y/N]") < plain.index(f"- deleted {COUNTS}")


def test_what_another_run_did_while_a_person_was_asked_is_no_failure(provisioned: Cli) -> None:
    drop_a_variable(provisioned)
    words = ("provision", str(provisioned.file))

    seen = at_terminal(provisioned, *words, types="y\n", meanwhile=lambda: provisioned.run_process(*words, "--yes"))

    assert seen.code == 0, seen.screen
    assert "local: 30 unchanged" in COLOUR.sub("", seen.screen)


def test_a_creation_is_asked_about_too_unless_its_plan_was_saved(cli: Cli, tmp_path: Path) -> None:
    refused = at_terminal(cli, "provision", str(cli.file), types="n\n")
    assert (refused.code, cli.writes()) == (1, [])
    assert "local: declined, none of it was done" in refused.screen
    assert "--yes" not in refused.screen

    cli.done("plan", "--out", str(tmp_path / "plan.json"))
    reviewed = at_terminal(cli, "provision", str(cli.file), "--plan", str(tmp_path / "plan.json"))
    assert (reviewed.code, "[y/N]" in reviewed.screen) == (0, False)


@pytest.mark.parametrize("verb", ["provision", "rotate", "teardown"])
def test_who_holds_the_lease_is_told_before_anybody_is_asked(provisioned: Cli, verb: str) -> None:
    drop_a_variable(provisioned)
    provisioned.azure.advance(31 * 86_400.0)  # so that there is something to rotate
    provisioned.azure.tokens.clear()
    lease(provisioned.azure)
    provisioned.spec["waits"] = {"lease": "1s"}
    provisioned.forget_calls()

    seen = at_terminal(provisioned, verb, str(provisioned.file), types="y\n")

    assert seen.code == 1
    assert "a run that has not written its name yet has it" in seen.screen
    assert "[y/N]" not in seen.screen
    assert provisioned.writes() == []


def test_a_teardown_and_a_reset_ask_also_on_the_local_azure(provisioned: Cli) -> None:
    assert provisioned("validate").code == 0  # writes the file
    torn = provisioned.run("teardown", str(provisioned.file))
    assert (torn.code, "`--yes`" in torn.err) == (1, True)
    reset = provisioned.run("local", "reset")
    assert (reset.code, "`--yes`" in reset.err) == (1, True)

    seen = at_terminal(provisioned, "teardown", str(provisioned.file), types="n\n")
    assert (seen.code, "none of it was done" in seen.screen) == (1, True), seen.screen
    assert provisioned.writes() == []


@pytest.mark.parametrize(
    ("options", "question", "removed"),
    [
        ((), "Tear local down? [y/N]", {"vault_secret", "resource_group", "application"}),
        (("--only", COUNTS), f"Tear {COUNTS} of local down? [y/N]", {"vault_secret"}),
    ],
)
def test_a_teardown_shows_its_plan_and_goes_on_after_a_yes(
    provisioned: Cli, options: tuple[str, ...], question: str, removed: set[str]
) -> None:
    words = ("teardown", str(provisioned.file), *options)
    for typed in ("n\n", "\n", "\x04"):
        refused = at_terminal(provisioned, *words, types=typed)
        assert (refused.code, provisioned.writes()) == (1, []), refused.screen

    seen = at_terminal(provisioned, *words, types="y\n")

    plain = COLOUR.sub("", seen.screen)
    assert seen.code == 0, plain
    assert plain.index(f"- delete {COUNTS}") < plain.index(question) < plain.index(f"- deleted {COUNTS}")
    created = provisioned.done("plan", "--json").actions()
    assert (created[COUNTS], removed <= {address.partition("/")[0] for address in created}) == ("create", True)
    assert (len(created) == 1) == (len(removed) == 1)


def test_anything_but_yes_changes_nothing(provisioned: Cli) -> None:
    drop_a_variable(provisioned)

    for typed in ("n\n", "\n", "\x04"):
        seen = at_terminal(provisioned, "provision", str(provisioned.file), types=typed)
        assert (seen.code, "none of it was done" in seen.screen) == (1, True), seen.screen
    assert provisioned.writes() == []


def test_json_stays_one_document_when_a_question_is_asked(provisioned: Cli) -> None:
    drop_a_variable(provisioned)

    seen = at_terminal(provisioned, "provision", str(provisioned.file), "--json", types="y\n", json_out=True)

    assert seen.code == 0, seen.screen
    assert {s["address"]: s["outcome"] for s in json.loads(seen.out)["steps"]}[COUNTS] == "done"


def test_what_a_step_waits_for_is_shown_while_it_waits(cli: Cli) -> None:
    cli.azure.control("PUT", "/faults", {"secret_lag_seconds": 4})
    cli.env = {"COLUMNS": "200"}

    seen = at_terminal(cli, "provision", str(cli.file), types="y\n")

    assert seen.code == 0, seen.screen
    plain = COLOUR.sub("", seen.screen)
    waits = re.findall(r"(\S+): waiting for a sign-in with the new secret of [0-9a-f-]{36} \((\d) s of 300 s\)", plain)
    assert {address for address, _ in waits} <= {"client_secret/airflow", "client_secret/flink-api"}
    assert {"1", "2"} <= {seconds for _, seconds in waits}
    assert "waiting for" not in plain.rpartition("\x1b[?25h")[2]


def test_a_wait_that_is_over_is_shown_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    spinner = show.Spinner()
    with spinner.spinning() as watch:
        watch(STEP, None)
        spinner.note_wait(Wait(step="toy/one", what="rain", seconds=12.0, limit_seconds=600.0))
        spinner.note_wait(Wait(step="toy/two", what="snow", seconds=3.0, limit_seconds=600.0))
        Console(width=200).print(spinner)
        spinner.note_wait(Wait(step="toy/one", what="rain", seconds=13.0, limit_seconds=600.0, over=True))
        Console(width=200).print(spinner)
        spinner.note_wait(Wait(step="toy/two", what="snow", seconds=4.0, limit_seconds=600.0, over=True))
        Console(width=200).print(spinner)

    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert lines == [
        "toy/one: waiting for rain (12 s of 600 s)",
        "toy/two: waiting for snow (3 s of 600 s); 1 more under way",
        "1 under way: toy/one",
    ]


def test_without_a_terminal_a_long_wait_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    tell = show.wait_printer(quiet=False)

    for seconds in (0.0, 9.9, 10.1, 20.0):
        tell(Wait(step="toy/one", what="rain", seconds=seconds, limit_seconds=600.0))
    assert capsys.readouterr().out == "toy/one: waiting for rain (10 s of 600 s)\n"
    tell(Wait(step="toy/one", what="rain", seconds=21.0, limit_seconds=600.0, over=True))
    tell(Wait(step="", what="rain", seconds=11.0, limit_seconds=60.0))
    tell(Wait(step="toy/one", what="rain", seconds=12.0, limit_seconds=600.0))
    assert capsys.readouterr().out.splitlines() == [
        "waiting for rain (11 s of 60 s)",
        "toy/one: waiting for rain (12 s of 600 s)",
    ]


def test_a_provision_without_a_terminal_tells_what_takes_long(cli: Cli) -> None:
    cli.azure.control("PUT", "/faults", {"secret_lag_seconds": show.LONG_SECONDS + 1})
    wait = re.compile(r"(\S+): waiting for a sign-in with the new secret of \S+ \(\d+ s of 300 s\)")

    lines = cli.run_process("provision", str(cli.file)).out.splitlines()

    found = [found[1] for line in lines if (found := wait.fullmatch(line))]
    assert sorted(found) == ["client_secret/airflow", "client_secret/flink-api"]
    assert all(line.startswith("+ created ") or wait.fullmatch(line) for line in lines[:-1])


def test_a_document_has_no_line_of_a_wait(capsys: pytest.CaptureFixture[str]) -> None:
    show.wait_printer(quiet=True)(Wait(step="toy/one", what="rain", seconds=99.0, limit_seconds=600.0))

    assert capsys.readouterr() == ("", "")
