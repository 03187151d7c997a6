"""Pipelines and other authored resources of a factory, stored as sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.resource_manager import Manager, code

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

PROPERTIES: dict[str, dict[str, Any]] = {
    "pipelines": {"activities": [], "annotations": ["x"]},
    "datasets": {"type": "Binary", "linkedServiceName": {"referenceName": "a", "type": "LinkedServiceReference"}},
    "dataflows": {"type": "MappingDataFlow", "typeProperties": {}},
    "triggers": {"type": "ScheduleTrigger", "pipelines": []},
}


@pytest.fixture
def factory(azure: LocalAzure) -> tuple[Manager, str]:
    arm = Manager(azure=azure, version="2018-06-01")
    path = f"{arm.group()}/providers/Microsoft.DataFactory/factories/df-one"
    assert arm("PUT", path, {"location": "westeurope"}).status == 200
    return arm, path


@pytest.mark.parametrize("kind", PROPERTIES)
def test_an_authored_resource_is_created_listed_and_deleted(factory: tuple[Manager, str], kind: str) -> None:
    arm, path = factory
    assert arm("GET", f"{path}/{kind}").json() == {"value": []}
    created = arm("PUT", f"{path}/{kind}/one", {"properties": PROPERTIES[kind]})
    assert created.status == 200
    assert PROPERTIES[kind].items() <= created.json()["properties"].items()
    assert arm("GET", f"{path}/{kind}").json()["value"] == [created.json()]
    assert [arm("DELETE", f"{path}/{kind}/one").status for _ in range(2)] == [200, 204]
    assert code(arm("GET", f"{path}/{kind}/one")) == (404, "ResourceNotFound")


def test_an_authored_resource_needs_its_required_properties_and_a_factory(
    factory: tuple[Manager, str],
) -> None:
    arm, path = factory
    assert code(arm("PUT", f"{path}/pipelines/one", {})) == (400, "BadRequest")
    assert code(arm("PUT", f"{path}/datasets/one", {"properties": {"type": "Binary"}})) == (400, "BadRequest")
    assert code(arm("PUT", f"{path}x/pipelines/one", {"properties": {}})) == (404, "ResourceNotFound")


def test_a_trigger_is_started_and_stopped(factory: tuple[Manager, str]) -> None:
    arm, path = factory
    one = f"{path}/triggers/one"
    arm("PUT", one, {"properties": PROPERTIES["triggers"]})
    for verb, state in (("start", "Started"), ("stop", "Stopped"), ("start", "Started")):
        switched = arm("POST", f"{one}/{verb}")
        assert (switched.status, switched.body) == (200, b"")
        assert arm("GET", one).json()["properties"]["runtimeState"] == state
    assert arm("PUT", one, {"properties": PROPERTIES["triggers"]}).json()["properties"]["runtimeState"] == "Started"
    assert code(arm("POST", f"{path}/triggers/none/start")) == (404, "ResourceNotFound")


def test_only_a_self_hosted_runtime_has_keys(factory: tuple[Manager, str]) -> None:
    arm, path = factory
    arm("PUT", f"{path}/integrationruntimes/own", {"properties": {"type": "SelfHosted"}})
    arm("PUT", f"{path}/integrationruntimes/managed", {"properties": {"type": "Managed", "typeProperties": {}}})
    assert arm("POST", f"{path}/integrationruntimes/own/listAuthKeys").json().keys() == {"authKey1", "authKey2"}
    assert arm("POST", f"{path}/integrationruntimes/managed/listAuthKeys").status == 400


PERIOD = {"lastUpdatedAfter": "2020-01-01T00:00:00Z", "lastUpdatedBefore": "2099-01-01T00:00:00Z"}


@pytest.mark.parametrize("query", ["queryPipelineRuns", "queryTriggerRuns"])
def test_a_query_of_runs_finds_none(factory: tuple[Manager, str], query: str) -> None:
    arm, path = factory
    assert arm("POST", f"{path}/{query}", PERIOD).json() == {"value": []}
    assert code(arm("POST", f"{path}/{query}", {})) == (400, "BadRequest")
    assert code(arm("POST", f"{path}x/{query}", PERIOD)) == (404, "ResourceNotFound")


def test_a_run_of_a_pipeline_is_found_by_its_id_and_by_time(factory: tuple[Manager, str]) -> None:
    arm, path = factory
    arm("PUT", f"{path}/pipelines/empty", {"properties": {"activities": []}})
    wait = {"name": "a", "type": "Wait", "typeProperties": {"waitTimeInSeconds": 1}}
    arm("PUT", f"{path}/pipelines/full", {"properties": {"activities": [wait]}})
    created = [arm("POST", f"{path}/pipelines/{name}/createRun", {"a": 1}).json() for name in ("empty", "full")]
    assert [one.keys() for one in created] == [{"runId"}, {"runId"}]
    runs = [arm("GET", f"{path}/pipelineruns/{one['runId']}").json() for one in created]
    assert [(one["pipelineName"], one["status"]) for one in runs] == [("empty", "Succeeded"), ("full", "Failed")]
    assert runs[0]["parameters"] == {"a": 1}
    listed = arm("POST", f"{path}/queryPipelineRuns", PERIOD).json()["value"]
    assert sorted(one["runId"] for one in listed) == sorted(one["runId"] for one in created)
    early = {**PERIOD, "lastUpdatedBefore": "2020-01-02T00:00:00"}
    assert arm("POST", f"{path}/queryPipelineRuns", early).json() == {"value": []}
    assert code(arm("GET", f"{path}/pipelineruns/none")) == (404, "NotFound")
    assert code(arm("POST", f"{path}/pipelines/none/createRun")) == (404, "ResourceNotFound")
