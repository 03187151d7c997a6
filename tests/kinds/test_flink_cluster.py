"""The Flink cluster that is given."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from localazure.app.tenant import SEEDED_CLUSTER
from provisioner.kind import Verdict
from provisioner.kinds.flink_cluster import KIND, VERSION, FlinkCluster
from provisioner.model import Forces
from tests.kinds.azure_setup import view_at
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud

EXAMPLE = Example(declare=lambda _azure: FlinkCluster(id=SEEDED_CLUSTER))


def test_it_is_found_with_the_object_id_of_its_identity(cloud: Cloud) -> None:
    desired = FlinkCluster(id=SEEDED_CLUSTER)
    observed = KIND.read(cloud, desired)
    assert observed is not None
    assert KIND.diff(desired, observed, view_at(cloud.session.clock.decision_time())) == ()
    shown = KIND.publish(observed, None).known()
    identity = cloud.arm.find(str(shown["identity_resource_id"]), "2023-01-31")
    assert identity is not None
    assert shown["identity_object_id"] == identity["properties"]["principalId"]
    assert shown["web_url"] == "https://flink-cluster.flink-pool.westeurope.hdinsightaks.net/"
    assert KIND.create is None


def test_the_identity_may_stand_in_either_place(cloud: Cloud) -> None:
    found = cloud.arm.find(SEEDED_CLUSTER, VERSION)
    assert found is not None
    profile = found["properties"]["clusterProfile"]
    desired = FlinkCluster(id=SEEDED_CLUSTER)
    both = KIND.read(cloud, desired)
    for name in ("identityProfile", "managedIdentityProfile"):
        assert profile[name]
        kept = profile.pop(name)
        assert KIND.read(cloud, desired) == both
        profile[name] = kept


@pytest.mark.parametrize(
    ("types", "found"),
    [(["internal", "user", "cluster"], "of-cluster"), (["internal", "user"], "of-user"), (["internal"], ""), ([], "")],
)
def test_of_several_identities_the_cluster_s_own_counts_then_the_user_s(
    cloud: Cloud, types: list[str], found: str
) -> None:
    shown = cloud.arm.find(SEEDED_CLUSTER, VERSION)
    assert shown is not None
    listed = [{"type": one, "objectId": f"of-{one}", "resourceId": f"/{one}"} for one in types]
    shown["properties"]["clusterProfile"] = {"managedIdentityProfile": {"identityList": listed}}
    observed = KIND.read(cloud, FlinkCluster(id=SEEDED_CLUSTER))
    assert observed is not None
    assert observed.identity_object_id == found
    assert "web_url" not in KIND.publish(observed, None).known()  # it shows no address here


def test_a_cluster_without_an_identity_is_refused(cloud: Cloud) -> None:
    desired = FlinkCluster(id=SEEDED_CLUSTER)
    observed = KIND.read(cloud, desired)
    assert observed is not None
    without = replace(observed, identity_object_id="", identity_resource_id="")
    (change,) = KIND.diff(desired, without, view_at(cloud.session.clock.decision_time()))
    assert change.forces is Forces.REFUSE
    assert "identity_object_id" not in KIND.publish(without, None).known()


def test_one_that_is_not_there_is_absent(cloud: Cloud) -> None:
    assert KIND.read(cloud, FlinkCluster(id=f"{SEEDED_CLUSTER}-other")) is None


@pytest.mark.parametrize(
    ("provisioning", "status", "verdict"),
    [
        ("Succeeded", "Running", Verdict.HOLDS),
        ("", "", Verdict.UNKNOWN),
        ("Failed", "Running", Verdict.STOPS),
        ("Succeeded", "Stopped", Verdict.STOPS),
    ],
)
def test_one_that_takes_no_jobs_is_told(cloud: Cloud, provisioning: str, status: str, verdict: Verdict) -> None:
    desired = FlinkCluster(id=SEEDED_CLUSTER)
    observed = KIND.read(cloud, desired)
    assert observed is not None
    assert KIND.preflight.ready is not None
    (told,) = KIND.preflight.ready(cloud, desired, replace(observed, provisioning=provisioning, status=status))
    assert told.verdict is verdict
    assert list(KIND.preflight.ready(cloud, desired, None)) == []
