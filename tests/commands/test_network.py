"""Who may reach vault and account: set when they are made, fixed as drift, only noted where they are adopted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.resource_manager import Manager

if TYPE_CHECKING:
    from tests.command_line import Cli

GROUP = "/resourceGroups/flink-local/providers"
VAULT = f"{GROUP}/Microsoft.KeyVault/vaults/kv-flink-local"
ACCOUNT = f"{GROUP}/Microsoft.Storage/storageAccounts/stflinklocal"
SUBNET = f"/subscriptions/0b6d3b3f-5d1c-4d3f-8f0e-6c1f2a7b9c02{GROUP}/Microsoft.Network/virtualNetworks/net/subnets/one"
IPS = ["127.0.0.1", "203.0.113.0/24"]


def rules() -> dict[str, Any]:
    return {"ips": [*IPS], "subnets": [SUBNET], "trusted_services": False}


@pytest.fixture
def restricted(cli: Cli) -> Cli:
    """Both admit this machine's address, a range and a subnet."""
    cli.spec["vault"] = {"name": "kv-flink-local", "public_network_access": "enabled", "network_rules": rules()}
    cli.spec["storage_account"] = {"name": "stflinklocal", "network_rules": rules(), "minimum_tls": "1.3"}
    return cli


def properties(cli: Cli, path: str) -> dict[str, Any]:
    return Manager(azure=cli.azure)("GET", path, version="2023-05-01" if path == ACCOUNT else "2023-07-01").json()[
        "properties"
    ]


def change(cli: Cli, path: str, **changed: Any) -> None:
    version = "2023-05-01" if path == ACCOUNT else "2023-07-01"
    assert Manager(azure=cli.azure)("PATCH", path, {"properties": changed}, version=version).status == 200


def test_what_is_made_admits_whom_the_spec_names(restricted: Cli) -> None:
    restricted.done("provision")

    for path in (VAULT, ACCOUNT):
        acls = properties(restricted, path)["networkAcls"]
        assert (acls["defaultAction"], acls["bypass"]) == ("Deny", "None")
        assert {one["value"].removesuffix("/32") for one in acls["ipRules"]} == set(IPS)
        assert [one["id"].lower() for one in acls["virtualNetworkRules"]] == [SUBNET.lower()]
    assert properties(restricted, ACCOUNT)["minimumTlsVersion"] == "TLS1_3"
    assert restricted("plan", "--detailed-exitcode").code == 0


def test_drift_is_seen_and_fixed(restricted: Cli) -> None:
    restricted.done("provision")
    for path in (VAULT, ACCOUNT):
        change(restricted, path, networkAcls={"defaultAction": "Allow", "bypass": "AzureServices", "ipRules": []})
    change(restricted, ACCOUNT, minimumTlsVersion="TLS1_0")

    planned = restricted("plan", "--detailed-exitcode", "--json")

    assert planned.code == 2
    fields = {
        step["address"]: [c["field"] for c in step["changes"]] for step in planned.json()["steps"] if step["changes"]
    }
    assert fields == {
        "key_vault/kv-flink-local": ["network_rules"],
        "storage_account/stflinklocal": ["minimumTlsVersion", "network_rules"],
    }
    restricted.done("provision")
    assert restricted("plan", "--detailed-exitcode").code == 0


def test_what_is_not_declared_is_left_as_it_is(cli: Cli) -> None:
    cli.done("provision")
    change(cli, ACCOUNT, networkAcls={"defaultAction": "Deny", "bypass": "None", "ipRules": [{"value": "127.0.0.1"}]})

    assert cli("plan", "--detailed-exitcode").code == 0


def test_an_adopted_one_is_noted_and_left_as_it_is(restricted: Cli) -> None:
    arm = Manager(azure=restricted.azure)
    arm.vault("kv-flink-local", "flink-local")
    restricted.spec["vault"]["public_network_access"] = "disabled"

    findings = restricted("doctor", "--json").json()["findings"]

    notes = {one["what"] for one in findings if one["about"] == "key_vault/kv-flink-local" and one["verdict"] == "note"}
    assert {note.partition(" is ")[0] for note in notes} == {"its public_network_access", "its network_rules"}
    restricted.done("provision")
    assert "networkAcls" not in properties(restricted, VAULT)


CLOSED = {"public_network_access": "disabled"}
NOBODY = {"network_rules": {"trusted_services": False}}
ELSEWHERE = {"network_rules": {"ips": ["203.0.113.0/24"]}}
IMPORT = "storage_account/stflinklocal: Data Factory's import cannot read it: its "
AIRFLOW = "key_vault/kv-flink-local: Airflow cannot read its secrets: its "
MACHINE = "key_vault/kv-flink-local: its firewall admits no network, so not this machine either"


def declare(cli: Cli, section: str, network: dict[str, Any]) -> None:
    name = {"vault": "kv-flink-local", "storage_account": "stflinklocal"}[section]
    cli.spec[section] = {"name": name, **network}


@pytest.mark.parametrize(
    ("section", "network", "stops"),
    [
        ("storage_account", CLOSED, [f"{IMPORT}public network access is disabled"]),
        (
            "storage_account",
            NOBODY,
            [
                f"{IMPORT}firewall admits no network and no trusted service",
                "storage_account/stflinklocal: its firewall admits no network, so not this machine either",
            ],
        ),
        ("vault", CLOSED, [f"{AIRFLOW}public network access is disabled"]),
        ("vault", NOBODY, [f"{AIRFLOW}firewall admits no network", MACHINE]),
        ("vault", ELSEWHERE, []),
    ],
)
def test_an_absent_one_that_nobody_will_reach_is_told_before_it_is_made(
    cli: Cli, section: str, network: dict[str, Any], stops: list[str]
) -> None:
    declare(cli, section, network)
    cli.forget_calls()

    findings = cli("doctor", "--json").json()["findings"]
    by_text = {f"{one['about']}: {one['what']}": one for one in findings}

    assert {what for what, one in by_text.items() if one["verdict"] == "stops"} == set(stops)
    assert all("in the spec" in by_text[stop]["remedy"] for stop in stops)
    if stops:
        provisioned = cli("provision")
        assert provisioned.code == 4, provisioned.out + provisioned.err
        assert all(stop in provisioned.err for stop in stops)
        assert cli.writes() == []


def test_whether_this_machine_reaches_an_absent_one_over_a_private_network_is_not_known(cli: Cli) -> None:
    declare(cli, "vault", CLOSED)
    declare(cli, "storage_account", ELSEWHERE)

    findings = cli("doctor", "--json").json()["findings"]

    unknown = {one["what"] for one in findings if one["verdict"] == "not known"}
    reaches = "whether this machine will reach"
    assert {what for what in unknown if what.startswith(reaches)} == {
        f"{reaches} kv-flink-local: its public network access is disabled; through a private endpoint it does",
        f"{reaches} stflinklocal: the rules in the spec have to admit its address",
    }
    imports = "Data Factory imports DAGs only from accounts without a firewall"
    assert any(one["what"].startswith(imports) for one in findings if one["verdict"] == "note")


def test_an_owned_one_that_the_spec_now_closes_is_told_before_it_is_closed(provisioned: Cli) -> None:
    declare(provisioned, "storage_account", CLOSED)

    said = provisioned("provision")

    assert (said.code, IMPORT in said.err) == (4, True), said.err
    assert provisioned.writes() == []


@pytest.mark.parametrize("ips", ["203.0.113.7/32", "2001:db8::1", "one"])
def test_an_address_that_azure_refuses_is_a_mistake_of_the_spec(restricted: Cli, ips: str) -> None:
    restricted.spec["vault"]["network_rules"] = {"ips": [ips]}

    said = restricted("validate")

    assert said.code == 1
    assert "vault.network_rules.ips" in said.err
