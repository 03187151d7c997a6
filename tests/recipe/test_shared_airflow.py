"""Two environments in one Airflow, which reads one vault as one principal: nothing of theirs has the same name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.command_line import cli

if TYPE_CHECKING:
    from tests.command_line import Cli

__all__ = ["cli"]

AKS = "providers/Microsoft.ContainerService/managedClusters/aks-platform"


def spec(cli: Cli, name: str, **more: Any) -> dict[str, Any]:
    """The same environment but for its name, its group and what `more` says."""
    trust = {
        "aks": f"{cli.azure.subscription}/resourceGroups/flink-platform/{AKS}",
        "namespace": "airflow",
        "service_account": "airflow",
    }
    return {
        **cli.spec,
        "name": name,
        "resource_group": f"rg-{name}",
        "storage_account": f"st{name}",
        "airflow": {"target": "self-managed", "version": "3.3.2"},
        "principals": {"airflow": {"credential": {"federated": trust}}},
        **more,
    }


@pytest.fixture
def both(cli: Cli) -> tuple[Cli, Cli]:
    """The second reads the vault of the first as the first's principal."""
    one = replace(cli, file=cli.file.with_name("one.yaml"), spec=spec(cli, "one", vault="kv-one"))
    one.done("provision")
    vault = f"{cli.azure.subscription}/resourceGroups/rg-one/providers/Microsoft.KeyVault/vaults/kv-one"
    shared = spec(cli, "two", vault=vault)
    found = cli.azure.graph("GET", "applications?$filter=startswith(displayName,'one airflow')").json()["value"]
    shared["principals"]["airflow"]["application"] = {"client_id": found[0]["appId"]}
    two = replace(cli, file=cli.file.with_name("two.yaml"), spec=shared)
    two.done("provision")
    return one, two


def secrets(cli: Cli) -> dict[str, str]:
    """Vault secrets by name, with the environment that owns each."""
    token = cli.azure.token("https://vault.azure.net")
    url = "https://kv-one.vault.azure.net/secrets?api-version=7.4"
    found = cli.azure.request("GET", url, token=token).json()["value"]
    return {one["id"].rpartition("/")[2]: one["tags"]["provisioner-environment"] for one in found}


def settings(cli: Cli) -> dict[str, str]:
    """What the platform sets."""
    (file,) = cli.done("render", "--format", "env", "--json").json()["files"]
    lines = (line for line in file["content"].splitlines() if not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def test_two_environments_share_one_airflow(both: tuple[Cli, Cli]) -> None:
    one, two = both
    owners = secrets(one)
    by_owner = {owner: {name for name in owners if owners[name] == owner} for owner in owners.values()}
    names = sorted(by_owner.values(), key=min)
    assert [{name.split("-")[2] for name in of_one} for of_one in names] == [{"one"}, {"two"}]
    assert settings(one) == settings(two)
    ids = [each.done("render", "--json").json()["dag"]["content"].split("dag_id='")[-1].split("'")[0] for each in both]
    assert ids == ["one-FlinkWordCountExample", "two-FlinkWordCountExample"]
    for each in both:
        assert each.done("plan", "--detailed-exitcode", "--json").actions() == {}
    two.done("teardown", "--yes")
    assert set(secrets(one)) == next(one_names for one_names in names if "-one-" in min(one_names))
    assert one.done("plan", "--detailed-exitcode", "--json").actions() == {}
