"""Shared Key signatures of the storage services: the string to sign, and whether a signature is valid.

https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
"""

from __future__ import annotations

import hmac
from itertools import product
from typing import TYPE_CHECKING
from urllib.parse import quote

from localazure.storage.data.shared_access import sign

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from localazure.app.call import Call

_SIGNED_HEADERS = (
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
_SAFE_CHARACTERS = ("~/", "/~!$&'()*+,;=:@", "/~()*!.'", "/~$")


def is_valid_signature(call: Call, account: str, signature: str, keys: Iterable[str]) -> bool:
    """Whether the signature of a request was made with one of the account's base64 keys."""
    sent = signature.encode()
    return any(
        hmac.compare_digest(sign(key, text).encode(), sent)
        for key, text in product(keys, _strings_to_sign(call, account))
    )


def _strings_to_sign(call: Call, account: str) -> Iterator[str]:
    """The strings to sign of a call, for each way in which clients encode paths and order headers."""
    values = {name: call.headers.get(name, "") for name in _SIGNED_HEADERS}
    if values["content-length"] == "0":
        values["content-length"] = ""
    head = "\n".join([call.method, *values.values()]) + "\n"
    tail = "".join(f"\n{name.lower()}:{value}" for name, value in sorted(call.query.items()))
    for headers, safe in product(_canonical_headers(call), _SAFE_CHARACTERS):
        yield f"{head}{headers}/{account}{quote(call.path, safe=safe)}{tail}"


def _canonical_headers(call: Call) -> list[str]:
    """The x-ms- headers ordered by code point, and as the service does, which ignores hyphens."""
    names = [name for name in call.headers if name.startswith("x-ms-")]
    orders = (sorted(names), sorted(names, key=lambda name: (name.replace("-", ""), name)))
    return ["".join(f"{name}:{call.headers[name].strip()}\n" for name in order) for order in orders]
