"""The right that a caller lacks, where Azure's answer does not name it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from azure.core.rest import HttpRequest

from provisioner.cloud.remedies import missing_in, missing_permission

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
