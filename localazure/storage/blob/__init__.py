"""Blob storage: `*.blob.core.windows.net`."""

from localazure.storage.blob import batch, blobs, delegation_keys, properties

SERVICES = (batch.SERVICE, blobs.SERVICE, delegation_keys.SERVICE, properties.SERVICE)
