"""The right that a caller lacks, where Azure's answer does not name it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from azure.core.rest import HttpRequest

from provisioner.cloud.remedies import grant_remedy, remedy_in, remedy_of_graph_refusal

WHO = "11111111-2222-3333-4444-555555555555"
CLIENT = "66666666-7777-8888-9999-000000000000"
DENIED = "This request is not authorized to perform this operation using this permission."


def request(method: str, url: str, **claims: Any) -> HttpRequest:
    """A request that was sent with a token of these claims; without any, with none."""
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    headers = {"Authorization": f"Bearer header.{payload}.signature"} if claims else {}
    return HttpRequest(method, url, headers=headers)


@pytest.mark.parametrize(
    ("method", "verb"), [("GET", "read"), ("HEAD", "read"), ("PATCH", "write"), ("PUT", "write"), ("DELETE", "delete")]
)
def test_storage_names_nothing_so_the_request_tells(method: str, verb: str) -> None:
    remedy = remedy_in(DENIED, request(method, "https://stdev.dfs.core.windows.net/jobs/a.jar", oid=WHO))
    assert f"containers/blobs/{verb} on storage account stdev" in remedy
    assert f"az role assignment create --assignee {WHO} --role 'Storage Blob Data Owner'" in remedy
    assert remedy.endswith('--scope "$(az storage account show --name stdev --query id --output tsv)"')


def test_a_request_without_a_token_leaves_the_caller_to_fill_in() -> None:
    remedy = remedy_in(DENIED, request("GET", "https://stdev.blob.core.usgovcloudapi.net/jobs"))
    assert "--assignee OBJECT_ID" in remedy


def test_what_neither_answer_nor_request_tells_is_left_open() -> None:
    assert remedy_in("No.", request("GET", "https://example.azure.com/jobs", oid=WHO)) == ""
    assert remedy_in("No.", None) == ""


def test_graph_is_told_with_the_lines_that_add_the_permission_and_consent_to_it() -> None:
    remedy = remedy_of_graph_refusal(
        request("GET", "https://graph.microsoft.com/v1.0/applications", appid=CLIENT, tid="t")
    )
    assert remedy.startswith("Missing permission: Application.ReadWrite.OwnedBy on tenant t.")
    assert f"az ad app permission add --id {CLIENT}" in remedy
    assert f"az ad app permission admin-consent --id {CLIENT}" in remedy


SUBSCRIPTION = "/subscriptions/0b6d3b3f-5d1c-4d3f-8f0e-6c1f2a7b9c02"
DELETED = f"{SUBSCRIPTION}/providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/kv-dev"
VAULT = f"{SUBSCRIPTION}/resourceGroups/rg-dev/providers/Microsoft.KeyVault/vaults/kv-dev"


@pytest.mark.parametrize(
    ("action", "scope", "role", "place"),
    [
        ("Microsoft.KeyVault/locations/deletedVaults/read", DELETED, "Reader", SUBSCRIPTION),
        ("Microsoft.KeyVault/vaults/read", VAULT, "Reader", VAULT),
        (
            "Microsoft.Authorization/roleDefinitions/read",
            f"{VAULT}/providers/Microsoft.Authorization/roleDefinitions",
            "Reader",
            VAULT,
        ),
        (
            "Microsoft.Authorization/roleAssignments/write",
            f"{VAULT}/providers/Microsoft.Authorization/roleAssignments/one",
            "Role Based Access Control Administrator",
            VAULT,
        ),
    ],
)
def test_a_missing_read_is_remedied_by_reader_on_the_narrowest_scope(
    action: str, scope: str, role: str, place: str
) -> None:
    remedy = grant_remedy(action, scope, WHO)

    assert remedy.startswith(f"Missing permission: {action} on {place}. ")
    assert remedy.endswith(f"--role '{role}' --scope {place}")


def test_a_missing_write_of_a_federated_credential_is_remedied_by_the_role_for_managed_identities() -> None:
    identity = f"{SUBSCRIPTION}/resourceGroups/rg-dev/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-dev"
    action = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write"

    remedy = grant_remedy(action, identity, WHO)

    assert remedy.endswith(f"--role 'Managed Identity Contributor' --scope {identity}")


def test_who_has_the_permission_for_owned_applications_is_told_to_become_an_owner() -> None:
    url = f"https://graph.microsoft.com/v1.0/applications/{CLIENT}/addPassword"
    roles = ["Application.ReadWrite.OwnedBy"]

    assert f"az ad app owner add --id {CLIENT} --owner-object-id {WHO}" in remedy_of_graph_refusal(
        request("POST", url, roles=roles, oid=WHO)
    )
    listed = request("GET", "https://graph.microsoft.com/v1.0/directory/deletedItems", roles=roles, oid=WHO)
    assert "az ad app permission add" in remedy_of_graph_refusal(listed)
