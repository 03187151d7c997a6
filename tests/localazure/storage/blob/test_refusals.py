"""Requests about blobs that the local Azure refuses instead of ignoring them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import LocalAzure


def test_tags_and_snapshots_are_refused(azure_env: LocalAzure) -> None:
    for name, hierarchical, expected in (
        ("deeplake1", True, (409, "FeatureNotYetSupportedForHierarchicalNamespaceAccounts")),
        ("flatlake1", False, (400, "UnsupportedHeader")),
    ):
        lake = lakes.create_lake(azure_env, name, isHnsEnabled=hierarchical)
        blob = lake.blobs().create_container("data").upload_blob("a", b"x")
        assert blob.exists()
        for method, header in (("PUT", "x-ms-tags"), ("GET", "x-ms-if-tags"), ("DELETE", "x-ms-if-tags")):
            headers = {header: "a=b", "x-ms-blob-type": "BlockBlob"}
            response = lake.call(method, f"{lake.blob}/data/a", headers=headers)
            assert (response.status, response.headers["x-ms-error-code"]) == expected
        snapshot = lake.call("PUT", f"{lake.blob}/data/a?comp=snapshot")
        assert snapshot.status == (409 if hierarchical else 400)


def test_a_malformed_copy_source_is_refused(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env)
    lake.blobs().create_container("data")
    response = lake.call("PUT", f"{lake.blob}/data/made", headers={"x-ms-copy-source": "https://["})
    assert (response.status, response.headers["x-ms-error-code"]) == (400, "InvalidHeaderValue")
