"""When a file of a hierarchical account ends: asked for at its creation or later, and then it is gone.

https://learn.microsoft.com/rest/api/storageservices/set-blob-expiry
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from localazure.storage.data import path_answers

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

_LATEST = 253_402_300_800  # the end of the year 9999


def asked(call: Call, created: float) -> Document:
    """`expires`, in seconds since the epoch or None for never; nothing where the call does not speak of it."""
    option, text = call.headers.get("x-ms-expiry-option", "").lower(), call.headers.get("x-ms-expiry-time", "")
    now = call.world.clock.timestamp()
    if not option:
        return {}
    if option == "neverexpire":
        return {"expires": None}
    if option == "absolute":
        ends = _moment(text)
    elif option in {"relativetonow", "relativetocreation"}:
        since = now if option == "relativetonow" else created
        ends = since + min(path_answers.number(text, "x-ms-expiry-time"), _LATEST * 1000) / 1000
    else:
        raise path_answers.invalid_header("x-ms-expiry-option", option)
    if not now < ends < _LATEST:
        raise path_answers.invalid_header("x-ms-expiry-time", text)
    return {"expires": ends}


def _moment(text: str) -> float:
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError as error:
        raise path_answers.invalid_header("x-ms-expiry-time", text) from error
