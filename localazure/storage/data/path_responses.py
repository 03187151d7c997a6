"""Responses that the dfs and the blob endpoint share for a path: properties, ranges of its bytes, its lease."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from localazure.app import contents
from localazure.app.call import AzureError, Reply
from localazure.storage.data import checksums, conditions, leases, paths
from localazure.storage.data.containers import http_date

if TYPE_CHECKING:
    from collections.abc import Mapping

    from localazure.app.call import Call
    from localazure.app.service import Handler
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant
    from localazure.storage.data.paths import PathAddress

VERSION = "2025-11-05"
STORED_HEADERS = (
    "Content-Type",
    "Content-Encoding",
    "Content-Language",
    "Content-Disposition",
    "Cache-Control",
    "Content-MD5",
)
LEASE_STATUS_CODES = {"acquire": 201, "renew": 200, "change": 200, "release": 200, "break": 202}
_RANGE_CHECKSUMS = ("x-ms-range-get-content-md5", "x-ms-range-get-content-crc64")
_MAX_CHECKED_BYTES = 4 << 20


def with_version_header(handler: Handler) -> Handler:
    """The handler with the header x-ms-version, which both endpoints put into every answer."""

    def answer(call: Call) -> Reply:
        reply = handler(call)
        return replace(reply, headers={**version_header(call), **reply.headers})

    return answer


def version_header(call: Call) -> dict[str, str]:
    """The x-ms-version of an answer: the version that the call asks for."""
    return {"x-ms-version": call.headers.get("x-ms-version", VERSION)}


def validators(path: Document) -> dict[str, str]:
    """The validators of a path: ETag and Last-Modified."""
    return {"ETag": str(path["etag"]), "Last-Modified": epoch_http_date(path["modified"])}


def container_validators(container: Document) -> dict[str, str]:
    """The validators of a container: ETag and Last-Modified."""
    return validators(with_modified_time(container))


def with_modified_time(container: Document) -> Document:
    """The container with `modified`, its time of change in epoch seconds, which conditions and validators read."""
    return {**container, "modified": datetime.fromisoformat(container["lastModified"]).timestamp()}


def epoch_http_date(epoch_seconds: float) -> str:
    """An epoch time as an HTTP date (RFC 1123)."""
    return http_date(datetime.fromtimestamp(int(epoch_seconds), UTC))


def property_headers(tenant: Tenant, path: Document) -> dict[str, str]:
    """Headers with a path's properties, without its size and its metadata."""
    stored = {name: path["headers"][name] for name in STORED_HEADERS if path["headers"].get(name)}
    return {
        "Content-Type": "application/octet-stream",
        **stored,
        **validators(path),
        "Accept-Ranges": "bytes",
        "x-ms-creation-time": epoch_http_date(path["created"]),
        "x-ms-server-encrypted": "true",
        **({"x-ms-expiry-time": epoch_http_date(path["expires"])} if path.get("expires") else {}),
        **{f"x-ms-{name}": value for name, value in lease_fields(tenant, path).items()},
    }


def lease_fields(tenant: Tenant, path: Document) -> dict[str, str]:
    """`lease-status`, `lease-state` and, while leased, `lease-duration`."""
    fields = leases.status_fields(path["lease"], tenant.clock.timestamp())
    return {f"lease-{name}": value for name, value in fields.items()}


def content_response(call: Call, path: Document, headers: Mapping[str, str]) -> Reply:
    """The bytes of a path, or the range that the call asks for, as a stream."""
    range_header = call.headers.get("x-ms-range") or call.headers.get("range")
    size = int(path["size"])
    start, length = range_start_and_length(range_header, size) if range_header else (0, size)
    sent = {**headers, "Content-Length": str(length)}
    sent |= _range_checksum_headers(call, path, (start, length) if range_header else None)
    if range_header:
        sent["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
    body = contents.open_chunks(call.tenant, str(path["content"]), start, length) if length else None
    return Reply(status=206 if range_header else 200, body=body, headers=sent)


def _range_checksum_headers(call: Call, path: Document, byte_range: tuple[int, int] | None) -> dict[str, str]:
    """The checksum headers of a range on request; 400 for more than 4 MiB or the whole file."""
    requested = [name for name in _RANGE_CHECKSUMS if call.headers.get(name, "").lower() == "true"]
    if not requested:
        return {}
    start, length = byte_range or (0, _MAX_CHECKED_BYTES + 1)
    if length > _MAX_CHECKED_BYTES:
        raise invalid_header(requested[0], call.headers[requested[0]])
    return checksums.requested_range_checksums(
        call.headers, b"".join(contents.open_chunks(call.tenant, str(path["content"]), start, length))
    )


def change_lease(call: Call, address: PathAddress, path: Document) -> Reply:
    """Acquire, renew, change, release or break the lease of a blob or path. Its etag stays the same."""
    action, now = call.headers.get("x-ms-lease-action", "").lower(), call.tenant.clock.timestamp()
    if action not in LEASE_STATUS_CODES:
        raise invalid_header("x-ms-lease-action", action)
    try:
        lease = leases.apply_action(path["lease"], action, lease_request(call), now, call.tenant.clock.new_id)
    except AzureError as error:
        raise conditions.as_blob_error(error) from error
    return lease_response(
        action, lease, now, validators(paths.put_keeping_etag(call.tenant, address, {**path, "lease": lease}))
    )


def with_lease_action(call: Call, path: Document) -> Document:
    """The path with the lease action of an append or flush applied: acquire, renew or release.

    https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/update (x-ms-lease-action)
    """
    action, now = call.headers.get("x-ms-lease-action", "").lower(), call.tenant.clock.timestamp()
    if action not in {"", "acquire", "acquire-release", "auto-renew", "release"}:
        raise invalid_header("x-ms-lease-action", action)
    try:
        if action.startswith("acquire"):
            lease = leases.acquire(path["lease"], lease_request(call), now, call.tenant.clock.new_id())
        else:
            leases.check_lease_id(path["lease"], call.headers.get("x-ms-lease-id"), now)
            lease = leases.renew(path["lease"], lease_request(call), now) if action == "auto-renew" else path["lease"]
    except AzureError as error:
        raise conditions.as_blob_error(error) from error
    return {**path, "lease": leases.no_lease() if action.endswith("release") else lease}


def requested_lease_field(call: Call) -> Document:
    """`{"lease": …}` for the lease that a create call asks for; empty if it asks for none."""
    if "x-ms-proposed-lease-id" not in call.headers:
        return {}
    now = call.tenant.clock.timestamp()
    return {"lease": leases.acquire(leases.no_lease(), lease_request(call), now, call.tenant.clock.new_id())}


def lease_request(call: Call) -> leases.LeaseRequest:
    """The parameters of a lease call, from its headers."""
    period = call.headers.get("x-ms-lease-break-period")
    return leases.LeaseRequest(
        lease_id=call.headers.get("x-ms-lease-id", ""),
        proposed_id=call.headers.get("x-ms-proposed-lease-id", ""),
        duration_seconds=parse_int(call.headers.get("x-ms-lease-duration", "-1"), "x-ms-lease-duration"),
        break_seconds=parse_int(period, "x-ms-lease-break-period") if period else None,
    )


def lease_response(action: str, lease: Document, now: float, headers: Mapping[str, str]) -> Reply:
    """The answer to a lease call."""
    lease_headers = {"x-ms-lease-id": str(lease["id"])} if action in {"acquire", "renew", "change"} else {}
    if action == "break":
        lease_headers = {"x-ms-lease-time": str(leases.remaining_seconds(lease, now))}
    return Reply(status=LEASE_STATUS_CODES[action], headers={**headers, **lease_headers})


def parse_int(text: str, name: str) -> int:
    """An integer in a header or query parameter; 400 if it is none."""
    try:
        return int(text)
    except ValueError as error:
        raise invalid_header(name, text) from error


def invalid_header(name: str, value: str) -> AzureError:
    """400 InvalidHeaderValue."""
    return AzureError(
        status=400,
        code="InvalidHeaderValue",
        message="The value for one of the HTTP headers is not in the correct format.",
        details={"HeaderName": name, "HeaderValue": value},
    )


def range_start_and_length(text: str, size: int) -> tuple[int, int]:
    """Start and length of `bytes=a-b` or `bytes=a-`; 416 otherwise. Suffixes and lists are not supported."""
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", text.strip())
    if match is None or int(match[1]) >= size:
        message = "The range specified is invalid for the current size of the resource."
        headers = {"Content-Range": f"bytes */{size}"}
        raise AzureError(status=416, code="InvalidRange", message=message, headers=headers)
    start = int(match[1])
    end = min(int(match[2]), size - 1) if match[2] else size - 1
    return start, max(0, end - start + 1)


def is_metadata_name(name: str) -> bool:
    """Whether a name of metadata is a C# identifier, as Azure requires."""
    return bool(re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII))


def encode_marker(name: str) -> str:
    """The marker of a page that begins after this name."""
    return base64.b64encode(name.encode()).decode()


def decode_marker(marker: str, invalid: AzureError) -> str:
    """The name in a marker; raises `invalid` if it is none."""
    try:
        return base64.b64decode(marker, validate=True).decode()
    except ValueError as error:
        raise invalid from error
