"""Filesystems and paths as they are read, and how requests encode their metadata. Data only.

The owner tag is in metadata, whose names are C# identifiers, so without hyphens:
https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata#metadata-names
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from xml.etree.ElementTree import Element

    from azure.core.rest import HttpResponse

OWNER_METADATA = "provisioner_environment"
KIND_METADATA = "provisioner_kind"
SHA256_METADATA = "provisioner_sha256"
TEMPORARY = re.compile(r"\.(?P<name>.+)\.provisioner-[0-9a-f]{8}\.tmp")
# How the blob endpoint shows a directory of a hierarchical account.
# https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-known-issues
FOLDER = "hdi_isfolder"


@dataclass(frozen=True, kw_only=True)
class FilesystemProperties:
    """A filesystem. hierarchical: its account has a hierarchical namespace."""

    etag: str
    metadata: Mapping[str, str]
    hierarchical: bool

    @property
    def owner(self) -> str:
        """The id of the environment that owns it, or empty."""
        return self.metadata.get(OWNER_METADATA, "")


@dataclass(frozen=True, kw_only=True)
class PathProperties:
    """A file or directory. size: bytes. modified: when its content was written last."""

    path: str
    size: int
    etag: str
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    directory: bool = False
    modified: datetime | None = None

    @property
    def owner(self) -> str:
        """The id of the environment that owns it, or empty."""
        return self.metadata.get(OWNER_METADATA, "")

    @property
    def kind(self) -> str:
        """Which kind wrote it, or empty."""
        return self.metadata.get(KIND_METADATA, "")

    @property
    def sha256(self) -> str:
        """Of what we wrote, in hexadecimal; empty if somebody else wrote it."""
        return self.metadata.get(SHA256_METADATA, "")

    @property
    def target(self) -> str:
        """Its path, or for an upload that did not end, the path that it was to be renamed to."""
        return target_of(self.path)


def target_of(path: str) -> str:
    """The path itself, or the one for which it is a temporary name."""
    above, slash, name = path.rpartition("/")
    unfinished = TEMPORARY.fullmatch(name)
    return f"{above}{slash}{unfinished['name']}" if unfinished else path


def temporary_path(path: str, sha256: str) -> str:
    """A temporary name beside a path, the same for the same content, so that a retry cleans up before it."""
    above, slash, name = path.rpartition("/")
    return f"{above}{slash}.{name}.provisioner-{sha256[:8]}.tmp"


def parent_directories(path: str) -> tuple[str, ...]:
    """The directories that a path lies in, the nearest first."""
    parts = path.split("/")[:-1]
    return tuple("/".join(parts[:depth]) for depth in range(len(parts), 0, -1))


def of_filesystem(answer: HttpResponse) -> FilesystemProperties:
    """https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/filesystem/get-properties."""
    return FilesystemProperties(
        etag=answer.headers.get("ETag", ""),
        metadata=metadata_of_header(answer.headers.get("x-ms-properties", "")),
        hierarchical=answer.headers.get("x-ms-namespace-enabled", "true") == "true",
    )


def of_path(path: str, answer: HttpResponse) -> PathProperties:
    """https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/get-properties."""
    return PathProperties(
        path=path,
        size=int(answer.headers.get("Content-Length", "0")),
        etag=answer.headers.get("ETag", ""),
        metadata=metadata_of_header(answer.headers.get("x-ms-properties", "")),
        directory=answer.headers.get("x-ms-resource-type", "") == "directory",
        modified=parsedate_to_datetime(answer.headers["Last-Modified"]) if "Last-Modified" in answer.headers else None,
    )


def read_listed_blob(blob: Element) -> PathProperties:
    """One `Blob` of https://learn.microsoft.com/rest/api/storageservices/list-blobs#response-body."""
    name = blob.find("Name")
    text = (name.text or "") if name is not None else ""
    encoded = name is not None and name.get("Encoded") == "true"
    metadata = {one.tag: one.text or "" for one in blob.iterfind("Metadata/*")}
    kind = blob.findtext("Properties/ResourceType", "")
    return PathProperties(
        path=unquote(text) if encoded else text,
        size=int(blob.findtext("Properties/Content-Length") or 0),
        etag=blob.findtext("Properties/Etag", ""),
        metadata=metadata,
        directory=kind == "directory" or metadata.get(FOLDER, "").lower() == "true",
        modified=parsedate_to_datetime(blob.findtext("Properties/Last-Modified", "")),
    )


def metadata_header(metadata: Mapping[str, str]) -> str:
    """As `x-ms-properties` takes it: `name=base64,name=base64`."""
    return ",".join(f"{name}={b64encode(text.encode()).decode()}" for name, text in metadata.items())


def metadata_of_header(header: str) -> dict[str, str]:
    """The metadata in a header that `metadata_header` made."""
    pairs = (pair.partition("=") for pair in header.split(",") if pair.strip())
    return {name.strip(): b64decode(value).decode() for name, _, value in pairs}
