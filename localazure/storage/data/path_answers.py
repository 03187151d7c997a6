"""What the dfs and the blob endpoint say alike about a path: its properties, ranges of its bytes, its lease."""

from __future__ import annotations

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
    from localazure.app.world import World
    from localazure.storage.data.paths import Place

VERSION = "2025-11-05"
STORED_HEADERS = (
    "Content-Type",
    "Content-Encoding",
    "Content-Language",
    "Content-Disposition",
    "Cache-Control",
    "Content-MD5",
)
LEASE_STATUS = {"acquire": 201, "renew": 200, "change": 200, "release": 200, "break": 202}
_RANGE_CHECKSUMS = ("x-ms-range-get-content-md5", "x-ms-range-get-content-crc64")
_MOST_CHECKED = 4 << 20
_ACTIONS = {"renew": leases.renew, "change": leases.change, "release": leases.release, "break": leases.break_}


def versioned(handler: Handler) -> Handler:
    """The same with x-ms-version, which both endpoints put into every answer."""

    def answer(call: Call) -> Reply:
        reply = handler(call)
        return replace(reply, headers={**version(call), **reply.headers})

    return answer


def version(call: Call) -> dict[str, str]:
    """The version that the call asks for is the one it is answered in."""
    return {"x-ms-version": call.headers.get("x-ms-version", VERSION)}


def stamps(found: Document) -> dict[str, str]:
    """ETag and Last-Modified."""
    return {"ETag": str(found["etag"]), "Last-Modified": moment(found["modified"])}


def moment(epoch_seconds: float) -> str:
    """RFC 1123."""
    return http_date(datetime.fromtimestamp(int(epoch_seconds), UTC))


def properties(world: World, found: Document) -> dict[str, str]:
    """Headers that describe a path, its size and user's metadata not among them."""
    stored = {name: found["headers"][name] for name in STORED_HEADERS if found["headers"].get(name)}
    return {
        "Content-Type": "application/octet-stream",
        **stored,
        **stamps(found),
        "Accept-Ranges": "bytes",
        "x-ms-creation-time": moment(found["created"]),
        "x-ms-server-encrypted": "true",
        **({"x-ms-expiry-time": moment(found["expires"])} if found.get("expires") else {}),
        **{f"x-ms-{name}": value for name, value in lease_state(world, found).items()},
    }


def lease_state(world: World, found: Document) -> dict[str, str]:
    """`lease-status`, `lease-state` and, while leased, `lease-duration`."""
    held, now = found["lease"], world.clock.timestamp()
    state = leases.state(held, now)
    shown = {"lease-status": "locked" if leases.is_held(held, now) else "unlocked", "lease-state": state}
    if state == "leased":
        shown["lease-duration"] = "infinite" if held["duration"] == leases.INFINITE else "fixed"
    return shown


def content(call: Call, found: Document, headers: Mapping[str, str]) -> Reply:
    """The bytes, or the range of them that is asked for, as a stream."""
    asked = call.headers.get("x-ms-range") or call.headers.get("range")
    size = int(found["size"])
    start, length = byte_range(asked, size) if asked else (0, size)
    sent = {**headers, "Content-Length": str(length)}
    sent |= _checksums(call, found, (start, length) if asked else None)
    if asked:
        sent["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
    body = contents.read(call.world, str(found["content"]), start, length) if length else None
    return Reply(status=206 if asked else 200, body=body, headers=sent)


def _checksums(call: Call, found: Document, piece: tuple[int, int] | None) -> dict[str, str]:
    """Of a range, on demand; 400 for a large one, and for the whole, whose own MD5 is kept."""
    asked = [name for name in _RANGE_CHECKSUMS if call.headers.get(name, "").lower() == "true"]
    if not asked:
        return {}
    start, length = piece or (0, _MOST_CHECKED + 1)
    if length > _MOST_CHECKED:
        raise invalid_header(asked[0], call.headers[asked[0]])
    return checksums.of_range(call.headers, b"".join(contents.read(call.world, str(found["content"]), start, length)))


def change_lease(call: Call, place: Place, found: Document) -> Reply:
    """Acquire, renew, change, release or break the lease of a blob or path; its etag stays as it is."""
    action, now = call.headers.get("x-ms-lease-action", "").lower(), call.world.clock.timestamp()
    if action not in LEASE_STATUS:
        raise invalid_header("x-ms-lease-action", action)
    try:
        if action == "acquire":
            held = leases.acquire(found["lease"], lease_request(call), now, call.world.clock.new_id())
        else:
            held = _ACTIONS[action](found["lease"], lease_request(call), now)
    except AzureError as error:
        raise conditions.of_blob(error) from error
    return lease_reply(action, held, now, stamps(paths.keep(call.world, place, {**found, "lease": held})))


def leased_meanwhile(call: Call, found: Document) -> Document:
    """A path as an append or flush leaves its lease: taken, prolonged or given back with the same call.

    https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/update (x-ms-lease-action)
    """
    action, now = call.headers.get("x-ms-lease-action", "").lower(), call.world.clock.timestamp()
    if action not in {"", "acquire", "acquire-release", "auto-renew", "release"}:
        raise invalid_header("x-ms-lease-action", action)
    try:
        if action.startswith("acquire"):
            held = leases.acquire(found["lease"], lease_request(call), now, call.world.clock.new_id())
        else:
            leases.check(found["lease"], call.headers.get("x-ms-lease-id"), now)
            held = leases.renew(found["lease"], lease_request(call), now) if action == "auto-renew" else found["lease"]
    except AzureError as error:
        raise conditions.of_blob(error) from error
    return {**found, "lease": leases.none() if action.endswith("release") else held}


def first_lease(call: Call) -> Document:
    """The lease that a call makes a path with; nothing if it asks for none."""
    if "x-ms-proposed-lease-id" not in call.headers:
        return {}
    now = call.world.clock.timestamp()
    return {"lease": leases.acquire(leases.none(), lease_request(call), now, call.world.clock.new_id())}


def lease_request(call: Call) -> leases.LeaseRequest:
    """What the headers of a lease call ask for."""
    period = call.headers.get("x-ms-lease-break-period")
    return leases.LeaseRequest(
        lease_id=call.headers.get("x-ms-lease-id", ""),
        proposed_id=call.headers.get("x-ms-proposed-lease-id", ""),
        duration_seconds=number(call.headers.get("x-ms-lease-duration", "-1"), "x-ms-lease-duration"),
        break_seconds=number(period, "x-ms-lease-break-period") if period else None,
    )


def lease_reply(action: str, held: Document, now: float, headers: Mapping[str, str]) -> Reply:
    """The answer to a lease call."""
    more = {"x-ms-lease-id": str(held["id"])} if action in {"acquire", "renew", "change"} else {}
    if action == "break":
        more = {"x-ms-lease-time": str(leases.remaining_seconds(held, now))}
    return Reply(status=LEASE_STATUS[action], headers={**headers, **more})


def number(text: str, name: str) -> int:
    """A whole number out of a header or query item; 400 otherwise."""
    try:
        return int(text)
    except ValueError as error:
        raise invalid_header(name, text) from error


def invalid_header(name: str, value: str) -> AzureError:
    """The 400 for a header that makes no sense."""
    return AzureError(
        status=400,
        code="InvalidHeaderValue",
        message="The value for one of the HTTP headers is not in the correct format.",
        details={"HeaderName": name, "HeaderValue": value},
    )


def byte_range(asked: str, size: int) -> tuple[int, int]:
    """Start and length. The services know `bytes=a-b` and `bytes=a-`, no suffixes and no lists."""
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", asked.strip())
    if found is None or int(found[1]) >= size:
        message = "The range specified is invalid for the current size of the resource."
        more = {"Content-Range": f"bytes */{size}"}
        raise AzureError(status=416, code="InvalidRange", message=message, headers=more)
    start = int(found[1])
    end = min(int(found[2]), size - 1) if found[2] else size - 1
    return start, max(0, end - start + 1)


def is_metadata_name(name: str) -> bool:
    """A C# identifier."""
    return bool(re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII))
