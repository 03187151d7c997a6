"""What may stand on the command line, and what a mistake on it is told."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.command_line import ROOT

if TYPE_CHECKING:
    from tests.command_line import Cli


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--debug",), "the following arguments are required: VERB"),
        (("plna", "local"), "Did you mean `plan`?"),
        (("tear-down", "local"), "Did you mean `teardown`?"),
        (("local", "sttus"), "Did you mean `status`?"),
        (("plan",), "the following arguments are required: ENV"),
        (("plan", "local", "--jsn"), "Did you mean `--json`?"),
        (("provision", "local", "--only", "a/b", "--plan", "f"), "not allowed with"),
        (("teardown", "local", "--y"), "unrecognized arguments: --y"),
        (("graph", "local", "prod"), "unrecognized arguments: prod"),
        (("plan", "--all", "prod"), "leave --all or ENV out"),
        (("plan", "--all", "--parallel", "0"), "0 is no number of environments"),
        (("plan", "--all", "--out", "plan.json"), "is about one environment"),
        (("plan", "nothing-*"), "nothing-*: matches no environment; there are: article, "),
        (("plan", "environments/nothing-*.yaml"), "nothing-*.yaml: matches no environment."),
        (("plan", "locl"), "did you mean local?"),
        (("plan", "nowhere/env.yaml"), "does not exist"),
        (("local", "exec"), "no command was given"),
    ],
)
def test_a_wrong_command_line_exits_with_1_and_says_what_was_meant(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(ROOT)

    said = cli.run(*words)

    assert (said.code, said.out) == (4 if "matches no" in told or "about one" in told else 1, "")
    assert told in said.err
    assert "Traceback" not in said.err


def test_without_arguments_the_verbs_that_matter_are_shown(cli: Cli) -> None:
    said = cli.run()

    assert (said.code, said.err) == (0, "")
    shown = [line.split()[1] for line in said.out.splitlines() if line.startswith("  provisioner ")]
    assert shown == ["doctor", "plan", "provision", "run", "rotate", "teardown"]


def test_the_version_is_that_of_the_distribution(cli: Cli) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert cli.run("--version").out == f"provisioner {declared}\n"


@pytest.mark.parametrize("verb", ["plan", "provision"])
def test_an_unknown_address_is_told_with_the_nearest_one(cli: Cli, verb: str) -> None:
    said = cli(verb, "--only", "key_vault/kv-flink-locl")

    assert said.code == 1
    assert "Did you mean key_vault/kv-flink-local?" in said.err
    assert cli.writes() == []


def test_something_that_is_no_address_is_told(cli: Cli) -> None:
    said = cli("plan", "--only", "key_vault")

    assert (said.code, "write KIND/NAME" in said.err) == (1, True)


@pytest.mark.parametrize("verb", ["graph", "render", "schema", "validate"])
def test_who_reads_no_further_breaks_nothing(cli: Cli, verb: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = (verb,) if verb == "schema" else (verb, str(cli.file))

    said = cli.run_process(*words, stdout=writing)

    os.close(writing)
    assert said.code == 1
    assert said.err == ""


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("reader", ["gone", "full"])
def test_an_error_whose_document_nobody_takes_is_a_sentence_all_the_same(
    cli: Cli, reader: str, unbuffered: str
) -> None:
    cli.env["PYTHONUNBUFFERED"] = unbuffered
    reading, pipe = os.pipe()
    os.close(reading)
    with Path("/dev/full").open("w") as full:
        said = cli.run_process("plan", "nowhere", "--json", stdout=full if reader == "full" else pipe)
    os.close(pipe)

    assert (said.code, said.err.splitlines()[0], len(said.err.splitlines())) == (1, "1 problem in the spec:", 2)


def test_a_help_that_nobody_reads_breaks_nothing(cli: Cli) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    said = cli.run_process("plan", "--help", stdout=writing)

    os.close(writing)
    assert (said.code, said.err) == (0, "")


def test_an_output_that_can_take_no_more_is_told(cli: Cli) -> None:
    with Path("/dev/full").open("w") as full:
        said = cli.run_process("schema", stdout=full)

    assert (said.code, said.err.splitlines()[0]) == (
        1,
        "standard output: No space left on device. Fix that and run the command again; it continues where it stopped.",
    )


def test_a_stream_that_cannot_show_a_character_gets_another_one(provisioned: Cli) -> None:
    provisioned.env = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    provisioned.spec["variables"]["greeting"] = "another one"

    said = provisioned.run_process("plan", str(provisioned.file))

    assert said.code == 0, said.err
    assert said.out.startswith("Changed in the file:\n~ update vault_secret/")


def test_a_file_is_found_by_its_path_from_anywhere(cli: Cli, tmp_path: Path) -> None:
    cli.file.rename(tmp_path / "moved.yaml") if cli.file.exists() else None

    assert cli.run_process("validate", str(cli.file)).out == "local: valid\n"
