"""A service principal through its life."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from provisioner.kinds.service_principal import KIND, RegisteredPrincipal, ServicePrincipal
from tests.kinds.azure_setup import ENVIRONMENT, view_at
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure


def declare(azure: LocalAzure) -> ServicePrincipal:
    """Of an application that has none yet."""
    application = azure.graph("POST", "applications", {"displayName": "dev airflow"}).json()
    return ServicePrincipal(client_id=application["appId"], environment=ENVIRONMENT)


def unmark(azure: LocalAzure, desired: ServicePrincipal) -> ServicePrincipal:
    """Somebody gave it other tags."""
    path = f"servicePrincipals(appId='{desired.client_id}')"
    assert azure.graph("PATCH", path, {"tags": ["team=a"]}).status == 204
    return desired


EXAMPLE = Example(declare=declare, change=unmark)
desired = pytest.fixture(declare, name="desired")


def made(cloud: Cloud, desired: ServicePrincipal) -> RegisteredPrincipal:
    assert KIND.create is not None
    KIND.create(cloud, desired)
    found = KIND.read(cloud, desired)
    assert found is not None
    return found


def test_it_is_absent_then_made_then_as_declared_then_gone_for_good(
    cloud: Cloud, azure: LocalAzure, desired: ServicePrincipal
) -> None:
    assert KIND.read(cloud, desired) is None
    observed = made(cloud, desired)
    assert observed.owned
    assert KIND.diff(desired, observed, view_at(cloud.session.clock.decision_time())) == ()
    assert KIND.publish(observed, None).known() == {"object_id": observed.object_id}
    assert made(cloud, desired).object_id == observed.object_id
    assert KIND.delete is not None
    KIND.delete(cloud, observed)
    KIND.delete(cloud, observed)
    assert KIND.read(cloud, desired) is None
    assert azure.graph("GET", "directory/deletedItems/microsoft.graph.servicePrincipal").json()["value"] == []


def test_a_soft_deleted_one_is_restored_so_that_its_grants_hold_again(
    cloud: Cloud, azure: LocalAzure, desired: ServicePrincipal
) -> None:
    observed = made(cloud, desired)
    azure.graph("DELETE", f"servicePrincipals/{observed.object_id}")
    assert made(cloud, desired).object_id == observed.object_id


def test_a_restored_one_without_the_owner_tag_gets_it(
    cloud: Cloud, azure: LocalAzure, desired: ServicePrincipal
) -> None:
    observed = made(cloud, desired)
    unmark(azure, desired)
    azure.graph("DELETE", f"servicePrincipals/{observed.object_id}")
    restored = made(cloud, desired)
    assert (restored.object_id, restored.owned) == (observed.object_id, True)


def test_the_principal_of_our_application_gets_our_mark_whoever_made_it(
    cloud: Cloud, azure: LocalAzure, desired: ServicePrincipal
) -> None:
    azure.graph("POST", "servicePrincipals", {"appId": desired.client_id, "tags": ["team=a"]})
    observed = KIND.read(cloud, desired)
    assert observed is not None
    view = view_at(cloud.session.clock.decision_time())
    assert [change.field for change in KIND.diff(desired, observed, view)] == ["tags"]
    assert KIND.diff(replace(desired, adopt=True), observed, view) == ()
    assert KIND.update is not None
    KIND.update(cloud, desired, observed)
    marked = KIND.read(cloud, desired)
    assert marked is not None
    assert marked.owned
    assert "team=a" in marked.tags


def test_one_that_went_with_its_application_is_purged(
    cloud: Cloud, azure: LocalAzure, desired: ServicePrincipal
) -> None:
    observed = made(cloud, desired)
    azure.graph("DELETE", f"applications(appId='{desired.client_id}')")
    assert KIND.delete is not None
    KIND.delete(cloud, observed)
    assert azure.graph("GET", "directory/deletedItems/microsoft.graph.servicePrincipal").json()["value"] == []


def test_replicas_that_lag_behind_a_restoration_are_waited_for(
    cloud: Cloud, azure: LocalAzure, desired: ServicePrincipal
) -> None:
    observed = made(cloud, desired)
    azure.graph("DELETE", f"servicePrincipals/{observed.object_id}")
    azure.fault(fault="stale", method="GET", path=r"servicePrincipals\(", seconds=30)
    assert made(cloud, desired).object_id == observed.object_id


def test_an_application_made_just_now_is_waited_for(cloud: Cloud, azure: LocalAzure) -> None:
    azure.control("PUT", "/faults", {"lag_seconds": 1.0})
    application = azure.graph("POST", "applications", {"displayName": "dev airflow"}).json()
    fresh = ServicePrincipal(client_id=application["appId"], environment=ENVIRONMENT)
    assert KIND.create is not None
    KIND.create(cloud, fresh)
    azure.control("DELETE", "/faults")
    assert KIND.read(cloud, fresh) is not None


def test_a_removal_whose_answer_is_lost_is_not_waited_for(
    cloud: Cloud, azure: LocalAzure, desired: ServicePrincipal
) -> None:
    observed = made(cloud, desired)
    azure.fault(fault="lost", method="DELETE", path="directory/deletedItems")
    azure.control("DELETE", "/calls")
    assert KIND.delete is not None
    KIND.delete(cloud, observed)
    purged = [one for one in azure.control("GET", "/calls")["calls"] if "deletedItems" in one["path"]]
    assert [(one["method"], one["status"]) for one in purged] == [("DELETE", 0), ("DELETE", 404)]
