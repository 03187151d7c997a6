"""The Blob service's properties: defaults, partial updates, refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.storage import blob as blobs

from tests.emulator import ARM
from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

_BLOBS: Any = blobs  # the SDK's types are partly unknown


def test_a_set_changes_only_the_properties_in_its_body(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env)
    with lake.blobs() as service:
        defaults = service.get_service_properties()
        assert (defaults["cors"], defaults["delete_retention_policy"].enabled) == ([], False)
        assert (defaults["static_website"].enabled, defaults["target_version"]) == (False, None)
        site = _BLOBS.StaticWebsite(enabled=True, index_document="index.html")
        rule = _BLOBS.CorsRule(["https://a.example"], ["GET"], max_age_in_seconds=5)
        service.set_service_properties(static_website=site, cors=[rule])
        service.set_service_properties(delete_retention_policy=_BLOBS.RetentionPolicy(enabled=True, days=7))
        properties = service.get_service_properties()
        assert properties["static_website"].index_document == "index.html"
        assert [cors_rule.max_age_in_seconds for cors_rule in properties["cors"]] == [5]
        assert (properties["delete_retention_policy"].days, properties["hour_metrics"].enabled) == (7, False)
    assert azure_env.request("DELETE", f"{ARM}{lake.id}?api-version=2023-05-01").status == 200
    with lakes.create_lake(azure_env).blobs() as service:
        assert service.get_service_properties()["cors"] == []


def test_setting_properties_needs_a_role_on_the_service(azure_env: LocalAzure) -> None:
    lake = lakes.create_lake(azure_env)
    url = f"{lake.blob}/?restype=service&comp=properties"
    assert lake.call("PUT", url, b"<Other />").headers["x-ms-error-code"] == "InvalidXmlDocument"
    assert lake.call("PUT", url, b"<StorageServiceProperties />").status == 202
    client_id, secret = azure_env.new_client("reader")
    lake.grant(lakes.READER, lakes.principal_id(azure_env, client_id))
    token = azure_env.token(lakes.STORAGE, client_id, secret)
    assert lake.call("PUT", url, b"<StorageServiceProperties />", token=token).status == 403
