from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.secret import Secret
from tests.emulator import ARM

if TYPE_CHECKING:
    from tests.command_line import Cli

DAY = 86_400
VAULT = "https://kv-flink-local.vault.azure.net"
API_SECRET = "hdinsight-aks-variables-api-secret"
FACTORY = "/resourceGroups/flink-platform/providers/Microsoft.DataFactory/factories/flink-factory-local"


class Consumers:
    """Airflow and the DAG, as they sign in with what they were given."""

    def __init__(self, cli: Cli) -> None:
        self.azure = cli.azure

    def airflow(self) -> tuple[str, Secret]:
        """What the runtime's variables say now."""
        path = f"{self.azure.subscription}{FACTORY}/integrationruntimes/airflow-local?api-version=2018-06-01"
        runtime = self.azure.request("GET", f"{ARM}{path}").json()
        variables = runtime["properties"]["typeProperties"]["airflowProperties"]["airflowEnvironmentVariables"]
        return variables["AZURE_CLIENT_ID"], Secret(variables["AZURE_CLIENT_SECRET"])

    def api(self) -> tuple[str, Secret]:
        """What the vault's variables say now, read as the operator."""
        return self.read("hdinsight-aks-variables-api-client-id").reveal(), self.read(API_SECRET)

    def read(self, name: str) -> Secret:
        token = self.azure.token("https://vault.azure.net")
        return Secret(self.azure.request("GET", f"{VAULT}/secrets/{name}?api-version=7.4", token=token).json()["value"])

    def versions(self) -> list[dict[str, Any]]:
        token = self.azure.token("https://vault.azure.net")
        found = self.azure.request("GET", f"{VAULT}/secrets/{API_SECRET}/versions?api-version=7.4", token=token).json()
        return list(found["value"])

    def works(self, who: tuple[str, Secret]) -> bool:
        return self.azure.sign_in(*who).status == 200


@pytest.fixture
def consumers(cli: Cli) -> Consumers:
    cli.done("provision")
    return Consumers(cli)


def pass_days(cli: Cli, days: float) -> None:
    cli.azure.advance(days * DAY)
    cli.azure.tokens.clear()


def test_nothing_is_done_before_it_is_due_and_the_date_is_told(cli: Cli, consumers: Consumers) -> None:
    cli.forget_calls()

    said = cli.done("rotate")

    planned = cli.done("rotate", "--plan-only")
    (credential, _) = cli.done("rotate", "--plan-only", "--json").json()["credentials"]

    assert "client_secret/airflow: next rotation" in said.out
    assert "client_secret/airflow: next rotation" in planned.out
    since, due = (datetime.fromisoformat(credential[name]) for name in ("since", "next_rotation"))
    assert due - since == timedelta(days=30)
    assert cli.writes() == []
    assert consumers.works(consumers.airflow())


def test_a_due_credential_is_replaced_and_the_old_one_works_for_the_overlap_only(
    cli: Cli, consumers: Consumers
) -> None:
    before = consumers.airflow(), consumers.api()
    pass_days(cli, 30.1)

    planned = cli("rotate", "--plan-only", "--json")
    cli.done("rotate")

    assert {a: k for a, k in planned.actions().items() if a.startswith("client_secret/") and a.count("/") == 1} == {
        "client_secret/airflow": "rotate",
        "client_secret/flink-api": "rotate",
    }
    (change,) = next(s for s in planned.json()["steps"] if s["address"] == "client_secret/airflow")["changes"]
    assert re.fullmatch(r"due since \d{4}-\d\d-\d\d \d\d:\d\d, it ends on \d{4}-\d\d-\d\d", change["reason"])
    waiting = [step for step in cli("rotate", "--plan-only", "--json").json()["steps"] if step["waits_on"]]
    assert [step["reason"] for step in waiting] == ["retiring: its readers are switching to the new one"] * 2
    assert all(datetime.fromisoformat(date) for step in waiting for date in step["waits_on"])
    after = consumers.airflow(), consumers.api()
    assert all(consumers.works(who) for who in (*before, *after))
    assert not after[0][1].matches(before[0][1])
    pass_days(cli, 0.9)
    cli.done("rotate")
    assert all(consumers.works(who) for who in (*before, *after))
    pass_days(cli, 0.2)
    cli.done("rotate")
    assert [consumers.works(who) for who in (*before, *after)] == [False, False, True, True]
    assert sorted(version["attributes"]["enabled"] for version in consumers.versions()) == [False, True]
    assert cli("plan", "--detailed-exitcode").code == 0


def test_provision_begins_no_rotation_but_ends_one(cli: Cli, consumers: Consumers) -> None:
    pass_days(cli, 31)
    assert cli.done("provision", "--json").actions() == {}
    assert "due now" in cli.done("status").out
    cli.done("rotate")
    old = consumers.versions()
    pass_days(cli, 2)

    cli.done("provision")

    assert len(old) == 2
    assert sorted(version["attributes"]["enabled"] for version in consumers.versions()) == [False, True]


def test_force_rotates_now_and_only_what_is_named(cli: Cli, consumers: Consumers) -> None:
    before = consumers.airflow()[1], consumers.api()[1]

    cli.done("rotate", "--force", "--only", "flink-api")

    assert consumers.airflow()[1].matches(before[0])
    assert not consumers.api()[1].matches(before[1])


def test_a_revoked_credential_is_dead_at_once_where_an_outage_is_accepted(cli: Cli, consumers: Consumers) -> None:
    leaked = consumers.airflow()

    cli.done("rotate", "--revoke", "--accept-outage", "--only", "airflow")

    assert not consumers.works(leaked)
    assert consumers.works(consumers.airflow())


def test_a_revoked_credential_is_dead_once_its_readers_have_the_new_one(cli: Cli) -> None:
    cli.spec["airflow"]["rollout"] = "2s"
    cli.done("provision")
    consumers = Consumers(cli)
    leaked = consumers.airflow()

    cli.done("rotate", "--revoke")

    assert not consumers.works(leaked)
    assert consumers.works(consumers.airflow())


def test_a_rollback_publishes_the_one_before_again(cli: Cli, consumers: Consumers) -> None:
    before = consumers.api()
    cli.done("rotate", "--force", "--only", "flink-api")
    assert not consumers.api()[1].matches(before[1])

    cli.done("rotate", "--rollback", "--only", "flink-api")

    assert consumers.api()[1].matches(before[1])
    assert cli("plan", "--detailed-exitcode").code == 0


def test_a_rollback_of_what_no_place_can_read_back_says_why_not(cli: Cli, consumers: Consumers) -> None:
    cli.done("rotate", "--force", "--only", "airflow")

    said = cli("rotate", "--rollback", "--only", "airflow")

    assert said.code == 4
    assert said.err.startswith("client_secret/airflow: the previous key is in no holder that can be read. ")
    assert "known after apply" not in said.err
    assert consumers.works(consumers.airflow())


def test_keys_of_others_on_our_application_are_listed_and_never_touched(cli: Cli, consumers: Consumers) -> None:
    client_id = consumers.airflow()[0]
    theirs = cli.azure.graph("POST", f"applications(appId='{client_id}')/addPassword", {}).json()
    pass_days(cli, 30.1)
    cli.done("rotate")
    pass_days(cli, 3)
    cli.done("rotate")

    assert f"key {theirs['keyId']} belongs to somebody else" in cli.done("status").out
    assert consumers.works((client_id, Secret(theirs["secretText"])))


def mask_the_runtime(cli: Cli) -> None:
    """Azure hides every variable of ours in the runtime, our book too."""
    path = f"{cli.azure.subscription}{FACTORY}/integrationruntimes/airflow-local?api-version=2018-06-01"
    told = cli.azure.request("GET", f"{ARM}{path}").json()["properties"]["typeProperties"]["airflowProperties"]
    hidden = [name for name in told["airflowEnvironmentVariables"] if name.startswith("PROVISIONER_")]
    cli.azure.control("PUT", "/settings/airflow", {"mask_variables": hidden})


def shut_the_secret(cli: Cli) -> None:
    """Nobody may read what holds the DAG's credential."""
    refusal = {"status": 403, "code": "Forbidden", "times": None}
    cli.azure.fault(fault="error", method="GET", host="vault", path=f"secrets/{API_SECRET}", **refusal)


HELD_UP = {
    "airflow": (mask_the_runtime, "airflow_runtime/airflow", "PROVISIONER_KEYS is hidden by Azure"),
    "flink-api": (shut_the_secret, f"vault_secret/{API_SECRET}", "403 Forbidden"),
}


@pytest.mark.parametrize("name", HELD_UP)
def test_where_one_principal_is_held_up_the_other_is_rotated_and_the_code_is_3(
    cli: Cli, consumers: Consumers, name: str
) -> None:
    hold_up, place, why = HELD_UP[name]
    other = next(one for one in HELD_UP if one != name)
    airflow = consumers.airflow()
    pass_days(cli, 30.1)
    hold_up(cli)

    planned = cli("rotate", "--plan-only")
    said = cli("rotate", "--json")

    assert (planned.code, said.code) == (0, 3), said.err
    assert f"{place}: its credential is not rotated: " in planned.out
    steps = {step["address"]: step for step in said.json()["steps"]}
    assert (steps[f"client_secret/{other}"]["action"], steps[f"client_secret/{other}"]["outcome"]) == ("rotate", "done")
    assert f"client_secret/{name}" not in steps
    assert (steps[place]["action"], steps[place]["outcome"]) == ("keep", "unchanged")
    assert why in steps[place]["remains"]
    assert [address for address, step in steps.items() if step.get("remains")] == [place]
    assert consumers.works(airflow)


def test_what_holds_a_principal_up_is_told_each_time_and_the_code_is_0_once_it_is_free(
    cli: Cli, consumers: Consumers
) -> None:
    before = consumers.api()
    pass_days(cli, 30.1)
    shut_the_secret(cli)

    held_up = cli("rotate")
    again = cli("rotate")
    cli.azure.control("DELETE", "/faults")
    free = cli("rotate")

    assert (held_up.code, again.code, free.code) == (3, 3, 0), free.err
    for said in (held_up, again):
        assert f"remains vault_secret/{API_SECRET}: its credential is not rotated: " in said.out
    assert "↻ rotated client_secret/airflow in " in held_up.out
    assert "client_secret/airflow in " not in again.out
    assert "↻ rotated client_secret/flink-api in " in free.out
    assert not consumers.api()[1].matches(before[1])


def test_status_ends_with_2_when_a_credential_ends_soon(cli: Cli, consumers: Consumers) -> None:
    assert consumers.works(consumers.airflow())
    assert cli("status", "--expiring", "14d").code == 0
    pass_days(cli, 50)
    assert cli("status", "--expiring", "14d").code == 2


def test_an_environment_that_is_not_provisioned_is_told_so(cli: Cli) -> None:
    said = cli("rotate")

    assert said.code == 4
    assert "provisioner provision" in said.err
