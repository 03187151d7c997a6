"""`init`: from a few answers to the file of an environment that stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.test_terminal import at_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Cli, Said

PUBLIC = {
    "--cloud": "public",
    "--subscription": "0b6d3b3f-5d1c-4d3f-8f0e-6c1f2a7b9c02",
    "--set": "flink.url=https://flink.example.com",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the tool runs."""
    place = tmp_path / "empty"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


def options(**changed: str) -> list[str]:
    named = {**PUBLIC, **{f"--{name.replace('_', '-')}": value for name, value in changed.items()}}
    return ["--offline", *(word for pair in named.items() for word in pair)]


def text(folder: Path, name: str = "dev") -> str:
    return (folder / "environments" / f"{name}.yaml").read_text()


def done(said: Said) -> Said:
    assert said.code == 0, said.err
    return said


def test_on_the_local_azure_nothing_is_asked_and_what_it_writes_stands(cli: Cli, folder: Path) -> None:
    said = done(cli.run("init", "--cloud", "local", "Mine"))

    assert said.out.splitlines()[0] == "wrote environments/Mine.yaml. Next:"
    assert said.out.split()[-6:] == ["provisioner", "provision", "Mine", "provisioner", "run", "Mine"]
    assert text(folder, "Mine").startswith("# yaml-language-server: $schema=environment.schema.json\n")
    assert '"$schema"' in (folder / "environments/environment.schema.json").read_text()
    done(cli.run("provision", "Mine", "--yes"))
    done(cli.run("plan", "Mine", "--detailed-exitcode"))
    assert "exists already" in cli.run("init", "--cloud", "local", "Mine").err


def test_options_answer_everything_where_nobody_can_be_asked(cli: Cli, folder: Path) -> None:
    said = done(cli.run("init", "dev", *options(aks="")))

    assert said.out.split()[-6:] == ["provisioner", "doctor", "dev", "provisioner", "provision", "dev"]
    lines = text(folder).splitlines()
    assert "resource_group: rg-flink-dev  # created if it does not exist" in lines
    assert "  url: https://flink.example.com" in lines
    assert "  target: self-managed" in lines
    assert "credential" not in text(folder)
    done(cli.run("validate", "dev"))


def test_without_a_terminal_all_that_is_missing_is_named_at_once(cli: Cli, folder: Path) -> None:
    said = cli.run("init", "dev", "--cloud", "public", "--offline")

    assert said.code == 4
    assert "Add --subscription …, --set flink.url …" in said.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["a b"], "a b: is no name of an environment. use up to 40"),
        (["dev", "--cloud", "mars"], "--cloud mars: cannot be used. Write one of public, local"),
        (["dev", *options(vault="a--b")], "--vault a--b: cannot be used. Use 3 to 24 letters"),
        (["dev", *options(flink="storm")], "--flink storm: cannot be used. Write one of rest"),
        (["dev", *options(set="flink.url")], "--set flink.url: is no field with a value"),
        (["dev", *options(set="flink.url=nowhere")], "--set flink.url nowhere: cannot be used. Write the address"),
    ],
)
def test_an_answer_that_cannot_be_is_refused_with_what_would_be_right(
    cli: Cli, folder: Path, words: list[str], wrong: str
) -> None:
    said = cli.run("init", *words)
    assert (said.code, wrong in said.err) == (4, True), said.err
    assert list(folder.iterdir()) == []


def test_further_fields_may_be_given_and_two_answers_that_do_not_fit_are_told(cli: Cli, folder: Path) -> None:
    (folder / "environments").mkdir()
    done(cli.run("init", "dev", *options(), "--set", "airflow.rollout=3h"))
    assert "  rollout: 3h" in text(folder).splitlines()
    said = cli.run("init", "two", *options(), "--set", "airflow.url=https://airflow.example.com")
    assert (said.code, "is of no use without a correct `api`" in said.err) == (1, True)


def test_a_target_that_is_closed_is_taken_with_a_note(cli: Cli, folder: Path) -> None:
    fields = ("--set", "airflow.factory=factory", "--set", "airflow.runtime=airflow")
    said = done(cli.run("init", "dev", *options(airflow="data-factory"), *fields))
    assert "note: Data Factory has made no new Airflow runtimes since 1 January 2026" in said.err
    assert "  runtime: airflow" in text(folder).splitlines()


def test_a_folder_that_cannot_be_written_is_told(cli: Cli, folder: Path) -> None:
    (folder / "environments").write_text("no folder")
    said = cli.run("init", "dev", *options())
    assert (said.code, "cannot be written" in said.err) == (4, True)


def test_at_a_terminal_what_the_account_sees_is_offered(cli: Cli, folder: Path) -> None:
    cli.env = cli.azure.env
    answers = ["", "", "", "2", "", "x", "1", "", "", "", "https://flink.example.com", "", "", "", "", "1"]

    seen = at_terminal(cli, "init", types="\n".join(answers) + "\n", asked="Which Azure", cwd=str(folder))

    assert seen.code == 0, seen.screen
    assert f"{cli.azure.subscription_id}  (Local Azure)" in seen.screen
    assert "flink-platform  (westeurope)" in seen.screen
    assert "closed: Data Factory has made no new" in seen.screen
    assert "/managedClusters/aks-platform" in text(folder)


def test_without_a_sign_in_it_asks_and_offers_nothing(cli: Cli, folder: Path) -> None:
    cli.env = {**cli.azure.env, "AZURE_CLIENT_SECRET": "wrong"}
    seen = at_terminal(cli, "init", "dev", "--cloud", "public", types="\x04", asked="Subscription", cwd=str(folder))
    assert (seen.code, "nothing can be offered: " in seen.screen) == (130, True), seen.screen
