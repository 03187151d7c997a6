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

if TYPE_CHECKING:
    import pytest

    from tests.cli.conftest import Cli

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
COUNTS = "vault_secret/hdinsight-aks-variables-greeting"


@dataclass(frozen=True)
class Seen:
    code: int
    screen: str
    out: str = ""


def at_terminal(cli: Cli, *words: str, types: str = "", asked: str = "[y/N]", json_out: bool = False) -> Seen:
    """Run with a terminal as standard input, output (unless json_out) and error; type when asked."""
    ours, theirs = pty.openpty()
    wired = {"stdin": theirs, "stdout": subprocess.PIPE if json_out else theirs, "stderr": theirs}
    process = cli.process(*words, **wired)
    os.close(theirs)
    screen, waiting = "", types
    while chunk := read(ours):
        screen += chunk
        if waiting and asked in screen:
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
    seen = at_terminal(cli, "provision", str(cli.file))

    assert seen.code == 0
    plain = COLOUR.sub("", seen.screen)
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


def test_anything_but_yes_changes_nothing(provisioned: Cli) -> None:
    drop_a_variable(provisioned)

    for typed in ("n\n", "\n", "\x04"):
        seen = at_terminal(provisioned, "provision", str(provisioned.file), types=typed)
        assert (seen.code, "nothing was changed" in seen.screen) == (1, True), seen.screen
    assert provisioned.writes() == []


def test_json_stays_one_document_when_a_question_is_asked(provisioned: Cli) -> None:
    drop_a_variable(provisioned)

    seen = at_terminal(provisioned, "provision", str(provisioned.file), "--json", types="y\n", json_out=True)

    assert seen.code == 0, seen.screen
    assert {s["address"]: s["outcome"] for s in json.loads(seen.out)["steps"]}[COUNTS] == "done"
