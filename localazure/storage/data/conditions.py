"""Conditional requests of the storage services: If-Match and its kin, and leases, against one path or container.

https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations
"""

from __future__ import annotations

from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from localazure.app.call import AzureError
from localazure.storage.data import leases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localazure.app.store import Document
    from localazure.app.world import World

_UNMET = "The condition specified using HTTP conditional header(s) is not met."


def check_write(headers: Mapping[str, str], found: Document | None, exists: AzureError, *, prefix: str = "") -> None:
    """Raise 412 ConditionNotMet, or `exists` when `If-None-Match: *` meets something that is there.

    `prefix` is `x-ms-source-` for the conditions on what is copied or renamed; `found` has `etag` and `modified`.
    """
    if found is not None and headers.get(f"{prefix}if-none-match", "").strip() == "*":
        raise exists
    if not _holds(headers, found, prefix):
        code = "SourceConditionNotMet" if prefix else "ConditionNotMet"
        raise AzureError(status=412, code=code, message=_UNMET)


def check_read(headers: Mapping[str, str], found: Document) -> None:
    """Raise 304 for what the reader has already, 412 for what is not what it expects."""
    unwanted = headers.get("if-none-match")
    since = _date(headers.get("if-modified-since"))
    if (unwanted and _names(unwanted, found)) or (since is not None and int(found["modified"]) <= since):
        raise AzureError(status=304, code="ConditionNotMet", message=_UNMET)
    if not _holds(headers, found, ""):
        raise AzureError(status=412, code="ConditionNotMet", message=_UNMET)


def check_lease(world: World, headers: Mapping[str, str], found: Document | None) -> None:
    """Raise the 412 of a write to a leased path without its lease id, or with one when there is no lease."""
    lease_id = headers.get("x-ms-lease-id")
    held = found["lease"] if found else leases.none()
    try:
        leases.check(held, lease_id, world.clock.timestamp())
    except AzureError as error:
        raise of_blob(error) from error


def check_lease_read(world: World, headers: Mapping[str, str], found: Document) -> None:
    """Reading needs no lease; a lease id that is named must be the right one."""
    if headers.get("x-ms-lease-id"):
        check_lease(world, headers, found)


def append_position_unmet() -> AzureError:
    """412 for an append to a blob that is longer or shorter than expected."""
    message = "The append position condition specified was not met."
    return AzureError(status=412, code="AppendPositionConditionNotMet", message=message)


def check_append_size(headers: Mapping[str, str], size: int) -> None:
    """Raise the 412 of an append that would make a blob larger than its writer wants it."""
    limit = headers.get("x-ms-blob-condition-maxsize", "")
    if limit.isdecimal() and size > int(limit):
        message = "The max blob size condition specified was not met."
        raise AzureError(status=412, code="MaxBlobSizeConditionNotMet", message=message)


def check_modified_since(headers: Mapping[str, str], found: Document) -> None:
    """The one condition that writing a container's metadata knows."""
    after = _date(headers.get("if-modified-since"))
    if after is not None and int(found["modified"]) <= after:
        raise AzureError(status=412, code="ConditionNotMet", message=_UNMET)


def of_blob(error: AzureError) -> AzureError:
    """A lease's error in the words that blobs and paths have for it."""
    message = error.message.replace("container", "blob")
    return replace(error, code=error.code.replace("Container", "Blob"), message=message)


def _holds(headers: Mapping[str, str], found: Document | None, prefix: str) -> bool:
    wanted, unwanted = headers.get(f"{prefix}if-match"), headers.get(f"{prefix}if-none-match")
    if wanted and (found is None or not _names(wanted, found)):
        return False
    if found is None:
        return True
    modified, before = int(found["modified"]), _date(headers.get(f"{prefix}if-unmodified-since"))
    after = _date(headers.get(f"{prefix}if-modified-since"))
    return (
        not (unwanted and _names(unwanted, found))
        and (before is None or modified <= before)
        and (after is None or modified > after)
    )


def _names(header: str, found: Document) -> bool:
    """Etags arrive quoted from SDKs and bare from scripts."""
    return header.strip() == "*" or header.strip().strip('"') == str(found["etag"]).strip('"')


def _date(header: str | None) -> float | None:
    if not header:
        return None
    try:
        return parsedate_to_datetime(header).timestamp()
    except ValueError as error:
        message = "The value for one of the HTTP headers is not in the correct format."
        raise AzureError(status=400, code="InvalidHeaderValue", message=message) from error
