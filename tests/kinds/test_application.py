"""An application through its life, soft-deleted and adopted ones included."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from provisioner.errors import NotAuthorized, Refused
from provisioner.kinds.application import KIND, Application, RegisteredApplication, Scope
from tests.kinds.azure_setup import ENVIRONMENT, OTHER, cloud_of, view_at
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

APP = Application(unique_name=f"provisioner-{ENVIRONMENT}-airflow", display_name="dev airflow", environment=ENVIRONMENT)
EXAMPLE = Example(
    name="airflow",
    declare=lambda _azure: APP,
    change=lambda _azure, desired: replace(desired, display_name="another name"),
    scope=lambda _desired: Scope(environment=ENVIRONMENT),
)


def made(cloud: Cloud, desired: Application = APP) -> RegisteredApplication:
    assert KIND.create is not None
    KIND.create(cloud, desired)
    found = KIND.read(cloud, desired)
    assert found is not None
    return found


def remove(cloud: Cloud, observed: RegisteredApplication) -> None:
    assert KIND.delete is not None
    KIND.delete(cloud, observed)


def found_names(cloud: Cloud) -> list[str]:
    assert not isinstance(KIND.owned, str)
    cloud.session.reads.new_pass()
    return [found.name for found in KIND.owned(cloud, Scope(environment=ENVIRONMENT))]


def test_it_is_absent_then_made_then_as_declared_then_gone_for_good(cloud: Cloud, azure: LocalAzure) -> None:
    assert KIND.read(cloud, APP) is None
    observed = made(cloud)
    assert observed.owned
    assert KIND.diff(APP, observed, view_at(cloud.session.clock.decision_time())) == ()
    assert KIND.publish(observed, None).known()["client_id"] == observed.client_id
    assert found_names(cloud) == ["airflow"]
    remove(cloud, observed)
    remove(cloud, observed)
    assert KIND.read(cloud, APP) is None
    assert azure.graph("GET", "directory/deletedItems/microsoft.graph.application").json()["value"] == []


def test_making_it_twice_makes_one(cloud: Cloud) -> None:
    assert made(cloud).object_id == made(cloud).object_id


def test_a_new_name_is_drift_and_tags_of_others_stay(cloud: Cloud, azure: LocalAzure) -> None:
    observed = made(cloud)
    azure.graph("PATCH", f"applications/{observed.object_id}", {"displayName": "x", "tags": [*observed.tags, "team=a"]})
    drifted = KIND.read(cloud, APP)
    assert drifted is not None
    assert [change.field for change in KIND.diff(APP, drifted, view_at(cloud.session.clock.decision_time()))] == [
        "display_name"
    ]
    assert KIND.update is not None
    KIND.update(cloud, APP, drifted)
    repaired = KIND.read(cloud, APP)
    assert repaired is not None
    assert (repaired.display_name, "team=a" in repaired.tags, repaired.owned) == ("dev airflow", True, True)


def test_a_soft_deleted_one_comes_back_with_its_principal_and_without_our_old_passwords(
    cloud: Cloud, azure: LocalAzure
) -> None:
    observed = made(cloud)
    principal = azure.graph("POST", "servicePrincipals", {"appId": observed.client_id}).json()["id"]
    for name in (f"provisioner-{ENVIRONMENT}-airflow", "made by hand"):
        azure.graph(
            "POST", f"applications/{observed.object_id}/addPassword", {"passwordCredential": {"displayName": name}}
        )
    azure.graph("DELETE", f"applications/{observed.object_id}")
    assert KIND.read(cloud, APP) is None
    back = made(cloud)
    assert back.object_id == observed.object_id
    assert azure.graph("GET", f"servicePrincipals/{principal}").status == 200
    shown = cloud.graph.find_application_by_id(back.object_id)
    assert shown is not None
    assert [password.name for password in shown.passwords] == ["made by hand"]


def test_a_malformed_request_is_not_taken_for_a_soft_deleted_one(cloud: Cloud) -> None:
    with pytest.raises(Exception, match="400"):
        made(cloud, replace(APP, display_name=""))


def test_one_that_a_teardown_deleted_but_did_not_purge_is_purged_by_the_next(cloud: Cloud, azure: LocalAzure) -> None:
    observed = made(cloud)
    azure.graph("DELETE", f"applications/{observed.object_id}")
    assert not isinstance(KIND.owned, str)
    (left,) = KIND.owned(cloud, Scope(environment=ENVIRONMENT))
    assert isinstance(left.observed, RegisteredApplication)
    assert (left.name, left.kept) == ("airflow.deleted", "deleted; a provision would restore it")
    remove(cloud, left.observed)
    assert found_names(cloud) == []


def test_one_that_the_spec_no_longer_names_goes(cloud: Cloud) -> None:
    observed = made(cloud)
    assert not isinstance(KIND.owned, str)
    (left,) = KIND.owned(cloud, Scope(environment=ENVIRONMENT))
    assert (left.observed, left.kept) == (observed, "")


def test_an_adopted_one_is_found_by_its_client_id_and_never_ours(cloud: Cloud, azure: LocalAzure) -> None:
    client_id, _ = azure.new_client("made by hand")
    desired = replace(APP, client_id=client_id)
    observed = KIND.read(cloud, desired)
    assert observed is not None
    assert not observed.owned
    assert KIND.diff(desired, observed, view_at(cloud.session.clock.decision_time())) == ()
    assert found_names(cloud) == []


def test_an_adopted_one_that_is_not_there_is_refused(cloud: Cloud) -> None:
    with pytest.raises(Refused, match="client_id"):
        KIND.read(cloud, replace(APP, client_id=OTHER))


def test_the_mark_of_another_environment_is_not_ours(cloud: Cloud) -> None:
    made(cloud, replace(APP, unique_name=f"provisioner-{OTHER}-airflow", environment=OTHER))
    assert found_names(cloud) == []


def test_without_the_graph_permission_it_says_which_one(azure: LocalAzure) -> None:
    client_id, secret = azure.new_client("nobody")
    poor = cloud_of(replace(azure, operator_client_id=client_id, operator_secret=secret))
    with pytest.raises(NotAuthorized, match=r"Application\.ReadWrite\.OwnedBy"):
        made(poor)


def test_a_lost_answer_to_its_restoration_is_no_failure(cloud: Cloud, azure: LocalAzure) -> None:
    observed = made(cloud)
    azure.graph("DELETE", f"applications/{observed.object_id}")
    azure.fault(fault="lost", method="POST", path="/restore")
    assert made(cloud).object_id == observed.object_id


def test_its_service_principal_goes_with_it_for_good(cloud: Cloud, azure: LocalAzure) -> None:
    observed = made(cloud)
    azure.graph("POST", "servicePrincipals", {"appId": observed.client_id})
    remove(cloud, observed)
    assert azure.graph("GET", "directory/deletedItems/microsoft.graph.servicePrincipal").json()["value"] == []


def test_replicas_that_lag_behind_a_deletion_and_a_restoration_are_waited_for(cloud: Cloud, azure: LocalAzure) -> None:
    observed = made(cloud)
    azure.control("PUT", "/faults", {"lag_seconds": 1.0})
    azure.graph("DELETE", f"applications/{observed.object_id}")
    assert KIND.create is not None
    KIND.create(cloud, APP)
    azure.control("DELETE", "/faults")
    back = KIND.read(cloud, APP)
    assert back is not None
    assert back.object_id == observed.object_id
