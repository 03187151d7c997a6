"""Answers of the local Azure that decide what is done: sent again, adopted, or handed to a person at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from localazure.app.tenant import OPERATOR_OBJECT_ID
from provisioner.cloud.clients.authorization import Assignment
from provisioner.cloud.error_table import Handling, handling_of
from provisioner.errors import CloudError, Conflict, Unreachable
from provisioner.kinds import resource_group
from tests.emulator import ARM
from tests.kinds.azure_setup import SECRETS_OFFICER, grant, make_vault, put

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

GROUP = "2021-04-01"
MARK = "provisioner-environment=one"


def tries(azure: LocalAzure, method: str) -> int:
    calls = azure.control("GET", "/calls")["calls"]
    return sum(call["method"] == method and call["path"].endswith("/resourceGroups/rg-tried") for call in calls)


@pytest.mark.parametrize("method", ["PUT", "GET"])
@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "throttle"},
        {"fault": "throttle", "retry_after": 1},
        {"fault": "error", "status": 429, "code": "Throttled"},
        {"fault": "error", "status": 409, "code": "AnotherOperationInProgress"},
        {"fault": "error", "status": 409, "code": "StorageAccountOperationInProgress"},
        {"fault": "error", "status": 409, "code": "Busy", "retry_after": 1},
        {"fault": "error"},
        {"fault": "reset"},
        {"fault": "lost"},
        {"fault": "cut"},
    ],
)
def test_what_a_second_try_mends_is_sent_again(
    cloud: Cloud, azure: LocalAzure, fault: dict[str, Any], method: str
) -> None:
    path = f"{azure.subscription}/resourceGroups/rg-tried"
    put(azure, path, GROUP, {"location": "westeurope"})
    azure.control("DELETE", "/calls")
    azure.fault(method=method, path="resourcegroups/rg-tried$", **fault)

    body = {"location": "westeurope"} if method == "PUT" else None
    answer = cloud.arm.request(method, path, GROUP, json=body)

    assert (answer.status_code, answer.json()["name"], tries(azure, method)) == (200, "rg-tried", 2)


@pytest.mark.parametrize("fault", ["lost", "cut"])
def test_a_post_that_was_carried_out_is_not_sent_again(cloud: Cloud, azure: LocalAzure, fault: str) -> None:
    azure.fault(fault=fault, method="POST", path="applications$")
    with pytest.raises(Unreachable):
        cloud.session.http(cloud.session.profile.graph_scope).request(
            "POST", f"{cloud.session.profile.graph}/v1.0/applications", operation="POST it", json={"displayName": "one"}
        )
    found = azure.graph("GET", "applications?$filter=displayName eq 'one'").json()["value"]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("status", "code"), [(403, "RequestDisallowedByPolicy"), (409, "ScopeLocked"), (400, "AccountNameInvalid")]
)
def test_what_a_person_must_mend_ends_at_once(cloud: Cloud, azure: LocalAzure, status: int, code: str) -> None:
    azure.control("DELETE", "/calls")
    azure.fault(fault="error", method="PUT", path="rg-tried$", status=status, code=code, times=None)

    with pytest.raises(CloudError) as caught:
        cloud.arm.request(
            "PUT", f"{azure.subscription}/resourceGroups/rg-tried", GROUP, json={"location": "westeurope"}
        )

    assert (caught.value.code, handling_of(caught.value), tries(azure, "PUT")) == (code, Handling.PERSON, 1)


def test_a_grant_that_stands_under_another_name_is_adopted(cloud: Cloud, azure: LocalAzure) -> None:
    make_vault(azure)
    scope = f"{azure.subscription}/resourceGroups/rg-kinds/providers/Microsoft.KeyVault/vaults/kv-kinds"
    azure.fault(fault="stale", method="GET", path="roleAssignments", seconds=3600, times=None)

    cloud.authorization.grant(
        scope, SECRETS_OFFICER, OPERATOR_OBJECT_ID, principal_type="ServicePrincipal", owner_tag=MARK
    )

    azure.control("DELETE", "/faults")
    cloud.session.reads.new_pass()
    assert len(cloud.authorization.list_assignments(scope)) == 1


def test_an_assignment_keeps_its_principal(cloud: Cloud, azure: LocalAzure) -> None:
    client_id, _ = azure.new_client("other")
    other = azure.graph("GET", f"servicePrincipals(appId='{client_id}')").json()["id"]
    made = grant(azure, azure.subscription, SECRETS_OFFICER)
    wanted = Assignment(
        name=made.rpartition("/")[2],
        scope=azure.subscription,
        role=SECRETS_OFFICER,
        principal_id=other,
        principal_type="ServicePrincipal",
    )

    with pytest.raises(Conflict) as caught:
        cloud.authorization.set_assignment(wanted)

    assert (caught.value.code, handling_of(caught.value)) == ("RoleAssignmentUpdateNotPermitted", Handling.PERSON)


def test_a_protected_vault_is_not_purged(cloud: Cloud, azure: LocalAzure) -> None:
    make_vault(azure)
    vault = f"{azure.subscription}/resourceGroups/rg-kinds/providers/Microsoft.KeyVault/vaults/kv-kinds"
    cloud.key_vaults.update_vault(vault, sku="standard", purge_protection=True, tags={})
    cloud.key_vaults.delete_vault(vault)

    with pytest.raises(Conflict) as caught:
        cloud.key_vaults.purge_vault(vault, "westeurope")

    assert (caught.value.status, handling_of(caught.value)) == (405, Handling.PERSON)
    deleted = cloud.key_vaults.find_deleted_now(vault, "westeurope")
    assert deleted is not None
    assert deleted.purge_protection


@pytest.mark.parametrize("code", ["MissingSubscriptionRegistration", "SubscriptionNotRegistered"])
def test_a_provider_that_is_not_registered_is_told_with_the_line(cloud: Cloud, azure: LocalAzure, code: str) -> None:
    make_vault(azure)
    if code == "MissingSubscriptionRegistration":
        where = f"{ARM}{azure.subscription}/providers/Microsoft.KeyVault/unregister?api-version={GROUP}"
        assert azure.request("POST", where).status == 200
    else:
        said = "The subscription is not registered to use namespace 'Microsoft.KeyVault'."
        azure.fault(fault="error", method="PUT", path="vaults/kv-kinds$", status=409, code=code, message=said)
    vault = f"{azure.subscription}/resourceGroups/rg-kinds/providers/Microsoft.KeyVault/vaults/kv-kinds"

    with pytest.raises(Conflict, match=r"`az provider register --namespace Microsoft\.KeyVault --wait`"):
        cloud.key_vaults.set_vault(
            vault,
            cloud.key_vaults.new_vault_body(
                location="westeurope",
                tenant_id=azure.tenant_id,
                sku="standard",
                retention_days=90,
                purge_protection=False,
                tags={},
                settings={},
            ),
        )


def test_a_group_that_is_being_deleted_is_waited_for(cloud: Cloud, azure: LocalAzure) -> None:
    make_vault(azure)
    path = f"{azure.subscription}/resourceGroups/rg-kinds"
    assert azure.request("DELETE", f"{ARM}{path}?api-version={GROUP}").status == 202
    refused = azure.request("PUT", f"{ARM}{path}?api-version={GROUP}", {"location": "westeurope"})
    assert (refused.status, refused.json()["error"]["code"]) == (409, "ResourceGroupBeingDeleted")
    create = resource_group.KIND.create
    assert create is not None

    create(cloud, resource_group.ResourceGroup(id=path, location="westeurope", tags={}, environment="one"))

    found = cloud.resource_groups.find_group(path)
    assert found is not None
    assert found.state == "Succeeded"
