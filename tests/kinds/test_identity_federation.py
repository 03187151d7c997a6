"""A managed identity's federated credential through its life, and those of others beside it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from provisioner.kinds.identity_federation import KIND, LIMIT, IdentityFederation, Scope
from tests.kinds.azure_setup import ENVIRONMENT, put, view_at
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

ISSUER = "https://westeurope.oic.prod-aks.azure.com/tenant/cluster/"
SUBJECT = "system:serviceaccount:airflow:airflow"
AUDIENCE = "api://AzureADTokenExchange"
VERSION = "2024-11-30"


def declare(azure: LocalAzure) -> IdentityFederation:
    """Of an identity that has none yet."""
    group = f"{azure.subscription}/resourceGroups/rg-kinds"
    identity = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-airflow"
    put(azure, group, "2021-04-01", {"location": "westeurope"})
    put(azure, identity, VERSION, {"location": "westeurope"})
    return IdentityFederation(
        identity_id=identity,
        name="cluster",
        issuer=ISSUER,
        subject=SUBJECT,
        audience=AUDIENCE,
        environment=ENVIRONMENT,
    )


EXAMPLE = Example(
    name="id-airflow.cluster",
    declare=declare,
    change=lambda _azure, desired: replace(desired, subject=f"{SUBJECT}-worker"),
    scope=lambda desired: Scope(identity_id=desired.identity_id, environment=ENVIRONMENT),
)
desired = pytest.fixture(declare, name="desired")


def add(azure: LocalAzure, desired: IdentityFederation, name: str, subject: str) -> None:
    """As somebody else does."""
    properties = {"issuer": ISSUER, "subject": subject, "audiences": [AUDIENCE]}
    path = f"{desired.identity_id}/federatedIdentityCredentials/{name}"
    put(azure, path, VERSION, {"properties": properties})


def checked(cloud: Cloud, desired: IdentityFederation) -> list[tuple[str, str]]:
    assert KIND.preflight.ready is not None
    found = KIND.preflight.ready(cloud, desired, KIND.read(cloud, desired))
    return [(one.verdict.value, one.what) for one in found]


def test_one_of_somebody_else_that_does_the_same_is_used_as_it_is(
    cloud: Cloud, azure: LocalAzure, desired: IdentityFederation
) -> None:
    add(azure, desired, "by-hand", SUBJECT)

    observed = KIND.read(cloud, desired)

    assert observed is not None
    assert not observed.owned
    assert KIND.diff(desired, observed, view_at(cloud.session.clock.decision_time())) == ()
    assert checked(cloud, desired) == []


def test_those_of_others_are_named_since_they_sign_in_as_it_too(
    cloud: Cloud, azure: LocalAzure, desired: IdentityFederation
) -> None:
    add(azure, desired, "by-hand", "system:serviceaccount:other:job")
    what = f"by-hand lets system:serviceaccount:other:job of {ISSUER} sign in as it, too"
    assert checked(cloud, desired) == [("note", what)]


def test_an_identity_that_has_as_many_as_azure_allows_stops_before_the_first_write(
    cloud: Cloud, azure: LocalAzure, desired: IdentityFederation
) -> None:
    for number in range(LIMIT):
        add(azure, desired, f"by-hand-{number}", f"subject-{number}")
    assert ("stops", f"the identity has {LIMIT} already, Azure's limit") in checked(cloud, desired)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_write_that_meets_another_run_s_is_sent_again(
    cloud: Cloud, azure: LocalAzure, desired: IdentityFederation, method: str
) -> None:
    add(azure, desired, f"provisioner-{ENVIRONMENT}-cluster", SUBJECT)
    observed = KIND.read(cloud, desired)
    update, delete = KIND.update, KIND.delete
    assert observed
    assert update
    assert delete
    with ThreadPoolExecutor(2) as pool:
        azure.fault(fault="hold", method="PUT", path="/federatedIdentityCredentials/by-hand$")
        other = pool.submit(add, azure, desired, "by-hand", "system:serviceaccount:other:job")
        while not azure.control("GET", "/faults")["rules"][0]["hit"]:
            assert not other.done()
        write = partial(update, cloud, desired, observed) if method == "PUT" else partial(delete, cloud, observed)
        ours = pool.submit(write)
        while (method, 409) not in answers(azure):
            assert not ours.done()
        azure.control("DELETE", "/faults")
        assert (other.result(), ours.result()) == (None, None)

    assert answers(azure)[-2:] == [("PUT", 201), (method, 200)]


def answers(azure: LocalAzure) -> list[tuple[str, int]]:
    """Of the writes to federations so far."""
    calls = azure.control("GET", "/calls")["calls"]
    writes = [call for call in calls if call["method"] != "GET" and "/federatedIdentityCredentials/" in call["path"]]
    return [(call["method"], call["status"]) for call in writes]
