"""HDInsight on AKS: the versions and free names of a region, and the health of a cluster's services."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.resource_manager import Manager, code

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure

LOCATION = "/providers/Microsoft.HDInsight/locations/West Europe"


@pytest.fixture
def arm(azure: LocalAzure) -> Manager:
    return Manager(azure=azure, version="2024-05-01-preview")


def _seeded_cluster(arm: Manager) -> str:
    """Return the path of the cluster that a new tenant contains."""
    pool = arm("GET", "/providers/Microsoft.HDInsight/clusterpools").json()["value"][0]["id"]
    url = f"https://management.azure.com{pool}/clusters?api-version=2024-05-01-preview"
    resource_id = str(arm.azure.request("GET", url).json()["value"][0]["id"])
    return resource_id.removeprefix(arm.azure.subscription)


def test_the_listed_versions_include_that_of_the_seeded_cluster(arm: Manager) -> None:
    profile = arm("GET", _seeded_cluster(arm)).json()["properties"]["clusterProfile"]
    offered = [one["properties"] for one in arm("GET", f"{LOCATION}/availableClusterVersions").json()["value"]]
    assert (profile["clusterVersion"], profile["ossVersion"]) in {
        (one["clusterVersion"], one["ossVersion"]) for one in offered
    }
    (first, *_) = arm("GET", f"{LOCATION}/availableClusterVersions").json()["value"]
    assert (set(first), first["name"]) == ({"id", "name", "properties"}, "flink_1.16.0-1.0.6")
    assert "/availableclusterversions/" in first["id"]
    pools = {one["name"] for one in arm("GET", f"{LOCATION}/availableClusterPoolVersions").json()["value"]}
    assert {one["clusterPoolVersion"] for one in offered} == pools


def test_a_name_check_shows_whether_a_pool_or_cluster_has_the_name(arm: Manager) -> None:
    def check_name(name: str, kind: str) -> Answer:
        body = {"name": name, "type": f"Microsoft.HDInsight/{kind}"}
        return arm("POST", f"{LOCATION}/checkNameAvailability", body)

    pool, _, cluster = _seeded_cluster(arm).rsplit("/clusterpools/", 1)[1].partition("/clusters/")
    assert check_name(pool, "clusterPools").json()["reason"] == "AlreadyExists"
    assert check_name(f"{pool}/{cluster}", "clusterPools/clusters").json()["reason"] == "AlreadyExists"
    assert check_name(f"{pool}/other", "clusterPools/clusters").json() == {"nameAvailable": True}
    assert check_name("-", "clusterPools").json()["reason"] == "Invalid"
    assert code(check_name("x", "other")) == (400, "InvalidRequestContent")


def test_the_instance_view_of_a_cluster_shows_its_health(arm: Manager) -> None:
    path = _seeded_cluster(arm)
    view = arm("GET", f"{path}/instanceViews/default").json()
    assert view["properties"]["status"]["ready"] == "true"
    assert arm("GET", f"{path}/instanceViews").json() == {"value": [view]}
    assert arm("GET", f"{path}/serviceConfigs").json() == {"value": []}
    assert arm("GET", f"{path}x/instanceViews").status == 404
