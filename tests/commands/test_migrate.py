"""What `migrate` refuses before it writes anything; tests/migration/ has what it does."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from tests.command_line import Cli, Said, cli, provisioned

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

__all__ = ["cli", "provisioned"]

ELSEWHERE = "11111111-1111-4111-8111-111111111111"


def second(cli: Cli, **changes: Any) -> Cli:
    """The same environment under another name, with a runtime, a container and prefixes of its own."""
    spec: dict[str, Any] = {**copy.deepcopy(cli.spec), "name": "second"}
    spec["airflow"] |= {"runtime": "airflow-second", "container": "airflow-second"}
    spec["airflow"] |= {"variables_prefix": "second-variables", "connections_prefix": "second-connections"}
    folder = cli.file.with_name("second")  # files of one folder are checked against each other by `validate`
    folder.mkdir(exist_ok=True)
    return Cli(azure=cli.azure, file=folder / "second.yaml", spec=spec | changes, capture=cli.capture)


def migrate(old: Cli, new: Cli, *options: str) -> Said:
    """The files are written by a call that needs no network."""
    for one in (old, new):
        one.done("validate")
    return old.run("migrate", str(old.file), str(new.file), *options)


@pytest.mark.parametrize(
    ("of_old", "of_new", "message"),
    [
        ({}, {"name": "local"}, "both files have this name"),
        ({}, {"subscription": ELSEWHERE}, "its subscription is"),
        ({"protected": True}, {}, "protected"),
        ({"dag": {"schedule": "@once"}}, {}, "the schedule @once"),
        ({"dag": {"schedule": "@daily"}}, {"dag": {"schedule": "@hourly"}}, "Write the same one in both files"),
    ],
)
def test_files_that_are_not_one_environment_under_two_names_are_refused_offline(
    cli: Cli, of_old: dict[str, Any], of_new: dict[str, Any], message: str
) -> None:
    cli.spec |= of_old
    cli.forget_calls()

    refused = migrate(cli, second(cli, **{"protected": False, **of_new}), "--yes")

    assert refused.code in {1, 4}
    assert message in refused.err
    calls = cli.azure.control("GET", "/calls")["calls"]
    # A poll can only be of a run in an earlier test, whose thread has not noticed yet that it was given up.
    assert [call for call in calls if "/operationresults/" not in call["path"]] == []


def test_a_dag_of_ones_own_and_a_template_that_would_begin_at_once_are_refused(cli: Cli) -> None:
    own = cli.file.with_name("own.py")
    own.write_text("from airflow import DAG\nwith DAG('own', schedule='@daily'):\n    pass\n")
    template = cli.file.with_name("mine.py")
    template.write_text("from airflow import DAG\nwith DAG('FlinkWordCountExample', schedule='@daily'):\n    pass\n")
    new = second(cli, dags=[str(own)], dag=str(template))

    refused = migrate(cli, new, "--yes")

    assert refused.code == 4
    assert "dags/own.py is a DAG of your own" in refused.err
    assert "would begin its schedule at once" in refused.err


def test_one_id_in_both_files_is_refused(cli: Cli) -> None:
    new = second(cli, id=str(ELSEWHERE))
    cli.spec["id"] = ELSEWHERE

    refused = migrate(cli, new, "--yes")

    assert (refused.code, f"both files have the id {ELSEWHERE}" in refused.err) == (4, True), refused.err
    assert migrate(cli, new, "--undo", "--yes").code == 4


def test_what_does_not_stand_is_refused(cli: Cli) -> None:
    cli.azure.reset()
    refused = migrate(cli, second(cli), "--yes")
    assert (refused.code, "it does not stand" in refused.err) == (4, True), refused.err
    back = migrate(cli, second(cli), "--undo", "--yes")
    assert (back.code, "it does not stand any more" in back.err) == (4, True), back.err


def test_without_a_terminal_it_wants_yes(cli: Cli) -> None:
    refused = migrate(cli, second(cli))
    assert (refused.code, "--yes" in refused.err) == (1, True), refused.err


def test_an_application_of_the_old_one_is_not_adopted(provisioned: Cli) -> None:
    client = application(provisioned.azure)
    principals = {"flink-api": {"application": {"client_id": client}}}

    refused = migrate(provisioned, second(provisioned, principals=principals), "--plan-only")

    assert refused.code == 4, refused.out + refused.err
    assert "it is local's own, and removed with it" in refused.err


def application(azure: LocalAzure) -> str:
    """The client id of one of the environment."""
    listed: list[dict[str, Any]] = azure.graph("GET", "applications?$top=999").json()["value"]
    return next(str(one["appId"]) for one in listed if one["displayName"] == "local flink-api")


def test_a_plan_shows_what_is_taken_over_created_and_removed(provisioned: Cli) -> None:
    shown = migrate(provisioned, second(provisioned), "--plan-only", "--json").json()

    created, removed = ({step["address"]: step for step in phase["steps"]} for phase in shown["phases"])
    taken = {name for name, step in created.items() if "owner" in [change["field"] for change in step["changes"]]}
    assert taken == {
        "resource_group/flink-local",
        "storage_account/stflinklocal",
        "key_vault/kv-flink-local",
        "filesystem/jobs",
        "job_jar/jobs/wordcount.jar",
    }
    assert created["application/flink-api"]["action"] == "create"
    assert not taken & removed.keys()
    assert removed["application/flink-api"]["action"] == "delete"
