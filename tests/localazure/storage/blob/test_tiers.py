"""Access tiers: set, archived and unreadable, rehydrated, kept by an overwrite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError

from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import LocalAzure


@pytest.fixture
def data(azure_env: LocalAzure) -> Any:  # the SDK's types are partly unknown
    lake = lakes.create_lake(azure_env)
    container = lake.blobs(lakes.account_key(lake)).create_container("data")  # a key outlasts the hours
    container.upload_blob("a", b"hello")
    return container


def test_a_tier_has_a_change_time_and_is_kept_by_an_overwrite(data: Any) -> None:
    blob = data.get_blob_client("a")
    assert blob.get_blob_properties().blob_tier_inferred
    blob.set_standard_blob_tier("Cool")
    blob.upload_blob(b"other", overwrite=True)
    properties = blob.get_blob_properties()
    assert (properties.blob_tier, properties.blob_tier_inferred, properties.blob_tier_change_time is None) == (
        "Cool",
        None,
        False,
    )
    (listed,) = data.list_blobs()
    assert (listed.blob_tier, listed.blob_tier_inferred) == ("Cool", None)


def test_an_archived_blob_is_neither_read_nor_changed_until_rehydrated(azure_env: LocalAzure, data: Any) -> None:
    blob, file = data.get_blob_client("a"), f"https://{data.account_name}.dfs.core.windows.net/data/a"
    blob.set_standard_blob_tier("Archive")
    with pytest.raises(ResourceExistsError, match="BlobArchived"):
        blob.upload_blob(b"x", overwrite=True)
    with pytest.raises(ResourceExistsError, match="BlobArchived"):
        blob.set_blob_metadata({"a": "b"})
    with pytest.raises(ResourceExistsError, match="BlobArchived"):
        blob.download_blob()
    version = {"x-ms-version": "2025-01-05"}
    read = azure_env.request("GET", file, headers=version, token=azure_env.token(lakes.STORAGE))
    assert (read.status, read.headers["x-ms-error-code"]) == (409, "BlobArchived")
    blob.set_standard_blob_tier("Hot", rehydrate_priority="High")
    properties = blob.get_blob_properties()
    assert (properties.blob_tier, properties.archive_status, properties.rehydrate_priority) == (
        *("Archive", "rehydrate-pending-to-hot", "High"),
    )
    with pytest.raises(ResourceExistsError, match="BlobBeingRehydrated"):
        blob.set_standard_blob_tier("Cool")
    azure_env.advance(3600)
    assert blob.download_blob().readall() == b"hello"
    properties = blob.get_blob_properties()
    assert (properties.blob_tier, properties.archive_status) == ("Hot", None)


@pytest.mark.parametrize("headers", [{"tier": "Warm"}, {"standard_blob_tier": "Hot", "rehydrate_priority": "Soon"}])
def test_an_unknown_tier_or_priority_is_refused(data: Any, headers: dict[str, str]) -> None:
    tier = {"standard_blob_tier": headers.get("tier", "Hot")}
    with pytest.raises(HttpResponseError, match="InvalidHeaderValue"):
        data.get_blob_client("a").set_standard_blob_tier(**tier, rehydrate_priority=headers.get("rehydrate_priority"))
