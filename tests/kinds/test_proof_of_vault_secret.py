"""A vault secret that holds a credential is proven as those who use it: read, signed in with, used."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from localazure.app.tenant import SEEDED_CLUSTER
from provisioner.errors import NotAuthorized
from provisioner.kinds.vault_secret import KIND, VaultSecret
from provisioner.model import Address, Proof, Published, ReadBy, Unproven
from provisioner.secret import Secret
from tests.kinds.azure_setup import VAULT, grant
from tests.kinds.test_vault_secret import CREDENTIAL, made, place, seen
from tests.tool_secret import tool_secret

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

__all__ = ["place"]  # a fixture

SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
CLUSTER = (SEEDED_CLUSTER, "2024-05-01-preview")
AIRFLOW = Address("airflow_runtime", "airflow")


@dataclass(frozen=True)
class InUse:
    """A vault secret with the API principal's credential, and Airflow's principal, which is to read it."""

    cloud: Cloud
    desired: VaultSecret
    reader: ReadBy

    def proof(self, reader: ReadBy | None = None) -> Proof | Unproven:
        assert KIND.proofs.written is not None
        return KIND.proofs.written(
            self.cloud, self.desired, seen(self.cloud, self.desired), Published(), reader or self.reader
        )


def object_id(azure: LocalAzure, client_id: str) -> str:
    return azure.graph("GET", f"servicePrincipals(appId='{client_id}')").json()["id"]


@pytest.fixture
def in_use(cloud: Cloud, azure: LocalAzure, place: VaultSecret) -> InUse:
    """Nobody but the operator has any role yet."""
    api, value = azure.new_client("api")
    airflow, own = azure.new_client("airflow")
    desired = replace(place, value=tool_secret(value), client_id=api, readable_resource=CLUSTER)
    made(cloud, desired)
    reader = ReadBy(holder=AIRFLOW, credential=CREDENTIAL, client_id=airflow, secret=tool_secret(own))
    return InUse(cloud, desired, reader)


def let_read(azure: LocalAzure, in_use: InUse) -> None:
    vault = f"{azure.subscription}/resourceGroups/rg-kinds/providers/Microsoft.KeyVault/vaults/{VAULT}"
    grant(azure, vault, SECRETS_USER, object_id(azure, str(in_use.reader.client_id)))


def let_open(azure: LocalAzure, in_use: InUse) -> None:
    grant(azure, SEEDED_CLUSTER, CONTRIBUTOR, object_id(azure, str(in_use.desired.client_id)))


def test_a_credential_is_proven_as_its_reader_and_by_what_it_opens(azure: LocalAzure, in_use: InUse) -> None:
    let_read(azure, in_use)
    let_open(azure, in_use)

    assert in_use.proof() is Proof.USABLE


def test_a_reader_without_the_right_to_read_is_named_with_what_to_do(azure: LocalAzure, in_use: InUse) -> None:
    let_open(azure, in_use)

    proof = in_use.proof()

    assert isinstance(proof, Unproven)
    assert isinstance(proof.error, NotAuthorized)
    assert f"signs in as {in_use.reader.client_id}, which may not read it" in str(proof.error)
    assert "`provisioner provision` gives it the role" in str(proof.error)


def test_a_credential_that_does_not_reach_the_cluster_is_named_with_what_to_do(
    azure: LocalAzure, in_use: InUse
) -> None:
    let_read(azure, in_use)

    proof = in_use.proof()

    assert isinstance(proof, Unproven)
    assert f"{in_use.desired.client_id} signs in with it and may not read {SEEDED_CLUSTER}" in str(proof.error)


def test_where_the_readers_secret_is_hidden_or_dead_the_proof_says_that_it_is_missing(
    azure: LocalAzure, in_use: InUse
) -> None:
    let_open(azure, in_use)

    hidden = in_use.proof(replace(in_use.reader, secret=None))
    dead = in_use.proof(replace(in_use.reader, secret=Secret("sentinel-dead"), replaced=True))
    broken = in_use.proof(replace(in_use.reader, secret=Secret("sentinel-dead")))

    assert hidden == Unproven(
        why="stored, not proven: Azure masks the secret that airflow_runtime/airflow signs in with"
    )
    assert dead == Unproven(why="stored, not proven: the secret in airflow_runtime/airflow does not sign in")
    assert isinstance(broken, Unproven)
    assert "`provisioner rotate --force --only airflow`" in str(broken.error)


def test_a_cluster_that_is_gone_keeps_nobody_from_a_new_credential(azure: LocalAzure, in_use: InUse) -> None:
    let_read(azure, in_use)
    grant(
        azure, SEEDED_CLUSTER.rsplit("/clusters/", 1)[0], CONTRIBUTOR, object_id(azure, str(in_use.desired.client_id))
    )
    gone = replace(in_use, desired=replace(in_use.desired, readable_resource=(f"{SEEDED_CLUSTER}-gone", CLUSTER[1])))

    assert gone.proof() == Unproven(why=f"stored, not proven: {SEEDED_CLUSTER}-gone does not exist")


def test_a_credential_that_signs_nobody_in_is_not_usable_yet(azure: LocalAzure, cloud: Cloud, in_use: InUse) -> None:
    let_read(azure, in_use)
    made(cloud, replace(in_use.desired, value=Secret("sentinel-dead")))

    assert in_use.proof() is Proof.NOT_YET


def test_a_credential_that_is_not_there_is_not_usable_yet(azure: LocalAzure, in_use: InUse) -> None:
    let_read(azure, in_use)
    assert KIND.proofs.written is not None
    absent = replace(in_use.desired, name="variables-absent")
    observed = seen(in_use.cloud, in_use.desired)

    for reader in (in_use.reader, None):
        assert KIND.proofs.written(in_use.cloud, absent, observed, Published(), reader) is Proof.NOT_YET


def test_another_principals_session_is_told_by_its_token_and_shows_no_secret(cloud: Cloud, in_use: InUse) -> None:
    assert in_use.reader.secret is not None

    with cloud.as_principal(str(in_use.reader.client_id), in_use.reader.secret) as theirs:
        assert theirs.session.claims["appid"] == in_use.reader.client_id
        told = f"{vars(theirs.session)} {theirs.session.credential.how} {in_use.reader}"

    assert cloud.session.claims["appid"] != in_use.reader.client_id
    assert in_use.reader.secret.reveal() not in told
