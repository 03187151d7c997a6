"""Rights and resource groups are asked for before the first write, on the local Azure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioner.engine.preflight import preflight, refusal
from provisioner.errors import Refusals, Refused
from provisioner.kinds import kinds
from provisioner.kinds.linked_service import LinkedService
from provisioner.kinds.lock_container import LockContainer
from provisioner.kinds.resource_group import ResourceGroup
from provisioner.model import Action, Address, Plan, Step
from tests.kinds.azure_setup import ENVIRONMENT, cloud_of, put

if TYPE_CHECKING:
    from tests.emulator import LocalAzure, RevealableSecret


def plan_of(*steps: Step) -> Plan:
    return Plan(environment="dev", steps=steps, digest="")


def group(
    azure: LocalAzure, name: str = "rg-dev", action: Action = Action.CREATE, location: str = "westeurope"
) -> Step:
    """A group that is to be made."""
    desired = ResourceGroup(
        id=f"{azure.subscription}/resourceGroups/{name}", location=location, tags={}, environment=ENVIRONMENT
    )
    return Step(address=Address("resource_group", name), action=action, desired=desired)


def container(azure: LocalAzure, place: str, action: Action = Action.CREATE) -> Step:
    """A container that is to be made in an account of the group."""
    account = f"{azure.subscription}/resourceGroups/{place}/providers/Microsoft.Storage/storageAccounts/stdev"
    desired = LockContainer(account_id=account, name="lock", environment=ENVIRONMENT)
    return Step(address=Address("lock_container", place), action=action, desired=desired)


def checked(azure: LocalAzure, made: Plan, client: tuple[str, RevealableSecret] | None = None) -> None:
    cloud = cloud_of(azure, client)
    try:
        refused = refusal(preflight(cloud, kinds(), made))
    finally:
        cloud.session.close()
    if refused is not None:
        raise refused


def test_who_may_write_everything_goes_on(azure: LocalAzure) -> None:
    checked(azure, plan_of(group(azure), container(azure, "rg-dev")))
    checked(azure, plan_of())


def test_a_missing_right_is_told_once_with_the_line_that_grants_it(azure: LocalAzure) -> None:
    nobody = azure.new_client("nobody")
    with pytest.raises(
        Refused, match=r"Missing permission: \S+/resourceGroups/write on \S+\. .* az role assignment create"
    ):
        checked(azure, plan_of(group(azure), group(azure, "rg-kept", Action.KEEP)), nobody)


def test_all_that_is_missing_is_told_at_once(azure: LocalAzure) -> None:
    factory = f"{azure.subscription}/resourceGroups/flink-platform/providers/Microsoft.DataFactory/factories/f"
    desired = LinkedService(
        factory_id=factory, name="dags", account="stdev", account_id="", vault_id="", environment=ENVIRONMENT
    )
    linked = Step(address=Address("linked_service", "dags"), action=Action.UPDATE, desired=desired)
    with pytest.raises(Refusals) as refused:
        checked(azure, plan_of(group(azure), linked), azure.new_client("nobody"))
    assert [str(one).partition(":")[0] for one in refused.value.errors] == [
        "resource_group/rg-dev",
        "linked_service/dags",
    ]


def test_what_is_to_be_made_in_a_group_that_is_not_there_is_refused(azure: LocalAzure) -> None:
    with pytest.raises(Refused, match="lock_container/rg-none: its resource group rg-none does not exist"):
        checked(azure, plan_of(container(azure, "rg-none"), container(azure, "RG-NONE")))


def test_a_group_that_stands_will_do(azure: LocalAzure) -> None:
    put(azure, f"{azure.subscription}/resourceGroups/rg-there", "2021-04-01", {"location": "westeurope"})
    checked(azure, plan_of(container(azure, "rg-there")))


def test_a_group_that_cannot_be_asked_for_is_left_to_the_write(azure: LocalAzure) -> None:
    azure.fault(fault="error", method="GET", path="resourcegroups/rg-none$", status=403, code="Forbidden", times=None)
    checked(azure, plan_of(container(azure, "rg-none")))


def test_a_location_that_the_subscription_does_not_have_is_refused_once(azure: LocalAzure) -> None:
    elsewhere = plan_of(group(azure, location="west europa"), group(azure, "rg-two", location="westeuropa"))
    with pytest.raises(Refused, match=r"no location westeuropa\. Correct `location`: did you mean westeurope"):
        checked(azure, elsewhere)
    with pytest.raises(Refused, match=r"no location zzz\. Correct `location`; `az account list-locations` shows all"):
        checked(azure, plan_of(group(azure, location="zzz")))


def test_who_may_not_list_locations_goes_on(azure: LocalAzure) -> None:
    azure.fault(fault="error", method="GET", path="/locations$", status=403, code="AuthorizationFailed", times=None)
    checked(azure, plan_of(group(azure, location="zzz")))
