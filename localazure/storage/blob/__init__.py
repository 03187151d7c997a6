"""Blob storage: `*.blob.core.windows.net`."""

from localazure.storage.blob import batch, blobs, containers_api, delegation_keys, properties, service

__all__ = ["SERVICES", "blobs", "containers_api"]  # which register their routes on `service` when they are imported

SERVICES = (batch.SERVICE, service.SERVICE, delegation_keys.SERVICE, properties.SERVICE)
