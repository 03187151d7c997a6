"""Conditional requests of the storage services: If-Match and related headers, and leases, on one path or container.

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
    from localazure.app.tenant import Tenant

_NOT_MET = "The condition specified using HTTP conditional header(s) is not met."


def check_write(headers: Mapping[str, str], target: Document | None, exists: AzureError, *, prefix: str = "") -> None:
    """412 ConditionNotMet; `exists` is raised for `If-None-Match: *` on something that exists.

    `prefix` is `x-ms-source-` for conditions on the source of a copy or rename; `target` has `etag` and `modified`.
    """
    if target is not None and headers.get(f"{prefix}if-none-match", "").strip() == "*":
        raise exists
    if not _are_met(headers, target, prefix):
        code = "SourceConditionNotMet" if prefix else "ConditionNotMet"
        raise AzureError(status=412, code=code, message=_NOT_MET)


def check_read(headers: Mapping[str, str], target: Document) -> None:
    """304 if the reader has the current state, 412 if it expects another."""
    unwanted = headers.get("if-none-match")
    since = _parse_date(headers.get("if-modified-since"))
    if (unwanted and _matches_etag(unwanted, target)) or (since is not None and int(target["modified"]) <= since):
        raise AzureError(status=304, code="ConditionNotMet", message=_NOT_MET)
    if not _are_met(headers, target, ""):
        raise AzureError(status=412, code="ConditionNotMet", message=_NOT_MET)


def check_lease(tenant: Tenant, headers: Mapping[str, str], target: Document | None) -> None:
    """412 for a write to a leased path without its lease id, or with one if there is no lease."""
    lease_id = headers.get("x-ms-lease-id")
    lease = target["lease"] if target else leases.no_lease()
    try:
        leases.check_lease_id(lease, lease_id, tenant.clock.timestamp())
    except AzureError as error:
        raise as_blob_error(error) from error


def check_lease_read(tenant: Tenant, headers: Mapping[str, str], target: Document) -> None:
    """412 for a read with a wrong lease id; reads without one are always allowed."""
    if headers.get("x-ms-lease-id"):
        check_lease(tenant, headers, target)


def append_position_not_met() -> AzureError:
    """412 for an append to a blob that is longer or shorter than expected."""
    message = "The append position condition specified was not met."
    return AzureError(status=412, code="AppendPositionConditionNotMet", message=message)


def check_append_size(headers: Mapping[str, str], size: int) -> None:
    """412 for an append that would exceed the size limit in the headers."""
    limit = headers.get("x-ms-blob-condition-maxsize", "")
    if limit.isdecimal() and size > int(limit):
        message = "The max blob size condition specified was not met."
        raise AzureError(status=412, code="MaxBlobSizeConditionNotMet", message=message)


def check_modified_since(headers: Mapping[str, str], target: Document) -> None:
    """412 unless the container has changed since If-Modified-Since; 400 for a malformed date.

    It is the only condition that writing a container's metadata has.
    """
    after = _parse_date(headers.get("if-modified-since"))
    if after is not None and int(target["modified"]) <= after:
        raise AzureError(status=412, code="ConditionNotMet", message=_NOT_MET)


def as_blob_error(error: AzureError) -> AzureError:
    """A lease's error in the wording for blobs and paths instead of containers."""
    message = error.message.replace("container", "blob")
    return replace(error, code=error.code.replace("Container", "Blob"), message=message)


def _are_met(headers: Mapping[str, str], target: Document | None, prefix: str) -> bool:
    """Whether the four conditional headers hold for the target. 400 for a malformed date."""
    match, none_match = headers.get(f"{prefix}if-match"), headers.get(f"{prefix}if-none-match")
    if match and (target is None or not _matches_etag(match, target)):
        return False
    if target is None:
        return True
    modified, before = int(target["modified"]), _parse_date(headers.get(f"{prefix}if-unmodified-since"))
    after = _parse_date(headers.get(f"{prefix}if-modified-since"))
    return (
        not (none_match and _matches_etag(none_match, target))
        and (before is None or modified <= before)
        and (after is None or modified > after)
    )


def _matches_etag(header: str, target: Document) -> bool:
    """Whether the header is `*` or the target's etag. SDKs send etags quoted, scripts bare."""
    return header.strip() == "*" or header.strip().strip('"') == str(target["etag"]).strip('"')


def _parse_date(header: str | None) -> float | None:
    """An HTTP date in epoch seconds, None if absent; 400 if malformed."""
    if not header:
        return None
    try:
        return parsedate_to_datetime(header).timestamp()
    except ValueError as error:
        message = "The value for one of the HTTP headers is not in the correct format."
        raise AzureError(status=400, code="InvalidHeaderValue", message=message) from error
