"""A linked service: the factory, as itself, reads the DAGs' container through it. Its owner tag is an annotation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from provisioner.kind import OWNER_TAG, Checked, Kind, Preflight, Right, Verdict, compare, publish_nothing
from provisioner.model import Change, Forces, Found, Network, Observed, View, closed_to, is_network_restricted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioner.cloud.clients.data_factory import DataFactory
    from provisioner.cloud.clients.data_factory import LinkedService as Answer
    from provisioner.cloud.clients.key_vaults import VaultState
    from provisioner.cloud.clients.storage_accounts import AccountState
    from provisioner.cloud.cloud import Cloud

TYPE = "AzureBlobStorage"
IMPORTS = "https://learn.microsoft.com/azure/data-factory/airflow-import-dags-blob-storage"
ADDRESSES = "https://learn.microsoft.com/azure/data-factory/airflow-get-ip-airflow-cluster"
# Without it the factory's identity cannot sign in:
# https://learn.microsoft.com/azure/data-factory/connector-azure-blob-storage#managed-identity
ACCOUNT_KIND = "StorageV2"
SIGN_IN = "managed identity"
KEYLESS = (SIGN_IN, "credential")  # a user-assigned identity is named by a credential
KEY = "an account key or another secret"
IN_SPEC = "Change `public_network_access` and `network_rules` of `{}` in the spec"
STORAGE = frozenset({"AzureBlobFS", "AzureBlobStorage", "AzureFileStorage", "AzureQueue", "AzureTableStorage"})


@dataclass(frozen=True, kw_only=True)
class LinkedService:
    """What the spec declares. account: the storage account's name; environment: the owner tag's value.

    account_id: of that account; vault_id: of the vault that the factory's Airflow reads; and their declared networks.
    """

    factory_id: str
    name: str
    account: str
    account_id: str = field(repr=False)
    vault_id: str = field(repr=False)
    environment: str
    account_network: Network = field(default_factory=Network, repr=False)
    vault_network: Network = field(default_factory=Network, repr=False)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where to look for linked services that the spec no longer names."""

    factory_id: str
    environment: str


@dataclass(frozen=True, kw_only=True)
class ObservedLinkedService(Observed):
    """What exists. owner: the environment whose it is, empty for nobody's. expected_endpoint: empty in a search.

    sign_in: the method, never a secret.
    """

    factory_id: str
    name: str
    type: str
    endpoint: str
    account_kind: str
    sign_in: str
    owner: str = ""
    expected_endpoint: str = ""


def _factory(cloud: Cloud) -> DataFactory:
    client: DataFactory = cloud.client("data_factory")
    return client


def _read(cloud: Cloud, desired: LinkedService) -> ObservedLinkedService | None:
    service = _factory(cloud).find_linked_service(desired.factory_id, desired.name)
    scope = Scope(factory_id=desired.factory_id, environment=desired.environment)
    return None if service is None else _observed(scope, service, _factory(cloud).blob_endpoint(desired.account))


def _observed(scope: Scope, service: Answer, expected_endpoint: str) -> ObservedLinkedService:
    return ObservedLinkedService(
        owned=service.owner == scope.environment,
        version=service.etag,
        factory_id=scope.factory_id,
        name=service.name,
        type=service.type,
        endpoint=service.endpoint,
        account_kind=service.account_kind,
        sign_in=service.sign_in,
        owner=service.owner,
        expected_endpoint=expected_endpoint,
    )


def _diff(desired: LinkedService, observed: ObservedLinkedService, _view: View) -> tuple[Change, ...]:
    if observed.owner not in {"", desired.environment}:
        reason = "give `airflow.linked_service` another name"
        return (Change(field="owner", before=f"environment {observed.owner}", reason=reason, forces=Forces.REFUSE),)
    reason, forces = "the DAG is imported through it", Forces.UPDATE
    if not observed.owned:
        kept = (
            f"it contains {KEY}, which this tool does not rotate"
            if observed.sign_in not in KEYLESS
            else "this environment does not own it"
        )
        reason, forces = f"{kept}; give `airflow.linked_service` another name", Forces.REFUSE
    elif observed.type != TYPE:
        forces = Forces.REPLACE
    return (
        *compare("type", observed.type, TYPE, reason=reason, forces=forces),
        *compare("sign_in", observed.sign_in, SIGN_IN, reason=reason, forces=forces),
        *compare(
            "endpoint",
            _normalized_endpoint(observed.endpoint),
            _normalized_endpoint(observed.expected_endpoint),
            reason=reason,
            forces=forces,
        ),
        *compare("account_kind", observed.account_kind, ACCOUNT_KIND, reason=reason, forces=forces),
    )


def _normalized_endpoint(endpoint: str) -> str:
    """The endpoint in lower case without slashes at its end: neither makes a difference. Its scheme stays."""
    return endpoint.rstrip("/").lower()


def _owned(cloud: Cloud, scope: Scope) -> tuple[Found, ...]:
    every = _factory(cloud).linked_services(scope.factory_id)
    owned = [service for service in every if service.owner == scope.environment]
    return tuple(Found(name=service.name, observed=_observed(scope, service, "")) for service in owned)


def notes_on_services_with_keys(cloud: Cloud, factory_id: str) -> tuple[str, ...]:
    """Notes on all linked services to storage that contain a key: this tool uses none and rotates none."""
    every = _factory(cloud).linked_services(factory_id)
    with_a_key = (one for one in every if one.type in STORAGE and one.sign_in not in KEYLESS)
    return tuple(
        f"linked service {one.name} contains {KEY} ({one.sign_in}), which this tool does not rotate"
        for one in with_a_key
    )


def _ready(cloud: Cloud, desired: LinkedService, _observed: ObservedLinkedService | None) -> Iterator[Checked]:
    """Check whether the factory's import reaches the account, and its Airflow the vault, as far as rules tell."""
    account, name = cloud.storage_accounts.find_account(desired.account_id), desired.account
    there = _network_after_run(desired, desired.account_network, account)
    if is_network_restricted(there):
        closed = closed_to(there, trusted=True)
        what = f"Data Factory's import cannot read it: {closed}" if closed else ""
        line = f"`az storage account update --name {name} --public-network-access Enabled --bypass AzureServices`"
        if closed_to(desired.account_network.properties(), trusted=True):
            line = f"{IN_SPEC.format('storage_account')}: {IMPORTS}"
        note = f"Data Factory imports DAGs only from accounts without a firewall, by its documentation: {IMPORTS}"
        yield _reach(f"storage_account/{name}", what, line, note)
    vault, name = cloud.key_vaults.find_vault(desired.vault_id), desired.vault_id.rpartition("/")[2]
    there = _network_after_run(desired, desired.vault_network, vault)
    if is_network_restricted(there):
        closed = closed_to(there, trusted=False)
        what = f"Airflow cannot read its secrets: {closed}" if closed else ""
        line = f"`az keyvault network-rule add --name {name} --ip-address ADDRESS` for Airflow's addresses: {ADDRESSES}"
        if closed_to(desired.vault_network.properties(), trusted=False):
            line = f"{IN_SPEC.format('vault')} so that they admit Airflow's addresses: {ADDRESSES}"
        note = f"its rules have to admit the addresses of Airflow's cluster: {ADDRESSES}"
        yield _reach(f"key_vault/{name}", what, line, note)


def _network_after_run(
    desired: LinkedService, declared: Network, there: AccountState | VaultState | None
) -> Mapping[str, Any]:
    """Which networks reach an account or vault once the spec is applied; it changes none that is adopted."""
    managed = there is None or there.tags.get(OWNER_TAG) == desired.environment
    return declared.applied(there.network if there else {}, managed=managed)


def _reach(about: str, closed: str, remedy: str, note: str) -> Checked:
    if closed:
        return Checked(verdict=Verdict.STOPS, what=closed, remedy=remedy, about=about)
    return Checked(verdict=Verdict.NOTE, what=note, about=about)


def _create(cloud: Cloud, desired: LinkedService) -> None:
    _factory(cloud).set_linked_service(
        desired.factory_id, desired.name, account=desired.account, environment=desired.environment
    )


def _update(cloud: Cloud, desired: LinkedService, _observed: ObservedLinkedService) -> None:
    _create(cloud, desired)


def _delete(cloud: Cloud, observed: ObservedLinkedService) -> None:
    _factory(cloud).delete_linked_service(observed.factory_id, observed.name)


KIND: Kind[LinkedService, ObservedLinkedService] = Kind(
    diff=_diff,
    publish=publish_nothing,
    read=_read,
    owned=_owned,
    create=_create,
    update=_update,
    delete=_delete,
    preflight=Preflight(
        right=lambda desired: Right("Microsoft.DataFactory/factories/linkedservices/write", desired.factory_id),
        ready=_ready,
    ),
)
