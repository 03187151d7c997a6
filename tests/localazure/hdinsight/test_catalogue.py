"""What HDInsight on AKS says of its versions, of free names, and of the parts of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.resource_manager import Manager, code

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure

HERE = "/providers/Microsoft.HDInsight/locations/West Europe"


@pytest.fixture
def arm(azure: LocalAzure) -> Manager:
    return Manager(azure=azure, version="2024-05-01-preview")


def _given(arm: Manager) -> str:
    """The path of the cluster that a tenant comes with."""
    pool = arm("GET", "/providers/Microsoft.HDInsight/clusterpools").json()["value"][0]["id"]
    url = f"https://management.azure.com{pool}/clusters?api-version=2024-05-01-preview"
    found = str(arm.azure.request("GET", url).json()["value"][0]["id"])
    return found.removeprefix(arm.azure.subscription)


def test_versions_are_offered_among_them_that_of_the_given_cluster(arm: Manager) -> None:
    profile = arm("GET", _given(arm)).json()["properties"]["clusterProfile"]
    offered = [one["properties"] for one in arm("GET", f"{HERE}/availableClusterVersions").json()["value"]]
    assert (profile["clusterVersion"], profile["ossVersion"]) in {
        (one["clusterVersion"], one["ossVersion"]) for one in offered
    }
    (first, *_) = arm("GET", f"{HERE}/availableClusterVersions").json()["value"]
    assert (set(first), first["name"]) == ({"id", "name", "properties"}, "flink_1.16.0-1.0.6")
    assert "/availableclusterversions/" in first["id"]
    pools = {one["name"] for one in arm("GET", f"{HERE}/availableClusterPoolVersions").json()["value"]}
    assert {one["clusterPoolVersion"] for one in offered} == pools


def test_names_of_pools_and_clusters_are_free_or_not(arm: Manager) -> None:
    def ask(name: str, kind: str) -> Answer:
        body = {"name": name, "type": f"Microsoft.HDInsight/{kind}"}
        return arm("POST", f"{HERE}/checkNameAvailability", body)

    pool, _, cluster = _given(arm).rsplit("/clusterpools/", 1)[1].partition("/clusters/")
    assert ask(pool, "clusterPools").json()["reason"] == "AlreadyExists"
    assert ask(f"{pool}/{cluster}", "clusterPools/clusters").json()["reason"] == "AlreadyExists"
    assert ask(f"{pool}/other", "clusterPools/clusters").json() == {"nameAvailable": True}
    assert ask("-", "clusterPools").json()["reason"] == "Invalid"
    assert code(ask("x", "other")) == (400, "InvalidRequestContent")


def test_a_cluster_shows_how_its_parts_are(arm: Manager) -> None:
    path = _given(arm)
    view = arm("GET", f"{path}/instanceViews/default").json()
    assert view["properties"]["status"]["ready"] == "true"
    assert arm("GET", f"{path}/instanceViews").json() == {"value": [view]}
    assert arm("GET", f"{path}/serviceConfigs").json() == {"value": []}
    assert arm("GET", f"{path}x/instanceViews").status == 404
