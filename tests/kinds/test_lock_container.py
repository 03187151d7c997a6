"""The lock container through its life, and the lease on it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from provisioner.cloud.lease import OWNER, PROCESS, PURPOSE, Lease
from provisioner.errors import Conflict, LeaseLost
from provisioner.kinds.lock_container import KIND, OWNER_METADATA, LockContainer, ObservedLockContainer
from tests.kinds.azure_setup import ENVIRONMENT, cloud_of, put, view_at
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from collections.abc import Generator

    from provisioner.cloud.cloud import Cloud
    from provisioner.cloud.transport.waits import Wait
    from tests.emulator import LocalAzure

VERSION = "2023-05-01"


def declare(azure: LocalAzure) -> LockContainer:
    """One that is not there, in an account that is."""
    group = f"{azure.subscription}/resourceGroups/rg-dev"
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/stdev0815"
    put(azure, group, "2021-04-01", {"location": "westeurope"})
    lake = {"isHnsEnabled": True}
    body = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": lake}
    put(azure, account, VERSION, body)
    azure.advance(60)
    return LockContainer(account_id=account, name="provisioner-lock", environment=ENVIRONMENT)


def unmark(azure: LocalAzure, desired: LockContainer) -> LockContainer:
    """Somebody took its mark away."""
    path = f"{desired.account_id}/blobServices/default/containers/{desired.name}"
    body = {"properties": {"metadata": {"team": "a"}}}
    assert azure.request("PATCH", f"https://management.azure.com{path}?api-version={VERSION}", body).status == 200
    return desired


EXAMPLE = Example(declare=declare, change=unmark)
desired = pytest.fixture(declare, name="desired")


def made(cloud: Cloud, desired: LockContainer) -> ObservedLockContainer:
    assert KIND.create is not None
    KIND.create(cloud, desired)
    return seen(cloud, desired)


def seen(cloud: Cloud, desired: LockContainer) -> ObservedLockContainer:
    found = KIND.read(cloud, desired)
    assert found is not None
    return found


def taken(cloud: Cloud, desired: LockContainer, owner: str = "ann@example.com") -> Lease:
    """The lease, once the container names who has it."""
    where = (desired.account_id, desired.name)
    holder = {OWNER: owner, PURPOSE: "provision dev"}
    lease = Lease.acquire(cloud, *where, holder=holder, wait_seconds=5.0)
    cloud.session.waits.until(lambda: seen(cloud, desired).metadata.get(OWNER) == owner, what="its name")
    return lease


@contextmanager
def held(cloud: Cloud, desired: LockContainer, owner: str = "ann@example.com") -> Generator[Lease]:
    lease = taken(cloud, desired, owner)
    try:
        yield lease
    finally:
        lease.release()


def test_it_is_absent_then_made_then_as_declared_then_gone(cloud: Cloud, desired: LockContainer) -> None:
    assert KIND.read(cloud, desired) is None
    observed = made(cloud, desired)
    assert observed.owned
    assert KIND.diff(desired, observed, view_at(cloud.session.clock.decision_time())) == ()
    assert made(cloud, desired) == observed
    assert KIND.delete is not None
    KIND.delete(cloud, observed)
    KIND.delete(cloud, observed)
    assert KIND.read(cloud, desired) is None


def test_one_that_lost_its_mark_gets_it_back(cloud: Cloud, desired: LockContainer) -> None:
    cloud.storage_accounts.set_container(desired.account_id, desired.name, {"team": "a"})
    bare = seen(cloud, desired)
    assert not bare.owned
    assert [change.field for change in KIND.diff(desired, bare, view_at(cloud.session.clock.decision_time()))] == [
        "mark"
    ]
    assert KIND.update is not None
    KIND.update(cloud, desired, bare)
    assert seen(cloud, desired).metadata == {OWNER_METADATA: ENVIRONMENT, "team": "a"}


def test_one_run_holds_the_lease_and_the_next_is_told_who(
    cloud: Cloud, azure: LocalAzure, desired: LockContainer
) -> None:
    made(cloud, desired)
    with held(cloud, desired):
        assert seen(cloud, desired).owned
        with pytest.raises(Conflict, match=r"ann@example.com has held it since .* for provision dev"):
            taken(cloud_of(azure), desired, "bob@example.com")
    with held(cloud_of(azure), desired, "bob@example.com"):
        assert seen(cloud, desired).metadata[OWNER] == "bob@example.com"
    assert not seen(cloud, desired).leased


def test_who_waits_for_a_run_that_has_not_written_its_name_yet_says_so(cloud: Cloud, desired: LockContainer) -> None:
    made(cloud, desired)
    where = (desired.account_id, desired.name)
    cloud.storage_accounts.change_container_lease(*where, "Acquire", lease_id=cloud.session.new_id(), seconds=60)
    said: list[Wait] = []
    cloud.session.waits.report = said.append
    with pytest.raises(Conflict, match="a run that has not written its name yet has it") as refused:
        Lease.wait_until_free(cloud, *where, wait_seconds=4.0)
    assert "Wait until that run has ended" in str(refused.value)
    what = "the environment's lease: a run that has not written its name yet has it"
    assert {one.what for one in said} == {f"{what}; if that run has died, it ends within a minute"}


def test_a_lease_that_ran_out_is_taken_over_and_its_holder_writes_no_more(
    cloud: Cloud, azure: LocalAzure, desired: LockContainer
) -> None:
    made(cloud, desired)
    taken(cloud, desired)
    azure.advance(61)
    with held(cloud_of(azure), desired, "bob@example.com"):
        lease = cloud.session.lease
        assert lease is not None
        with pytest.raises(LeaseLost, match="lost"):
            lease.require_seconds(61, during="PUT it")
        lease.release()
        assert seen(cloud, desired).metadata[OWNER] == "bob@example.com"


def test_writes_are_refused_without_the_lease_and_reads_are_not(
    cloud: Cloud, azure: LocalAzure, desired: LockContainer
) -> None:
    made(cloud, desired)
    taken(cloud, desired)
    azure.advance(61)
    group = desired.account_id.partition("/providers/")[0]
    with held(cloud_of(azure), desired, "bob@example.com"):
        lease = cloud.session.lease
        assert lease is not None
        with pytest.raises(LeaseLost):
            lease.require_seconds(61, during="finding out")
        with pytest.raises(LeaseLost, match="lost"):
            cloud.resource_groups.set_tags(group, {"a": "b"})
        assert cloud.resource_groups.find_group(group) is not None
        lease.release()


def as_if_dead(cloud: Cloud, desired: LockContainer, **words: str) -> None:
    """Let the words beside the lease name a process of this machine that is no more."""
    with subprocess.Popen([sys.executable, "-c", "pass"]) as child:
        pass
    found = seen(cloud, desired)
    machine, _, _ = found.metadata[PROCESS].rpartition("/")
    signed = {**found.metadata, PROCESS: f"{machine}/{child.pid}.1", **words}
    cloud.storage_accounts.set_container_metadata(desired.account_id, desired.name, signed)


def test_what_another_run_took_since_is_not_taken_from_it_for_the_words_of_a_dead_one(
    cloud: Cloud, azure: LocalAzure, desired: LockContainer
) -> None:
    made(cloud, desired)
    with held(cloud, desired) as lease:
        as_if_dead(cloud, desired, lease_id="6f1f4b0e-6f0c-4d0b-9d0c-2f6a1b7f3a55")
        with pytest.raises(Conflict, match=r"a run that has not written its name yet has it"):
            taken(cloud_of(azure), desired, "bob@example.com")
        lease.release()
    assert not seen(cloud, desired).leased  # who lost it could not have released it


def test_a_lease_is_taken_although_the_answer_gets_lost(
    cloud: Cloud, azure: LocalAzure, desired: LockContainer
) -> None:
    made(cloud, desired)
    azure.fault(fault="lost", path="/lease$")
    with held(cloud, desired):
        assert seen(cloud, desired).metadata[OWNER] == "ann@example.com"


def test_a_replica_that_does_not_show_it_yet_costs_no_owner_tag(
    cloud: Cloud, azure: LocalAzure, desired: LockContainer
) -> None:
    made(cloud, desired)
    azure.fault(fault="error", method="GET", path=f"/containers/{desired.name}$", status=404, code="ContainerNotFound")
    where, holder = (desired.account_id, desired.name), {OWNER: "ann@example.com", PURPOSE: "provision dev"}
    lease = Lease.acquire(cloud, *where, holder=holder, wait_seconds=5.0)

    def is_named() -> bool:
        found = KIND.read(cloud, desired)
        return found is not None and OWNER in found.metadata

    cloud.session.waits.until(is_named, what="its name")
    assert seen(cloud, desired).owned
    lease.release()


def test_the_environment_that_another_run_has_removed_is_told(cloud: Cloud, desired: LockContainer) -> None:
    with pytest.raises(Conflict, match=r"another run has just removed the environment.*Run the command again"):
        taken(cloud, desired)


def test_the_lease_of_a_dead_process_of_this_machine_is_released_at_once(
    cloud: Cloud, azure: LocalAzure, desired: LockContainer
) -> None:
    made(cloud, desired)
    lease = taken(cloud, desired)
    as_if_dead(cloud, desired)
    with held(cloud_of(azure), desired, "bob@example.com"):
        assert seen(cloud, desired).metadata[PROCESS].rpartition("/")[2].startswith(f"{os.getpid()}.")
    lease.release()


def test_the_container_goes_although_we_hold_its_lease(cloud: Cloud, desired: LockContainer) -> None:
    observed = made(cloud, desired)
    taken(cloud, desired)
    assert KIND.delete is not None
    KIND.delete(cloud, observed)
    assert cloud.session.lease is None
    assert KIND.read(cloud, desired) is None
    assert KIND.read(cloud, replace(desired, name="never-was")) is None
