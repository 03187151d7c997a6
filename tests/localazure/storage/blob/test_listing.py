"""Options of listing a container's blobs."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import LocalAzure


def test_an_uncommitted_blob_is_listed_on_request(azure_env: LocalAzure) -> None:
    container = lakes.create_lake(azure_env).blobs().create_container("data")
    container.upload_blob("a", b"hello")
    for name in ("a", "begun"):
        container.get_blob_client(name).stage_block(base64.b64encode(b"1").decode(), b"x")
    assert [blob.name for blob in container.list_blobs()] == ["a"]
    listed = container.list_blobs(include=["uncommittedblobs"])
    assert [(blob.name, blob.size) for blob in listed] == [("a", 5), ("begun", 0)]


def test_an_uncommitted_blob_of_a_flat_account_keeps_the_slash_at_its_end(azure_env: LocalAzure) -> None:
    container = lakes.create_lake(azure_env, isHnsEnabled=False).blobs().create_container("data")
    for name in ("folder/", "folder"):
        container.get_blob_client(name).stage_block(base64.b64encode(b"1").decode(), b"x")
    assert [blob.name for blob in container.list_blobs(include=["uncommittedblobs"])] == ["folder", "folder/"]


def test_a_flat_list_of_a_hierarchical_account_has_its_directories(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env)
    lake.files().create_file_system("data").create_file("a/b/file")
    blobs = list(lake.blobs().get_container_client("data").list_blobs(include=["metadata"]))
    folders = {blob.name for blob in blobs if (blob.metadata or {}) == {"hdi_isfolder": "true"}}
    assert [(blob.name, blob.size, blob.name in folders) for blob in blobs] == [
        ("a", 0, True),
        ("a/b", 0, True),
        ("a/b/file", 0, False),
    ]
