from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.emulator import ARM
from tests.migration.moving import HOUR, Moving

if TYPE_CHECKING:
    from tests.command_line import Cli

VAULT = "Microsoft.KeyVault/vaults/kv-flink-local"
ACCOUNT = "Microsoft.Storage/storageAccounts/stflinklocal"


def owners(moving: Moving) -> set[str]:
    """The environments that own what both files declare."""
    group = f"{ARM}{moving.azure.subscription}/resourceGroups/flink-local"
    urls = (
        f"{group}?api-version=2022-09-01",
        f"{group}/providers/{VAULT}?api-version=2023-07-01",
        f"{group}/providers/{ACCOUNT}?api-version=2023-01-01",
    )
    return {moving.azure.request("GET", url).json()["tags"]["provisioner-environment"] for url in urls}


def id_of(cli: Cli) -> str:
    return str(cli.done("output", "--json").json()["environment_id"])


def applications(moving: Moving) -> set[str]:
    listed: list[dict[str, Any]] = moving.azure.graph("GET", "applications?$top=999").json()["value"]
    return {one["displayName"] for one in listed if one.get("uniqueName")}


def test_an_environment_moves_to_an_airflow_that_somebody_runs(moving: Moving) -> None:
    before = owners(moving)
    shown = moving.migrate("--plan-only")
    assert shown.code == 0, shown.err
    assert "resource_group/flink-local" in shown.out
    assert "then, of local:" in shown.out
    assert owners(moving) == before

    said = moving.migrate()

    assert said.code == 0, said.out + said.err
    assert "no secret" not in said.err
    moving.advance(HOUR)
    assert moving.new.done("verify")
    assert moving.lost_or_twice() == []
    assert len(moving.worked()) > 20
    assert len(owners(moving)) == 1
    assert owners(moving) != before
    assert applications(moving) == {"moved airflow", "moved flink-api"}
    assert moving.new.done("plan", "--json").actions() == {}
    again = moving.migrate()
    assert (again.code, "nothing to do" in again.out) == (0, True), again.out + again.err


def test_until_the_old_dags_are_paused_there_is_a_way_back(moving: Moving) -> None:
    moving.azure.fault(fault="error", path="dagSources", host="moved", times=None, status=400)
    failed = moving.migrate()
    assert failed.code == 3, failed.out + failed.err
    moving.azure.control("DELETE", "/faults")

    back = moving.migrate("--undo")

    assert back.code == 0, back.out + back.err
    assert applications(moving) == {"local airflow", "local flink-api"}
    assert moving.old.done("plan", "--json").actions() == {}
    moving.advance(HOUR)
    assert moving.old.done("verify")
    assert moving.lost_or_twice() == []


def test_workers_that_do_not_report_their_settings_take_nothing_over(moving: Moving) -> None:
    moving.azure.fault(fault="error", path="xcomEntries", host="moved", times=None, status=400)

    said = moving.migrate()

    assert (said.code, "Airflow runs with what `render` prints: because" in said.err) == (3, True), said.out + said.err
    assert applications(moving) == {"local airflow", "local flink-api", "moved airflow", "moved flink-api"}
