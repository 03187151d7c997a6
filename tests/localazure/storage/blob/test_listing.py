"""What listings of a container show on demand."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import LocalAzure


def test_a_blob_that_is_only_blocks_is_listed_on_demand(azure_env: LocalAzure) -> None:
    container = lakes.make(azure_env).blobs().create_container("data")
    container.upload_blob("a", b"hello")
    for name in ("a", "begun"):
        container.get_blob_client(name).stage_block(base64.b64encode(b"1").decode(), b"x")
    assert [blob.name for blob in container.list_blobs()] == ["a"]
    asked = container.list_blobs(include=["uncommittedblobs"])
    assert [(blob.name, blob.size) for blob in asked] == [("a", 5), ("begun", 0)]
