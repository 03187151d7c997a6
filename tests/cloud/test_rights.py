"""The right that a caller lacks, where Azure's answer does not name it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from azure.core.rest import HttpRequest

from provisioner.cloud.rights import may_register, missing_in, missing_permission

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
    told = missing_in(DENIED, request(method, "https://stdev.dfs.core.windows.net/jobs/a.jar", oid=WHO))
    assert f"containers/blobs/{verb} on storage account stdev" in told
    assert f"az role assignment create --assignee {WHO} --role 'Storage Blob Data Owner'" in told
    assert told.endswith('--scope "$(az storage account show --name stdev --query id --output tsv)"')


def test_a_request_without_a_token_leaves_the_caller_to_fill_in() -> None:
    told = missing_in(DENIED, request("GET", "https://stdev.blob.core.usgovcloudapi.net/jobs"))
    assert "--assignee OBJECT_ID" in told


def test_what_neither_answer_nor_request_tells_is_left_open() -> None:
    assert missing_in("No.", request("GET", "https://example.azure.com/jobs", oid=WHO)) == ""
    assert missing_in("No.", None) == ""


def test_graph_is_told_with_the_lines_that_add_the_permission_and_consent_to_it() -> None:
    told = missing_permission(request("GET", "https://graph.microsoft.com/v1.0/applications", appid=CLIENT, tid="t"))
    assert told.startswith("Missing right: Application.ReadWrite.OwnedBy on tenant t.")
    assert f"az ad app permission add --id {CLIENT}" in told
    assert f"az ad app permission admin-consent --id {CLIENT}" in told


APP = {"idtyp": "app", "wids": ["0997a1d0-0d1d-4acb-b408-d5ca73121e90"]}
READERS = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b"
ADMINISTRATOR = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({**APP, "roles": ["Application.ReadWrite.OwnedBy"]}, True),
        ({**APP, "roles": ["Application.Read.All", "User.Read.All"]}, False),
        ({**APP, "wids": [*APP["wids"], READERS]}, False),
        ({**APP, "roles": ["Application.Read.All"], "wids": [*APP["wids"], ADMINISTRATOR]}, None),
        (APP, None),  # it was let read, and nothing in the token says why: a custom role
        ({"scp": "Application.Read.All", "roles": ["Application.Read.All"], "wids": []}, None),  # a person
    ],
)
def test_a_token_tells_of_an_app_whether_it_may_register_others(claims: dict[str, Any], *, told: bool | None) -> None:
    assert may_register(claims) is told
