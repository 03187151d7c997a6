"""Expiry of a file in a hierarchical account: set at its creation or later; an expired file is gone.

https://learn.microsoft.com/rest/api/storageservices/set-blob-expiry
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from localazure.storage.data import path_responses

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

_MAX_EPOCH_SECONDS = 253_402_300_800  # the end of the year 9999


def requested_expiry(call: Call, created: float) -> Document:
    """`{"expires": epoch seconds, or None for never}`; empty if the call does not set it, 400 if it is invalid."""
    option, text = call.headers.get("x-ms-expiry-option", "").lower(), call.headers.get("x-ms-expiry-time", "")
    now = call.tenant.clock.timestamp()
    if not option:
        return {}
    if option == "neverexpire":
        return {"expires": None}
    if option == "absolute":
        expires = _parse_date(text)
    elif option in {"relativetonow", "relativetocreation"}:
        start = now if option == "relativetonow" else created
        expires = start + min(path_responses.parse_int(text, "x-ms-expiry-time"), _MAX_EPOCH_SECONDS * 1000) / 1000
    else:
        raise path_responses.invalid_header("x-ms-expiry-option", option)
    if not now < expires < _MAX_EPOCH_SECONDS:
        raise path_responses.invalid_header("x-ms-expiry-time", text)
    return {"expires": expires}


def _parse_date(text: str) -> float:
    """An HTTP date in epoch seconds; 400 if malformed."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError as error:
        raise path_responses.invalid_header("x-ms-expiry-time", text) from error
