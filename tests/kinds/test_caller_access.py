"""The caller's own access to a vault."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from provisioner.errors import NotFound
from provisioner.kind import OWNER_TAG
from provisioner.kinds.caller_access import KIND, CallerAccess, ObservedCallerAccess, Scope, to_blobs, to_vault
from provisioner.kinds.role_assignment import KIND as GRANT
from provisioner.kinds.role_assignment import Scope as Grants
from tests.emulator import ARM
from tests.kinds.azure_setup import ENVIRONMENT, OTHER, SECRETS_OFFICER, grant, put, view_at
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure


def declare(azure: LocalAzure) -> CallerAccess:
    """To a vault that its maker may not read: Owner has no right on data."""
    group = f"{azure.subscription}/resourceGroups/rg-dev"
    vault = f"{group}/providers/Microsoft.KeyVault/vaults/kv-dev-0815"
    put(azure, group, "2021-04-01", {"location": "westeurope"})
    sku = {"family": "A", "name": "standard"}
    properties = {"tenantId": azure.tenant_id, "sku": sku, "enableRbacAuthorization": True}
    put(azure, vault, "2023-07-01", {"location": "westeurope", "properties": properties})
    return to_vault(scope=vault, vault="kv-dev-0815", environment=ENVIRONMENT)


EXAMPLE = Example(declare=declare, scope=lambda desired: Scope(scope=desired.scope, environment=ENVIRONMENT))
desired = pytest.fixture(declare, name="desired")


def made(cloud: Cloud, desired: CallerAccess) -> ObservedCallerAccess:
    assert KIND.create is not None
    KIND.create(cloud, desired)
    cloud.session.reads.new_pass()
    found = KIND.read(cloud, desired)
    assert found is not None
    return found


def test_it_has_no_place_once_its_vault_is_gone(azure: LocalAzure, cloud: Cloud, desired: CallerAccess) -> None:
    assert KIND.read(cloud, desired) is None

    assert azure.request("DELETE", f"{ARM}{desired.scope}?api-version=2023-07-01").status == 200

    with pytest.raises(NotFound):
        KIND.read(cloud, desired)


def test_it_is_absent_then_granted_and_usable_then_gone(cloud: Cloud, desired: CallerAccess) -> None:
    assert KIND.read(cloud, desired) is None
    observed = made(cloud, desired)
    assert observed.owned
    assert KIND.diff(desired, observed, view_at(cloud.session.clock.decision_time())) == ()
    assert not observed.awaiting_access
    assert KIND.delete is not None
    KIND.delete(cloud, observed)
    KIND.delete(cloud, observed)
    cloud.session.reads.new_pass()
    assert KIND.read(cloud, desired) is None


def test_a_caller_who_has_the_right_from_elsewhere_needs_none_and_keeps_it(
    cloud: Cloud, azure: LocalAzure, desired: CallerAccess
) -> None:
    grant(azure, f"{azure.subscription}/resourceGroups/rg-dev", SECRETS_OFFICER)
    observed = KIND.read(cloud, desired)
    assert observed is not None
    assert not observed.owned
    assert KIND.delete is not None
    KIND.delete(cloud, observed)
    cloud.session.reads.new_pass()
    assert KIND.read(cloud, desired) == observed


def test_two_environments_of_one_caller_share_a_grant_and_the_last_takes_it_away(
    cloud: Cloud, desired: CallerAccess
) -> None:
    first, theirs = made(cloud, desired), replace(desired, environment=OTHER)
    cloud.session.reads.new_pass()
    lent = KIND.read(cloud, theirs)
    assert lent is not None
    assert (lent.owned, lent.tagged_by_others) == (False, True)
    (change,) = KIND.diff(theirs, lent, view_at(cloud.session.clock.decision_time()))
    assert change.after == f"{OWNER_TAG}={OTHER}/access"
    assert KIND.update is not None
    assert KIND.delete is not None
    KIND.update(cloud, theirs, lent)
    KIND.delete(cloud, first)
    cloud.session.reads.new_pass()
    second = KIND.read(cloud, theirs)
    assert second is not None
    assert (second.owned, second.name) == (True, first.name)
    KIND.delete(cloud, second)
    cloud.session.reads.new_pass()
    assert KIND.read(cloud, theirs) is None


def test_a_grant_that_has_not_arrived_is_waited_for(cloud: Cloud, azure: LocalAzure, desired: CallerAccess) -> None:
    azure.control("PUT", "/faults", {"grant_lag_seconds": 60})
    waiting = made(cloud, desired)
    (change,) = KIND.diff(desired, waiting, view_at(cloud.session.clock.decision_time()))
    assert (waiting.owned, change.reason) == (True, "granted, but not in effect yet")
    azure.advance(61)
    cloud.session.reads.new_pass()
    arrived = KIND.read(cloud, desired)
    assert arrived is not None
    assert KIND.diff(desired, arrived, view_at(cloud.session.clock.decision_time())) == ()


def test_a_run_that_only_reads_does_not_try_by_a_deletion_whether_it_may_write(
    cloud: Cloud, azure: LocalAzure, desired: CallerAccess
) -> None:
    azure.control("PUT", "/faults", {"grant_lag_seconds": 60})
    writing = replace(desired, writes=True)

    assert not made(cloud, writing).awaiting_access
    assert not any(call["method"] == "DELETE" for call in azure.control("GET", "/calls")["calls"])


def test_a_scope_that_is_not_there_gives_no_access(cloud: Cloud, desired: CallerAccess) -> None:
    with pytest.raises(NotFound):
        KIND.read(cloud, replace(desired, scope=f"{desired.scope}-other"))


def test_access_to_blobs_is_tried_on_data_not_on_containers(
    cloud: Cloud, azure: LocalAzure, desired: CallerAccess
) -> None:
    group = desired.scope.partition("/providers/")[0]
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/stdev0815"
    lake = {"isHnsEnabled": True}
    body = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": lake}
    put(azure, account, "2023-05-01", body)
    azure.advance(60)
    put(azure, f"{account}/blobServices/default/containers/jobs", "2023-05-01", {})
    to_files = to_blobs(scope=account, account="stdev0815", container="jobs", environment=ENVIRONMENT)
    assert KIND.read(cloud, to_files) is None
    azure.control("PUT", "/faults", {"grant_lag_seconds": 60})
    assert made(cloud, to_files).awaiting_access
    azure.advance(61)
    cloud.session.reads.new_pass()
    arrived = KIND.read(cloud, to_files)
    assert arrived is not None
    assert not arrived.awaiting_access
    assert (
        azure.request("DELETE", f"{ARM}{account}/blobServices/default/containers/jobs?api-version=2023-05-01").status
        == 200
    )
    cloud.session.reads.new_pass()
    assert KIND.read(cloud, to_files) == arrived  # a missing container says nothing of the grant


def test_it_is_no_leftover_among_declared_grants_and_goes_with_teardown(cloud: Cloud, desired: CallerAccess) -> None:
    observed = made(cloud, desired)
    assert not isinstance(GRANT.owned, str)
    assert GRANT.owned(cloud, Grants(scope=desired.scope, environment=ENVIRONMENT)) == ()
    assert not isinstance(KIND.owned, str)
    (found,) = KIND.owned(cloud, Scope(scope=desired.scope, environment=ENVIRONMENT))
    assert (found.observed, found.kept) == (observed, "a grant to another caller")
