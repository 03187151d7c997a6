"""A federated identity credential through its life, and those of others beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.kinds.application import Outputs
from provisioner.kinds.federated_credential import KIND, FederatedCredential, Scope
from provisioner.model import Address
from tests.kinds.azure_setup import ENVIRONMENT, view_at
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

ISSUER = "https://westeurope.oic.prod-aks.azure.com/tenant/cluster/"
SUBJECT = "system:serviceaccount:airflow:airflow"
AUDIENCE = "api://AzureADTokenExchange"


def declare(azure: LocalAzure) -> FederatedCredential:
    """Of an application that has none yet."""
    application = azure.graph("POST", "applications", {"displayName": "dev airflow"}).json()
    return FederatedCredential(
        application_id=application["id"],
        principal="airflow",
        name="cluster",
        issuer=ISSUER,
        subject=SUBJECT,
        audience=AUDIENCE,
        environment=ENVIRONMENT,
    )


def scope(desired: FederatedCredential) -> Scope:
    return Scope(application_id=desired.application_id, principal="airflow", environment=ENVIRONMENT)


EXAMPLE = Example(
    name="airflow.cluster",
    declare=declare,
    change=lambda _azure, desired: replace(desired, subject=f"{SUBJECT}-worker"),
    scope=scope,
)
desired = pytest.fixture(declare, name="desired")


def credentials(azure: LocalAzure, desired: FederatedCredential) -> list[dict[str, Any]]:
    path = f"applications/{desired.application_id}/federatedIdentityCredentials"
    return list(azure.graph("GET", path).json()["value"])


def add(azure: LocalAzure, desired: FederatedCredential, name: str) -> None:
    """As somebody else does."""
    body = {"name": name, "issuer": "https://example.com", "subject": name, "audiences": [AUDIENCE]}
    path = f"applications/{desired.application_id}/federatedIdentityCredentials"
    assert azure.graph("POST", path, body).status == 201


def checked(cloud: Cloud, desired: FederatedCredential) -> list[tuple[str, str]]:
    assert KIND.preflight.ready is not None
    found = KIND.preflight.ready(cloud, desired, KIND.read(cloud, desired))
    return [(one.verdict.value, one.what) for one in found]


def test_a_hand_edit_is_drift_and_an_update_ends_it(
    cloud: Cloud, azure: LocalAzure, desired: FederatedCredential
) -> None:
    assert KIND.create is not None
    assert KIND.update is not None
    KIND.create(cloud, desired)
    (made,) = credentials(azure, desired)
    path = f"applications/{desired.application_id}/federatedIdentityCredentials/{made['id']}"
    assert azure.graph("PATCH", path, {"issuer": ISSUER.rstrip("/")}).status == 204
    cloud.session.reads.new_pass()
    observed = KIND.read(cloud, desired)
    assert observed is not None
    (change,) = KIND.diff(desired, observed, view_at(cloud.session.clock.decision_time()))
    assert (change.field, change.before, change.after) == ("issuer", ISSUER.rstrip("/"), ISSUER)
    KIND.update(cloud, desired, observed)
    assert [(one["id"], one["issuer"]) for one in credentials(azure, desired)] == [(made["id"], ISSUER)]


def test_those_of_others_stay_and_are_reported(cloud: Cloud, azure: LocalAzure, desired: FederatedCredential) -> None:
    add(azure, desired, "backdoor")
    assert KIND.create is not None
    KIND.create(cloud, desired)
    assert checked(cloud, desired) == [
        ("note", "backdoor lets backdoor of https://example.com sign in as it, too"),
    ]
    assert not isinstance(KIND.owned, str)
    assert [one.name for one in KIND.owned(cloud, scope(desired))] == ["airflow.cluster"]


def test_the_same_trust_of_another_environment_serves_and_stays(cloud: Cloud, desired: FederatedCredential) -> None:
    other = replace(desired, environment="0b6d3b3f-5d1c-4d3f-8f0e-6c1f2a7b9c99")
    assert KIND.create is not None
    KIND.create(cloud, other)
    cloud.session.reads.new_pass()
    observed = KIND.read(cloud, desired)
    assert observed is not None
    assert not observed.owned
    assert KIND.diff(desired, observed, view_at(cloud.session.clock.decision_time())) == ()
    assert checked(cloud, desired) == []
    assert not isinstance(KIND.owned, str)
    assert KIND.owned(cloud, scope(desired)) == ()
    assert KIND.read(cloud, replace(desired, subject="other")) is None


def test_the_twenty_first_is_refused_before_the_first_write(
    cloud: Cloud, azure: LocalAzure, desired: FederatedCredential
) -> None:
    for number in range(20):
        add(azure, desired, f"other-{number}")
    assert checked(cloud, desired)[-1] == ("stops", "its application has 20 already, Entra's limit")


def test_of_an_application_that_is_not_there_nothing_is_known(cloud: Cloud, desired: FederatedCredential) -> None:
    absent = replace(desired, application_id="00000000-0000-0000-0000-000000000000")
    assert KIND.read(cloud, absent) is None
    later = replace(desired, application_id=Outputs.object_id.of(Address("application", "airflow")))
    assert KIND.preflight.ready is not None
    assert list(KIND.preflight.ready(cloud, later, None)) == []
