"""A vault through its life."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from provisioner.cloud.transport.waits import WaitLimits
from provisioner.errors import Conflict, NotAuthorized
from provisioner.kind import OWNER_TAG, Verdict
from provisioner.kinds.key_vault import KIND, ObservedVault, Vault
from provisioner.model import Forces
from tests.kinds.azure_setup import ENVIRONMENT, OTHER, SECRETS_OFFICER, cloud_of, grant, put, view_at
from tests.kinds.lifecycle import Example
from tests.resource_manager import ROLES, Manager

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

VERSION = "2023-07-01"


def declare(azure: LocalAzure) -> Vault:
    """One that is not there, in a group that is."""
    group = f"{azure.subscription}/resourceGroups/rg-dev"
    put(azure, group, "2021-04-01", {"location": "westeurope"})
    return Vault(
        id=f"{group}/providers/Microsoft.KeyVault/vaults/kv-dev-0815",
        location="westeurope",
        tenant_id=azure.tenant_id,
        sku="standard",
        retention_days=7,
        purge_protection=False,
        tags={"team": "a"},
        environment=ENVIRONMENT,
    )


def change(_azure: LocalAzure, desired: Vault) -> Vault:
    """Another SKU and another tag."""
    return replace(desired, sku="premium", tags={"team": "b"})


def declare_with_access(azure: LocalAzure) -> Vault:
    """And the operator may see what is in it."""
    desired = declare(azure)
    grant(azure, desired.id.partition("/providers/")[0], SECRETS_OFFICER)
    return desired


EXAMPLE = Example(declare=declare_with_access, change=change)
desired = pytest.fixture(declare, name="desired")


def made(cloud: Cloud, desired: Vault) -> ObservedVault:
    assert KIND.create is not None
    KIND.create(cloud, desired)
    return seen(cloud, desired)


def seen(cloud: Cloud, desired: Vault) -> ObservedVault:
    cloud.session.reads.new_pass()
    found = KIND.read(cloud, desired)
    assert found is not None
    return found


def gone(cloud: Cloud, observed: ObservedVault) -> None:
    assert KIND.delete is not None
    KIND.delete(cloud, observed)


def refused(cloud: Cloud, desired: Vault, observed: ObservedVault) -> list[str]:
    changes = KIND.diff(desired, observed, view_at(cloud.session.clock.decision_time()))
    return [change.field for change in changes if change.forces is Forces.REFUSE]


def test_it_is_absent_then_made_then_as_declared_then_gone(cloud: Cloud, desired: Vault) -> None:
    assert KIND.read(cloud, desired) is None
    observed = made(cloud, desired)
    assert observed.owned
    assert observed.vault.rbac
    assert KIND.diff(desired, observed, view_at(cloud.session.clock.decision_time())) == ()
    assert KIND.publish(observed, None).known() == {"id": desired.id, "uri": "https://kv-dev-0815.vault.azure.net/"}
    assert made(cloud, desired).vault.tags == observed.vault.tags
    gone(cloud, observed)
    gone(cloud, observed)
    assert KIND.read(cloud, desired) is None


def test_tags_and_purge_protection_are_brought_and_tags_of_others_stay(
    cloud: Cloud, azure: LocalAzure, desired: Vault
) -> None:
    observed = made(cloud, desired)
    changed = {"tags": {OWNER_TAG: ENVIRONMENT, "cost": "7"}}
    assert (
        azure.request("PATCH", f"https://management.azure.com{desired.id}?api-version={VERSION}", changed).status < 300
    )
    wanted = replace(desired, purge_protection=True)
    fields = [c.field for c in KIND.diff(wanted, seen(cloud, wanted), view_at(cloud.session.clock.decision_time()))]
    assert fields == ["purge_protection", "tags.team"]
    assert KIND.update is not None
    KIND.update(cloud, wanted, observed)
    now = seen(cloud, wanted).vault
    assert (now.tags, now.purge_protection) == ({OWNER_TAG: ENVIRONMENT, "team": "a", "cost": "7"}, True)


def test_what_azure_fixes_at_creation_is_refused_with_what_would_be_right(cloud: Cloud, desired: Vault) -> None:
    observed = made(cloud, replace(desired, purge_protection=True))
    wanted = replace(desired, retention_days=30, location="northeurope")
    assert sorted(refused(cloud, wanted, observed)) == ["location", "purge_protection", "retention_days"]
    reasons = " ".join(c.reason for c in KIND.diff(wanted, observed, view_at(cloud.session.clock.decision_time())))
    assert "`retention_days: 7`" in reasons
    assert refused(cloud, wanted, replace(observed, owned=False)) == []


@pytest.mark.parametrize("mode", [{"enableRbacAuthorization": value} for value in (False, None)] + [{}])
def test_an_adopted_vault_on_which_access_policies_decide_is_refused(
    cloud: Cloud, azure: LocalAzure, desired: Vault, mode: dict[str, bool | None]
) -> None:
    none: list[object] = []
    policies = {"tenantId": azure.tenant_id, "sku": {"family": "A", "name": "standard"}, "accessPolicies": none}
    body = {"location": "westeurope", "properties": {**policies, **mode}}
    put(azure, desired.id, VERSION, body)
    observed = seen(cloud, desired)
    assert not observed.owned
    assert refused(cloud, desired, observed) == ["rbac"]


def test_a_soft_deleted_vault_of_ours_is_recovered_with_its_settings(cloud: Cloud, desired: Vault) -> None:
    gone(cloud, made(cloud, desired))
    wanted = replace(desired, tags={"team": "b"}, purge_protection=True)
    observed = made(cloud, wanted)
    assert KIND.diff(wanted, observed, view_at(cloud.session.clock.decision_time())) == ()


def test_a_soft_deleted_vault_of_somebody_else_is_left_alone(cloud: Cloud, azure: LocalAzure, desired: Vault) -> None:
    gone(cloud, made(cloud, replace(desired, environment=OTHER)))
    with pytest.raises(Conflict, match="az keyvault recover"):
        made(cloud, desired)
    assert azure.request("GET", f"https://management.azure.com{desired.id}?api-version={VERSION}").status == 404


def test_one_that_is_purged_leaves_its_name_free(cloud: Cloud, desired: Vault) -> None:
    gone(cloud, made(cloud, replace(desired, purge_on_delete=True)))
    assert cloud.key_vaults.find_deleted_now(desired.id, desired.location) is None


def test_one_that_was_deleted_in_another_location_is_said_to_come_back(cloud: Cloud, desired: Vault) -> None:
    gone(cloud, made(cloud, desired))
    assert KIND.preflight.ready is not None

    (name,) = KIND.preflight.ready(cloud, replace(desired, location="northeurope"), None)

    assert (name.verdict, "it was deleted and will be recovered" in name.what) == (Verdict.NOTE, True)


def retained(cloud: Cloud, desired: Vault, observed: ObservedVault | None) -> str:
    assert KIND.container is not None
    assert KIND.container.retained is not None
    return KIND.container.retained(cloud, desired, observed)


@pytest.mark.parametrize("protected", [True, False])
@pytest.mark.parametrize("purge", [True, False])
def test_what_is_told_of_one_that_will_be_deleted_is_what_comes_of_it(
    cloud: Cloud, desired: Vault, *, protected: bool, purge: bool
) -> None:
    observed = made(cloud, replace(desired, purge_protection=protected, purge_on_delete=purge, retention_days=30))
    told = retained(cloud, desired, observed)

    gone(cloud, observed)

    deleted = cloud.key_vaults.find_deleted_now(desired.id, desired.location)
    if deleted is None:
        assert (purge, protected, told) == (True, False, "deleted permanently, with every secret in it")
    else:
        assert f"until {deleted.purge_on[:10]}" in told
        assert ("nobody can purge it before" in told) is protected


def test_one_without_soft_delete_leaves_nothing(cloud: Cloud, desired: Vault) -> None:
    observed = made(cloud, desired)
    old = replace(observed, vault=replace(observed.vault, soft_delete=False))
    assert retained(cloud, desired, old).startswith("deleted permanently")


def test_one_that_somebody_made_since_the_plan_is_not_taken(cloud: Cloud, azure: LocalAzure, desired: Vault) -> None:
    assert KIND.read(cloud, desired) is None
    sku = {"family": "A", "name": "standard"}
    properties = {"tenantId": azure.tenant_id, "sku": sku, "enableRbacAuthorization": True}
    put(azure, desired.id, VERSION, {"location": "westeurope", "properties": properties})
    cloud.session.reads.new_pass()  # a run looks again right before it writes
    with pytest.raises(Conflict, match="meanwhile"):
        made(cloud, desired)


def test_one_that_was_deleted_since_the_plan_is_recovered(cloud: Cloud, azure: LocalAzure, desired: Vault) -> None:
    later = cloud_of(azure)
    with closing(later.session):
        assert later.key_vaults.find_deleted(desired.id, desired.location) is None  # as its pass goes on to believe
        gone(cloud, made(cloud, desired))

        assert made(later, desired).owned


@pytest.fixture
def group_cloud(azure: LocalAzure, desired: Vault) -> Iterator[Cloud]:
    """A run of somebody who is Contributor of the group and may see nothing of the subscription."""
    someone = Manager(azure=azure).someone()
    grant(azure, desired.id.partition("/providers/")[0], ROLES["Contributor"], someone.object_id)
    made_for = cloud_of(azure, (someone.app_id, someone.secret))
    yield made_for
    made_for.session.close()


def test_who_may_not_see_deleted_vaults_creates_one(group_cloud: Cloud, desired: Vault) -> None:
    assert KIND.preflight.ready is not None
    (name,) = KIND.preflight.ready(group_cloud, desired, None)
    assert (name.verdict, "a deleted vault" in name.what) == (Verdict.UNKNOWN, True)
    assert "Microsoft.KeyVault/locations/deletedVaults/read on /subscriptions/" in name.remedy

    assert made(group_cloud, desired).owned


def test_who_may_not_see_the_deleted_vault_that_keeps_the_name_is_told_what_to_do(
    cloud: Cloud, group_cloud: Cloud, desired: Vault
) -> None:
    gone(cloud, made(cloud, desired))

    with pytest.raises(Conflict, match="in deleted state") as caught:
        made(group_cloud, desired)

    assert "`az keyvault recover --name kv-dev-0815 --location westeurope`" in caught.value.remedy
    assert "deletedVaults/read" in caught.value.remedy


def test_who_may_not_purge_is_told_the_right_that_purging_takes(group_cloud: Cloud, desired: Vault) -> None:
    observed = made(group_cloud, replace(desired, purge_on_delete=True))

    with pytest.raises(NotAuthorized, match="Key Vault Purge Operator"):
        gone(group_cloud, observed)


def test_a_vault_of_another_tenant_is_refused(cloud: Cloud, desired: Vault) -> None:
    observed = made(cloud, desired)
    assert refused(cloud, replace(desired, tenant_id=OTHER), observed) == ["tenant_id"]


def test_secrets_of_which_no_version_is_ours_are_strangers(cloud: Cloud, azure: LocalAzure) -> None:
    observed = made(cloud, declare_with_access(azure))
    for name, tags in (
        ("mine", {OWNER_TAG: ENVIRONMENT}),
        ("edited", {OWNER_TAG: ENVIRONMENT}),
        ("edited", {}),
        ("theirs", {}),
    ):
        url = f"https://kv-dev-0815.vault.azure.net/secrets/{name}?api-version=7.4"
        token = azure.token("https://vault.azure.net")
        assert azure.request("PUT", url, {"value": "x", "tags": tags}, token=token).status == 200
    assert KIND.container is not None
    assert KIND.container.unmanaged is not None
    assert KIND.container.unmanaged(cloud, observed) == ("secret theirs",)


def test_a_name_that_is_taken_elsewhere_is_told_and_another_conflict_as_it_is(
    cloud: Cloud, azure: LocalAzure, desired: Vault
) -> None:
    made(cloud, desired)
    group = f"{azure.subscription}/resourceGroups/rg-other"
    put(azure, group, "2021-04-01", {"location": "westeurope"})
    cloud.session.waits.limits = WaitLimits(visible_seconds=0.2)
    with pytest.raises(Conflict, match="Choose another vault name"):
        made(cloud, replace(desired, id=desired.id.replace("rg-dev", "rg-other")))
    azure.fault(fault="error", method="PUT", path="vaults/kv-other", status=409, code="ScopeLocked")
    with pytest.raises(Conflict, match="ScopeLocked") as locked:
        made(cloud, replace(desired, id=desired.id.replace("kv-dev-0815", "kv-other")))
    assert "Choose another vault name" not in str(locked.value)


def test_purging_goes_on_where_a_run_that_died_left_off(cloud: Cloud, desired: Vault) -> None:
    observed = made(cloud, replace(desired, purge_on_delete=True))
    gone(cloud, replace(observed, purge_on_delete=False))
    assert cloud.key_vaults.find_deleted_now(desired.id, desired.location) is not None
    gone(cloud, observed)
    assert cloud.key_vaults.find_deleted_now(desired.id, desired.location) is None
