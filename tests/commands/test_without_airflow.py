"""An Airflow that somebody runs and that the tool cannot ask: without `airflow.url` and `airflow.api`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.webhook import webhook

if TYPE_CHECKING:
    from tests.command_line import Cli

DAY = 86_400.0


@pytest.fixture
def unasked(cli: Cli) -> Cli:
    cli.spec["airflow"] = {"target": "self-managed", "version": "3.3.2"}
    return cli


def test_an_older_key_that_workers_may_still_use_counts_as_expiring(
    unasked: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    unasked.done("provision")
    unasked.azure.advance(35 * DAY)
    unasked.done("rotate")
    unasked.azure.advance(2 * DAY)
    unasked.done("rotate")
    assert unasked("status", "--expiring", "14d").code == 0
    unasked.azure.advance(12 * DAY)  # of 60

    said = unasked("status", "--expiring", "14d")

    (airflow, flink) = unasked.done("status", "--json").json()["credentials"]
    assert (said.code, len(airflow["retiring"]), flink["retiring"]) == (2, 1, [])
    assert (airflow["days_left"], flink["days_left"]) == (45, 45)
    assert f"key {airflow['retiring'][0]['key_id']} was replaced, works until" in said.out

    with webhook() as hook:
        monkeypatch.setenv("HOOK", hook.url)
        unasked.spec["notify"] = {"url": "${HOOK}"}
        unasked.done("rotate", "--notify")
    (finding,) = hook.posted[0]["findings"]
    key = f"client_secret/airflow/{airflow['retiring'][0]['key_id']}"
    assert finding["kind"] == "credential-expiring"
    assert finding["text"].startswith(f"{key}: its readers may still use this key, which expires on ")

    unasked.done("rotate", "--confirm-rolled-out")
    assert unasked("status", "--expiring", "14d").code == 0
    unasked.azure.advance(2 * DAY)
    unasked.done("rotate")
    assert unasked.done("status", "--json").json()["credentials"][0]["retiring"] == []


def test_waiting_for_a_dag_says_that_it_cannot_know_and_nothing_else_is_lost(unasked: Cli) -> None:
    said = unasked("provision", "--wait-dag")
    unknown = "Whether Airflow has parsed dags/flink_wordcount.py is not known: its address is not known; "
    remedy = "add `airflow.url` and `airflow.api`, or leave out `--wait-dag`."
    assert (said.code, said.err.splitlines()[0]) == (3, unknown + remedy)
    assert said.out.splitlines()[-1].startswith("local: ")

    again = unasked("provision", "--wait-dag", "--json")
    assert (again.code, again.json()["error"]["message"]) == (4, unknown + remedy)
    assert {step["action"] for step in again.json()["steps"]} == {"keep"}
    assert unasked.done("provision").code == 0
