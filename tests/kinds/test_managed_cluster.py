"""The Kubernetes cluster whose tokens sign a principal in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from localazure.app.tenant import SEEDED_AKS
from provisioner.kind import Verdict
from provisioner.kinds.managed_cluster import KIND, VERSION, ManagedCluster, ObservedManagedCluster, Outputs
from provisioner.model import Forces
from tests.kinds.azure_setup import view_at
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud

DESIRED = ManagedCluster(id=SEEDED_AKS)
EXAMPLE = Example(declare=lambda _azure: DESIRED)


def read(cloud: Cloud) -> ObservedManagedCluster:
    observed = KIND.read(cloud, DESIRED)
    assert observed is not None
    return observed


def notes(cloud: Cloud, observed: ObservedManagedCluster | None) -> list[tuple[Verdict, str]]:
    assert KIND.preflight.ready is not None
    return [(one.verdict, one.remedy) for one in KIND.preflight.ready(cloud, DESIRED, observed)]


def test_its_issuer_is_published_byte_for_byte(cloud: Cloud) -> None:
    cluster = cloud.arm.find(SEEDED_AKS, VERSION)
    assert cluster is not None
    observed = read(cloud)
    assert KIND.publish(observed, None) == Outputs(issuer=cluster["properties"]["oidcIssuerProfile"]["issuerURL"])
    assert observed.issuer.endswith("/")
    assert KIND.diff(DESIRED, observed, view_at(cloud.session.clock.decision_time())) == ()
    assert notes(cloud, observed) == []
    assert KIND.create is None


def test_one_that_is_not_there_is_none(cloud: Cloud) -> None:
    absent = replace(DESIRED, id=f"{SEEDED_AKS}-2")
    assert KIND.read(cloud, absent) is None
    assert notes(cloud, None) == []


def test_one_without_an_issuer_is_refused_with_the_command_that_enables_it(cloud: Cloud) -> None:
    observed = replace(read(cloud), issuer="", injects=False)
    (change,) = KIND.diff(DESIRED, observed, view_at(cloud.session.clock.decision_time()))
    assert (change.forces, "--enable-oidc-issuer" in change.reason) == (Forces.REFUSE, True)
    assert KIND.publish(observed, None) == Outputs()
    ((verdict, remedy),) = notes(cloud, observed)
    assert (verdict, "--enable-workload-identity" in remedy) == (Verdict.NOTE, True)
