"""What the command line and the journal tell of rotations, and that it holds no secret."""

from __future__ import annotations

import getpass
import json
import socket
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.command_line import Cli, cli, provisioned
from tests.commands.test_lifecycle import FACTORY, arm
from tests.rotation.rotating_environment import API_SECRET, DAY, VAULT

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["cli", "provisioned"]  # fixtures


def pass_days(cli: Cli, days: float) -> None:
    cli.azure.advance(days * DAY)
    cli.azure.tokens.clear()


def credential(cli: Cli, verb: str, name: str) -> dict[str, Any]:
    """What a verb's document says of one credential."""
    found = cli(verb, "--json").json()["credentials"]
    return next(one for one in found if one["address"] == f"client_secret/{name}")


def places(cli: Cli, name: str) -> dict[str, Any]:
    """The one place that hands out a credential, as `status` tells of it."""
    (found,) = credential(cli, "status", name)["places"]
    return found


def journal(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "journal/local.jsonl").read_text().splitlines()]


def secrets(cli: Cli) -> set[str]:
    """Every credential that stands anywhere: what Airflow has, and every version in the vault."""
    token = cli.azure.token("https://vault.azure.net")
    runtime = arm(cli, "GET", f"{FACTORY}/integrationruntimes/airflow-local", "2018-06-01")
    variables = runtime["properties"]["typeProperties"]["airflowProperties"]["airflowEnvironmentVariables"]
    listed = cli.azure.request("GET", f"{VAULT}/secrets/{API_SECRET}/versions?api-version=7.4", token=token).json()
    values = [cli.azure.request("GET", f"{one['id']}?api-version=7.4", token=token) for one in listed["value"]]
    told = [answer.json()["value"] for answer in values if answer.status == 200]
    return {variables["AZURE_CLIENT_SECRET"], *told, cli.azure.operator_secret.reveal()}


def test_status_tells_age_expiry_the_next_rotation_and_when_the_overlap_ends(provisioned: Cli) -> None:
    pass_days(provisioned, 30.5)
    before = credential(provisioned, "status", "flink-api")
    provisioned.done("rotate")
    pass_days(provisioned, 0.5)

    after = credential(provisioned, "status", "flink-api")

    assert (before["age_days"], before["days_left"], before["due"], before["retiring"]) == (30, 29, True, [])
    assert (after["age_days"], after["days_left"], after["due"]) == (0, 59, False)
    (retiring,) = after["retiring"]
    assert retiring["key_id"] == before["key_id"]
    since, ends = datetime.fromisoformat(after["since"]), datetime.fromisoformat(retiring["until"])
    assert timedelta(0) <= ends - since - timedelta(hours=24) < timedelta(minutes=2)
    assert "works until" in provisioned.done("status").out


def test_status_keeps_apart_what_is_stored_rolled_out_and_in_use(provisioned: Cli) -> None:
    first = places(provisioned, "airflow")
    provisioned.done("rotate", "--force")
    runtime, vault = places(provisioned, "airflow"), places(provisioned, "flink-api")

    assert first["untold"] == "it had no key before"
    assert (first["in_use"], runtime["in_use"]) == (None, None)
    assert runtime["untold"] == "no run of FlinkWordCountExample_key_probe has shown it"
    rollout = datetime.fromisoformat(runtime["rolled_out"]) - datetime.fromisoformat(runtime["stored"])
    assert rollout == timedelta(hours=1)
    assert vault["stored"] == vault["rolled_out"] == vault["in_use"]
    assert (runtime["address"], vault["address"]) == ("airflow_runtime/airflow", f"vault_secret/{API_SECRET}")
    line = f"airflow_runtime/airflow has it since {runtime['stored'][:16]}, rolled out by {runtime['rolled_out'][:16]}"
    assert f"{line}, not known whether it is in use: no run of" in provisioned.done("status").out.replace("\n", " ")


def test_provision_says_what_is_due_and_begins_nothing(provisioned: Cli) -> None:
    pass_days(provisioned, 31)
    provisioned.forget_calls()

    said = provisioned.done("provision")

    assert "client_secret/airflow: due since" in said.out
    assert credential(provisioned, "provision", "airflow")["due"] is True
    assert provisioned.writes() == []


def test_an_expired_credential_is_told_by_status_and_counts_as_expiring(provisioned: Cli) -> None:
    pass_days(provisioned, 80)

    said = provisioned("status", "--expiring", "1h")

    assert said.code == 2
    assert "client_secret/airflow: it expired on" in said.out


def test_the_journal_says_who_replaced_which_key_and_where_it_went(provisioned: Cli, tmp_path: Path) -> None:
    old = credential(provisioned, "status", "flink-api")["key_id"]
    provisioned.done("rotate", "--force", "--only", "flink-api")
    new = credential(provisioned, "status", "flink-api")["key_id"]
    pass_days(provisioned, 2)
    provisioned.done("rotate")

    found = [entry for entry in journal(tmp_path) if entry["event"] == "outcome" and entry["verb"] == "rotate"]

    by = f"{getpass.getuser()}@{socket.gethostname()}"
    assert {entry["by"] for entry in found} == {by}
    (made,) = [entry for entry in found if entry["address"] == "client_secret/flink-api"]
    assert (made["action"], made["result"], made["key_id"], made["replaced"]) == ("rotate", "done", new, old)
    published = [entry for entry in found if entry["address"] == f"vault_secret/{API_SECRET}"]
    assert published[0]["published"] == new
    (gone,) = [entry for entry in found if entry["address"] == f"client_secret/flink-api/{old}"]
    assert (gone["action"], gone["removed"]) == ("delete", old)
    assert all(datetime.fromisoformat(entry["run"]) for entry in found)


def test_nothing_that_is_told_of_a_rotation_holds_a_secret(provisioned: Cli, tmp_path: Path) -> None:
    told, values = list[str](), secrets(provisioned)

    def call(*arguments: str) -> None:
        said = provisioned(*arguments)
        told.extend((said.out, said.err))
        values.update(secrets(provisioned))

    pass_days(provisioned, 31)
    call("rotate", "--plan-only", "--json")
    call("rotate", "--debug")
    call("rotate", "--rollback", "--json")
    call("rotate", "--rollback", "--only", "flink-api", "--debug")
    provisioned.azure.fault(fault="error", path="addPassword", status=403, code="Authorization_RequestDenied")
    call("rotate", "--force", "--debug")
    provisioned.azure.fault(fault="error", host="vault", method="PUT", status=400, code="BadParameter")
    call("rotate", "--force", "--json")
    provisioned.azure.control("DELETE", "/faults")
    call("rotate", "--revoke", "--accept-outage", "--debug")
    call("status", "--json")
    told.append((tmp_path / "journal/local.jsonl").read_text())
    told.append(json.dumps(provisioned.azure.control("GET", "/sign-ins")))

    assert len(values) >= 6
    assert [value[:4] for value in values for text in told if value in text] == []


@pytest.mark.parametrize("adopted", [False, True], ids=["beside", "adopted"])
def test_status_says_when_a_linked_service_holds_an_account_key(provisioned: Cli, *, adopted: bool) -> None:
    held = {"connectionString": "DefaultEndpointsProtocol=https;AccountName=stflinklocal;AccountKey=c2VudGluZWw="}
    body = {"properties": {"type": "AzureBlobStorage", "typeProperties": held}}
    path = f"{provisioned.azure.subscription}{FACTORY}/linkedservices/by-hand?api-version=2018-06-01"
    assert provisioned.azure.request("PUT", f"https://management.azure.com{path}", body).status == 200
    if adopted:
        provisioned.spec["airflow"]["linked_service"] = "by-hand"

    said = provisioned("status")

    assert said.code == (4 if adopted else 0)
    assert "account key" in said.out + said.err
    assert "by-hand" in said.out + said.err
    assert "c2VudGluZWw" not in said.out + said.err
