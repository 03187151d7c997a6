"""Pools and clusters while they are created, resized and deleted, as az recorded it in its extension hdinsightonaks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.localazure.hdinsight.test_clusters import CLUSTER, POOL, call
from tests.resource_manager import code

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

NEW = POOL.replace("flink-pool", "pool-two")
SECOND = f"{POOL}/clusters/second"
BODY: dict[str, Any] = {"location": "eastus2", "properties": {"clusterPoolProfile": {"clusterPoolVersion": "1.2"},
                        "computeProfile": {"vmSize": "Standard_E4s_v3"}}}  # fmt: skip
STATUS = re.compile(
    r"https://management\.azure\.com(/providers/Microsoft\.HDInsight/locations/EASTUS2/operationStatuses/"
    r"([0-9a-f-]{36}\*[0-9A-F]{64}))\?api-version=2024-05-01-preview"
)


def test_the_status_of_an_operation_is_without_the_subscription_and_names_its_resource(azure: LocalAzure) -> None:
    azure.slow_operations()
    created = call(azure, "PUT", NEW, BODY)
    url = created.headers["azure-asyncoperation"]
    match = STATUS.fullmatch(url)
    assert match, url
    status = azure.request("GET", url).json()
    assert (status["id"], status["name"], status["status"]) == (match[1], match[2], "Accepted")
    assert status["resourceId"] == f"{azure.subscription}{NEW}"
    assert status["startTime"].endswith("Z")
    azure.advance(5)
    assert azure.request("GET", url).json()["status"] == "Succeeded"
    deleted = call(azure, "DELETE", NEW)
    assert STATUS.fullmatch(deleted.headers["azure-asyncoperation"])
    assert "location" in deleted.headers


def test_a_new_pool_has_what_the_service_adds(azure: LocalAzure) -> None:
    created = call(azure, "PUT", NEW, BODY).json()
    assert (created["type"], created["systemData"]["createdByType"]) == (
        "microsoft.hdinsight/clusterpools",
        "Application",
    )
    assert created["properties"] == {**BODY["properties"], "provisioningState": "Accepted"}  # recorded so, and no more
    shown = call(azure, "GET", NEW).json()["properties"]
    assert shown["managedResourceGroupName"].startswith("hdi-")
    assert "aksClusterResourceId" in shown["aksClusterProfile"]
    changed = call(azure, "PUT", NEW, BODY).json()["systemData"]
    assert changed["createdAt"] == created["systemData"]["createdAt"] < changed["lastModifiedAt"]


def test_a_pool_and_a_cluster_have_an_etag_that_changes_with_them(azure: LocalAzure) -> None:
    created = call(azure, "PUT", NEW, BODY).headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{8}-0000-0200-0000-[0-9a-f]{8}0000"', created)
    azure.advance(5)
    shown = [call(azure, "GET", NEW).headers["etag"] for _ in range(2)]
    assert shown[0] == shown[1] != created
    assert call(azure, "PATCH", NEW, {"tags": {"a": "b"}}).headers["etag"] != shown[0]
    assert call(azure, "GET", CLUSTER).headers["etag"] != call(azure, "GET", POOL).headers["etag"]


def test_the_pool_and_the_cluster_of_a_new_tenant_have_it_too(azure: LocalAzure) -> None:
    pool, cluster = (call(azure, "GET", path).json() for path in (POOL, CLUSTER))
    group = pool["properties"]["managedResourceGroupName"]
    assert f"/{group}/" in pool["properties"]["aksClusterProfile"]["aksClusterResourceId"]
    assert pool["systemData"] == cluster["systemData"]
    assert pool["systemData"]["createdByType"] == "Application"


def cluster_body(azure: LocalAzure) -> dict[str, Any]:
    """The body of a PUT of a cluster like the predefined one."""
    properties = call(azure, "GET", CLUSTER).json()["properties"]
    profile = {name: value for name, value in properties["clusterProfile"].items() if name != "connectivityProfile"}
    asked = {name: properties[name] for name in ("clusterType", "computeProfile")}
    return {"location": "westeurope", "properties": {**asked, "clusterProfile": profile}}


def test_a_new_cluster_has_its_address(azure: LocalAzure) -> None:
    body = cluster_body(azure)
    created = call(azure, "PUT", SECOND, body)
    assert created.status == 201, created.body
    assert created.json()["properties"] == {**body["properties"], "provisioningState": "Accepted"}
    assert created.json()["type"] == "microsoft.hdinsight/clusterpools/clusters"
    system_data = created.json()["systemData"]
    assert (system_data["createdByType"], system_data["lastModifiedByType"]) == ("Application", "Application")
    assert system_data["createdAt"] == system_data["lastModifiedAt"]
    shown = call(azure, "GET", SECOND).json()
    assert shown["systemData"] == system_data
    web = shown["properties"]["clusterProfile"]["connectivityProfile"]["web"]
    assert web == {"fqdn": "second.flink-pool.westeurope.hdinsightaks.net"}


def test_the_operations_of_a_cluster_are_shown_as_a_pool_s(azure: LocalAzure) -> None:
    azure.slow_operations()
    created = call(azure, "PUT", SECOND, cluster_body(azure))
    azure.advance(5)
    deleted = call(azure, "DELETE", SECOND)
    for answer, expected in ((created, "Succeeded"), (deleted, "Accepted")):
        url = answer.headers["azure-asyncoperation"]
        match = re.fullmatch(STATUS.pattern.replace("EASTUS2", "WESTEUROPE"), url)
        assert match, url
        status = azure.request("GET", url).json()
        assert (status["id"], status["name"], status["status"]) == (match[1], match[2], expected)
        assert status["resourceId"] == f"{azure.subscription}{SECOND}"
    assert (deleted.status, "location" in deleted.headers) == (202, True)
    azure.advance(5)
    assert azure.request("GET", deleted.headers["azure-asyncoperation"]).json()["status"] == "Succeeded"
    assert call(azure, "GET", SECOND).status == 404


def test_a_cluster_is_resized(azure: LocalAzure) -> None:
    resize = f"{CLUSTER}/resize"
    body = {"location": "westeurope", "properties": {"targetWorkerNodeCount": 5}}
    accepted = call(azure, "POST", resize, body)
    assert accepted.status == 202
    azure.advance(5)
    shown = azure.request("GET", accepted.headers["location"]).json()
    counts = {node["type"]: node["count"] for node in shown["properties"]["computeProfile"]["nodes"]}
    assert counts == {"head": 2, "worker": 5}
    assert code(call(azure, "POST", resize, {"properties": {}})) == (400, "InvalidRequestContent")


@pytest.mark.parametrize("path", [f"{POOL}/availableUpgrades", f"{CLUSTER}/availableUpgrades", f"{CLUSTER}/libraries"])
def test_there_are_no_upgrades_and_no_libraries(azure: LocalAzure, path: str) -> None:
    assert call(azure, "GET", path).json() == {"value": []}
    assert code(call(azure, "GET", path.replace("flink-pool", "none"))) == (404, "ResourceNotFound")


@pytest.mark.parametrize("category", ["predefined", "custom"])
def test_a_flink_cluster_has_no_libraries_of_any_category(azure: LocalAzure, category: str) -> None:
    listed = call(azure, "GET", f"{CLUSTER}/libraries", query=f"&$category={category}")
    assert (listed.status, listed.json()) == (200, {"value": []})
