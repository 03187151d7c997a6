"""What blobs of the local Azure are refused rather than ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import LocalAzure


def test_tags_and_snapshots_are_refused_and_not_forgotten(azure_env: LocalAzure) -> None:
    for name, hierarchical, expected in (
        ("deeplake1", True, (409, "FeatureNotYetSupportedForHierarchicalNamespaceAccounts")),
        ("flatlake1", False, (400, "UnsupportedHeader")),
    ):
        lake = lakes.make(azure_env, name, isHnsEnabled=hierarchical)
        blob = lake.blobs().create_container("data").upload_blob("a", b"x")
        assert blob.exists()
        for method, header in (("PUT", "x-ms-tags"), ("GET", "x-ms-if-tags"), ("DELETE", "x-ms-if-tags")):
            headers = {header: "a=b", "x-ms-blob-type": "BlockBlob"}
            answer = lake.call(method, f"{lake.blob}/data/a", headers=headers)
            assert (answer.status, answer.headers["x-ms-error-code"]) == expected
        snapshot = lake.call("PUT", f"{lake.blob}/data/a?comp=snapshot")
        assert snapshot.status == (409 if hierarchical else 400)


def test_an_address_that_is_none_is_refused(azure_env: LocalAzure) -> None:
    lake = lakes.make(azure_env)
    lake.blobs().create_container("data")
    answer = lake.call("PUT", f"{lake.blob}/data/made", headers={"x-ms-copy-source": "https://["})
    assert (answer.status, answer.headers["x-ms-error-code"]) == (400, "InvalidHeaderValue")
