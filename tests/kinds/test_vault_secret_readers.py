"""A vault secret that a platform copies to Airflow's workers: what shows that they use its newest version."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.cloud.clients.key_vault_secrets import SecretVersion
from provisioner.key_probe import Probe
from provisioner.kind import OWNER_TAG
from provisioner.kinds.vault_secret import KIND, Readers, StoredSecret
from provisioner.model import Address, AirflowApi, AirflowSignIn, KeyReference, Usage
from provisioner.secret import Secret
from tests.airflow_server import USER, WORD, AirflowServer, airflow_server, direct_cloud
from tests.kinds.azure_setup import ENVIRONMENT, VAULT

if TYPE_CHECKING:
    from collections.abc import Generator

    from provisioner.cloud.cloud import Cloud

CREDENTIAL = Address("client_secret", "airflow")
STORED = datetime(2026, 11, 29, 10, tzinfo=UTC)
SIGN_IN = AirflowSignIn(way="token", user=USER, secret=Secret(WORD))
API = AirflowApi(version="3.3.2", right="a role", setting="airflow.api", sign_in=SIGN_IN)
HOUR = timedelta(hours=1)


@pytest.fixture
def server() -> Generator[AirflowServer]:
    with airflow_server() as airflow:
        yield airflow


@pytest.fixture
def cloud() -> Generator[Cloud]:
    with direct_cloud() as direct:
        yield direct


def stored(readers: Readers | None, **more: Any) -> StoredSecret:
    """A secret whose newest version has key-2, with tags of the test's own."""
    tags = {OWNER_TAG: ENVIRONMENT, "provisioner-version": "v2", "keyId": "key-2", "since": STORED.isoformat()}
    latest = SecretVersion(
        name="s",
        version="v2",
        enabled=True,
        tags={**tags, **more},
        expires=None,
        created=STORED,
        updated=None,
        content_type=None,
    )
    return StoredSecret(
        owned=True, version="v2", vault=VAULT, name="s", latest=latest, credential=CREDENTIAL, readers=readers
    )


def asked(server: AirflowServer) -> Readers:
    return Readers(within=HOUR, probe=Probe(dag_id="A_key_probe", api=API), web_url=server.url)


def current(secret: StoredSecret) -> KeyReference:
    assert KIND.holder is not None
    (reference,) = KIND.holder.holds(secret)[CREDENTIAL]
    return reference


def used(cloud: Cloud, secret: StoredSecret) -> Usage:
    assert KIND.holder is not None
    assert KIND.holder.probe_usage is not None
    return KIND.holder.probe_usage(cloud, secret)


def test_those_who_read_it_each_time_have_it_at_once() -> None:
    reference = current(stored(None))
    assert (reference.at_once, reference.unseen, reference.settled) == (True, False, None)


def test_nobody_sees_a_platform_that_cannot_be_asked(cloud: Cloud) -> None:
    reference = current(stored(Readers(within=HOUR)))
    assert (reference.at_once, reference.unseen, reference.settled) == (False, True, STORED + HOUR)
    assert used(cloud, stored(Readers(within=HOUR))) == Usage(awaited_from="nobody who can be asked")


def test_somebody_who_says_so_is_believed(cloud: Cloud, server: AirflowServer) -> None:
    said = STORED + 2 * HOUR
    for readers in (Readers(within=HOUR), asked(server)):
        secret = stored(readers, rolledOut=said.isoformat())
        reference = current(secret)
        assert (reference.unseen, reference.settled, used(cloud, secret)) == (False, said, Usage(since=said))
    assert server.calls == []


def test_a_run_of_the_probe_shows_that_a_worker_has_it(cloud: Cloud, server: AirflowServer) -> None:
    secret = stored(asked(server))
    assert used(cloud, secret).awaited_from.startswith("the run provisioner-key__key-2__20261129T100000__1")
    assert used(cloud, secret).since == datetime(2026, 11, 29, 12, tzinfo=UTC)
    assert [path for method, path, _ in server.calls if method == "POST"] == [
        "/auth/token",
        "/api/v2/dags/A_key_probe/dagRuns",
        "/auth/token",
    ]


def test_an_airflow_that_does_not_answer_shows_nothing(cloud: Cloud) -> None:
    readers = Readers(within=HOUR, probe=Probe(dag_id="A_key_probe", api=API), web_url="http://127.0.0.1:9")
    assert used(cloud, stored(readers)).awaited_from.startswith("Airflow (Airflow did not answer: ")


def test_what_has_no_date_is_never_settled_by_one(server: AirflowServer) -> None:
    secret = stored(asked(server), since="")
    undated = replace(secret, latest=replace(secret.latest, created=None))
    assert (current(undated).settled, current(undated).usage) == (None, None)
