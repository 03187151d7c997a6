"""The Blob service's own properties: as new, set in part, refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.storage import blob as blobs

from tests.emulator import ARM
from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

_BLOBS: Any = blobs  # the SDK's types are partly unknown


def test_properties_that_are_set_are_shown_and_the_others_stay(azure_env: LocalAzure) -> None:
    lake = lakes.make(azure_env)
    with lake.blobs() as service:
        fresh = service.get_service_properties()
        assert (fresh["cors"], fresh["delete_retention_policy"].enabled) == ([], False)
        assert (fresh["static_website"].enabled, fresh["target_version"]) == (False, None)
        site = _BLOBS.StaticWebsite(enabled=True, index_document="index.html")
        rule = _BLOBS.CorsRule(["https://a.example"], ["GET"], max_age_in_seconds=5)
        service.set_service_properties(static_website=site, cors=[rule])
        service.set_service_properties(delete_retention_policy=_BLOBS.RetentionPolicy(enabled=True, days=7))
        found = service.get_service_properties()
        assert found["static_website"].index_document == "index.html"
        assert [one.max_age_in_seconds for one in found["cors"]] == [5]
        assert (found["delete_retention_policy"].days, found["hour_metrics"].enabled) == (7, False)
    assert azure_env.request("DELETE", f"{ARM}{lake.id}?api-version=2023-05-01").status == 200
    with lakes.make(azure_env).blobs() as service:
        assert service.get_service_properties()["cors"] == []


def test_properties_are_for_who_may_write_the_service(azure_env: LocalAzure) -> None:
    lake = lakes.make(azure_env)
    url = f"{lake.blob}/?restype=service&comp=properties"
    assert lake.call("PUT", url, b"<Other />").headers["x-ms-error-code"] == "InvalidXmlDocument"
    assert lake.call("PUT", url, b"<StorageServiceProperties />").status == 202
    client_id, secret = azure_env.new_client("reader")
    lake.grant(lakes.READER, lakes.object_id(azure_env, client_id))
    token = azure_env.token(lakes.STORAGE, client_id, secret)
    assert lake.call("PUT", url, b"<StorageServiceProperties />", token=token).status == 403
