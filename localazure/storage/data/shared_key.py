"""Shared Key signatures of the storage services: the string that a request signs, and whether the signature fits.

https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from itertools import product
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from localazure.app.call import Call

_SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)
# The signed path is the one that was sent; decoded paths are encoded again in the ways that clients encode them.
_SAFE = ("~/", "/~!$&'()*+,;=:@", "/~()*!.'", "/~$")


def fits(call: Call, account: str, signature: str, keys: Iterable[str]) -> bool:
    """Whether one of the account's keys (base64) made the signature of this request."""
    sent = signature.encode()
    return any(
        hmac.compare_digest(_sign(key, text), sent) for key, text in product(keys, _strings_to_sign(call, account))
    )


def _sign(key: str, text: str) -> bytes:
    return base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest())


def _strings_to_sign(call: Call, account: str) -> Iterator[str]:
    values = {name: call.headers.get(name, "") for name in _SIGNED}
    if values["content-length"] == "0":
        values["content-length"] = ""
    head = "\n".join([call.method, *values.values()]) + "\n"
    tail = "".join(f"\n{name.lower()}:{value}" for name, value in sorted(call.query.items()))
    for headers, safe in product(_canonical_headers(call), _SAFE):
        yield f"{head}{headers}/{account}{quote(call.path, safe=safe)}{tail}"


def _canonical_headers(call: Call) -> list[str]:
    """The x-ms- headers in the order of the code points and in that of the service, which passes over hyphens."""
    names = [name for name in call.headers if name.startswith("x-ms-")]
    orders = (sorted(names), sorted(names, key=lambda name: (name.replace("-", ""), name)))
    return ["".join(f"{name}:{call.headers[name].strip()}\n" for name in order) for order in orders]
