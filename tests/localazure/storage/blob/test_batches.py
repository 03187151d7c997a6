"""Batches: blobs deleted by the SDK, Graph's JSON batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import HttpResponseError

from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import LocalAzure


@pytest.mark.parametrize("with_key", [False, True], ids=["by token", "by key"])
def test_blobs_are_deleted_in_one_batch(azure_env: LocalAzure, *, with_key: bool) -> None:
    lake = lakes.create_lake(azure_env)
    service = lake.blobs(lakes.account_key(lake) if with_key else "")
    container = service.create_container("data")
    for name in ("a", "b c/ü", "kept"):
        container.upload_blob(name, b"x")
    responses = list(container.delete_blobs("a", "b c/ü", "none", raise_on_any_failure=False))
    assert [response.status_code for response in responses] == [202, 202, 404]
    assert [response.reason for response in responses] == ["Accepted", "Accepted", "The specified blob does not exist."]
    assert "kept" in {blob.name for blob in container.list_blobs()}
    assert "a" not in {blob.name for blob in container.list_blobs()}


def test_each_request_of_a_batch_is_authorized_by_itself(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env, role=lakes.READER)
    container = lake.blobs(lakes.account_key(lake)).create_container("data")
    container.upload_blob("a", b"x")
    responses = list(lake.blobs().get_container_client("data").delete_blobs("a", raise_on_any_failure=False))
    assert [response.status_code for response in responses] == [403]
    with pytest.raises(HttpResponseError):
        lake.blobs().get_container_client("data").delete_blobs(*[str(n) for n in range(257)])


def test_a_malformed_batch_is_refused(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env)
    for content_type, body in (
        ("text/plain", b"x"),
        ("multipart/mixed; boundary=b", b"x"),
        ("multipart/mixed; boundary=b", b"--b\r\n\r\nx"),
    ):
        response = lake.call("POST", f"{lake.blob}/?comp=batch", body, headers={"Content-Type": content_type})
        assert response.status == 400, response.body
