"""Checksums that the storage services reckon: MD5, and CRC-64 with the polynomial that the SDKs have for it.

https://learn.microsoft.com/rest/api/storageservices/get-blob (x-ms-range-get-content-md5, x-ms-range-get-content-crc64)
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from localazure.app.call import AzureError

if TYPE_CHECKING:
    from collections.abc import Mapping

_CRC = "x-ms-content-crc64"
_POLYNOMIAL = 0x9A6C9329AC4BC9B5
_ALL = (1 << 64) - 1


def check(headers: Mapping[str, str], data: bytes) -> dict[str, str]:
    """The checksum of a body that an answer tells; 400 when it is not what the call says."""
    for name, code, reckon in (("content-md5", "Md5Mismatch", md5), (_CRC, "Crc64Mismatch", crc64)):
        if name in headers and headers[name] != reckon(data):
            kind = code.removesuffix("Mismatch").upper()
            message = (
                f"The {kind} value specified in the request did not match with the {kind} value calculated by the "
                "server."
            )
            raise AzureError(status=400, code=code, message=message)
    return {_CRC: headers[_CRC]} if _CRC in headers else {"Content-MD5": md5(data)}


def of_list(headers: Mapping[str, str], data: bytes) -> dict[str, str]:
    """The checksum of a list of blocks, not of the blob: the CRC-64 unless the call has the MD5; 400 as above.

    https://learn.microsoft.com/rest/api/storageservices/put-block-list
    """
    told = check(headers, data)
    return told if {"content-md5", _CRC} & headers.keys() else {_CRC: crc64(data)}


def of_range(headers: Mapping[str, str], data: bytes) -> dict[str, str]:
    """The checksums of a range that its reader asks for."""
    told = {"Content-MD5": md5, _CRC: crc64}
    asked = {"Content-MD5": "x-ms-range-get-content-md5", _CRC: "x-ms-range-get-content-crc64"}
    return {name: reckon(data) for name, reckon in told.items() if headers.get(asked[name], "").lower() == "true"}


def md5(data: bytes) -> str:
    """In base64, as headers have it."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def crc64(data: bytes) -> str:
    """In base64 of its little-endian bytes, as headers have it; a mebibyte takes a tenth of a second."""
    register, table = _ALL, _TABLE
    for byte in data:
        register = table[(register ^ byte) & 0xFF] ^ (register >> 8)
    return base64.b64encode((register ^ _ALL).to_bytes(8, "little")).decode()


def _entry(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
    return value


_TABLE = tuple(_entry(value) for value in range(256))
