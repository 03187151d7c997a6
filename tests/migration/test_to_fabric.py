from __future__ import annotations

import copy

import pytest

from tests.command_line import Cli
from tests.migration.moving import HOUR, Moving

URL = "https://airflow-moved.fabric.airflow.svc.datafactory.azure.com"


@pytest.fixture
def to_fabric(moving: Moving) -> Moving:
    """The new one is a job of Microsoft Fabric, with prefixes of its own."""
    old = moving.old
    spec = copy.deepcopy(old.spec) | {"name": "moved"}
    spec["airflow"] = {"target": "fabric", "workspace": "flink-workspace", "job": "airflow-moved", "url": URL}
    spec["airflow"] |= {"variables_prefix": "moved-variables", "connections_prefix": "moved-connections"}
    spec["principals"] = {"airflow": {"role": "Key Vault Secrets User"}}
    new = Cli(azure=old.azure, file=moving.new.file, spec=spec, capture=old.capture)
    return Moving(old, new)


def test_an_environment_moves_from_data_factory_to_fabric(to_fabric: Moving) -> None:
    said = to_fabric.migrate()

    assert said.code == 0, said.out + said.err
    to_fabric.advance(HOUR)
    assert to_fabric.new.done("verify")
    assert to_fabric.lost_or_twice() == []
    assert len(to_fabric.worked()) > 20
    assert to_fabric.new.done("plan", "--json").actions() == {}
    assert to_fabric.old.run("teardown", str(to_fabric.old.file), "--plan-only", "--json").actions() == {}
