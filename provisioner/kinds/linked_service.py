"""A linked service: the factory, as itself, reads the DAGs' container through it. Its owner tag is an annotation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.kind import Kind, Preflight, Right, compare, publish_nothing
from provisioner.model import Change, Forces, Found, Observed, View

if TYPE_CHECKING:
    from provisioner.cloud.clients.data_factory import LinkedService as Answer
    from provisioner.cloud.cloud import Cloud

TYPE = "AzureBlobStorage"
# Without it the factory's identity cannot sign in:
# https://learn.microsoft.com/azure/data-factory/connector-azure-blob-storage#managed-identity
ACCOUNT_KIND = "StorageV2"
SIGN_IN = "managed identity"
KEYLESS = (SIGN_IN, "credential")  # a user-assigned identity is named by a credential
KEY = "an account key or another secret"
STORAGE = frozenset({"AzureBlobFS", "AzureBlobStorage", "AzureFileStorage", "AzureQueue", "AzureTableStorage"})


@dataclass(frozen=True, kw_only=True)
class LinkedService:
    """What should be. account: the storage account's name; environment: the owner tag's value."""

    factory_id: str
    name: str
    account: str
    environment: str


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where linked services of ours may be that the spec no longer names."""

    factory_id: str
    environment: str


@dataclass(frozen=True, kw_only=True)
class ObservedLinkedService(Observed):
    """What is there. wanted: the endpoint that it should have, empty in a search; sign_in: how, never with what."""

    factory_id: str
    name: str
    type: str
    endpoint: str
    account_kind: str
    sign_in: str
    wanted: str = ""


def _read(cloud: Cloud, desired: LinkedService) -> ObservedLinkedService | None:
    found = cloud.data_factory.find_linked_service(desired.factory_id, desired.name)
    scope = Scope(factory_id=desired.factory_id, environment=desired.environment)
    return None if found is None else _observed(scope, found, cloud.data_factory.blob_endpoint(desired.account))


def _observed(scope: Scope, found: Answer, wanted: str) -> ObservedLinkedService:
    return ObservedLinkedService(
        owned=found.mark == scope.environment,
        version=found.etag,
        factory_id=scope.factory_id,
        name=found.name,
        type=found.type,
        endpoint=found.endpoint,
        account_kind=found.account_kind,
        sign_in=found.sign_in,
        wanted=wanted,
    )


def _diff(_desired: LinkedService, observed: ObservedLinkedService, _view: View) -> tuple[Change, ...]:
    reason, forces = "the DAG is imported through it", Forces.UPDATE
    if not observed.owned:
        kept = f"it holds {KEY}, which nobody here rotates" if observed.sign_in not in KEYLESS else "it is not ours"
        reason, forces = f"{kept}; give `airflow.linked_service` another name", Forces.REFUSE
    elif observed.type != TYPE:
        forces = Forces.REPLACE
    return (
        *compare("type", observed.type, TYPE, reason=reason, forces=forces),
        *compare("sign_in", observed.sign_in, SIGN_IN, reason=reason, forces=forces),
        *compare("endpoint", _host(observed.endpoint), _host(observed.wanted), reason=reason, forces=forces),
        *compare("account_kind", observed.account_kind, ACCOUNT_KIND, reason=reason, forces=forces),
    )


def _host(endpoint: str) -> str:
    """Slashes at the end and case make no difference."""
    return endpoint.rstrip("/").lower()


def _owned(cloud: Cloud, scope: Scope) -> tuple[Found, ...]:
    every = cloud.data_factory.linked_services(scope.factory_id)
    ours = [found for found in every if found.mark == scope.environment]
    return tuple(Found(name=found.name, observed=_observed(scope, found, "")) for found in ours)


def with_keys(cloud: Cloud, factory_id: str) -> tuple[str, ...]:
    """Linked services to storage, of whomever, that hold a key, as notes: the project uses none, and rotates none."""
    every = cloud.data_factory.linked_services(factory_id)
    with_a_key = (one for one in every if one.type in STORAGE and one.sign_in not in KEYLESS)
    return tuple(
        f"linked service {one.name} holds {KEY} ({one.sign_in}), which nobody here rotates" for one in with_a_key
    )


def _create(cloud: Cloud, desired: LinkedService) -> None:
    cloud.data_factory.set_linked_service(
        desired.factory_id, desired.name, account=desired.account, environment=desired.environment
    )


def _update(cloud: Cloud, desired: LinkedService, _observed: ObservedLinkedService) -> None:
    _create(cloud, desired)


def _delete(cloud: Cloud, observed: ObservedLinkedService) -> None:
    cloud.data_factory.delete_linked_service(observed.factory_id, observed.name)


KIND: Kind[LinkedService, ObservedLinkedService] = Kind(
    diff=_diff,
    publish=publish_nothing,
    read=_read,
    owned=_owned,
    create=_create,
    update=_update,
    delete=_delete,
    preflight=Preflight(
        right=lambda desired: Right("Microsoft.DataFactory/factories/linkedservices/write", desired.factory_id)
    ),
)
