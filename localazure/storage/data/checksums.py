"""Checksums of the storage services: MD5, and CRC-64 with the polynomial of the SDKs.

https://learn.microsoft.com/rest/api/storageservices/get-blob (x-ms-range-get-content-md5,
x-ms-range-get-content-crc64)
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from localazure.app.call import AzureError

if TYPE_CHECKING:
    from collections.abc import Mapping

_CRC64_HEADER = "x-ms-content-crc64"
_POLYNOMIAL = 0x9A6C9329AC4BC9B5
_MASK = (1 << 64) - 1


def verified_checksum_header(headers: Mapping[str, str], data: bytes) -> dict[str, str]:
    """Compare a body with the checksum in the headers; 400 if they differ.

    Returns the checksum header of the answer.
    """
    for name, code, compute in (
        ("content-md5", "Md5Mismatch", base64_md5),
        (_CRC64_HEADER, "Crc64Mismatch", base64_crc64),
    ):
        if name in headers and headers[name] != compute(data):
            kind = code.removesuffix("Mismatch").upper()
            message = (
                f"The {kind} value specified in the request did not match with the {kind} value calculated by the "
                "server."
            )
            raise AzureError(status=400, code=code, message=message)
    return {_CRC64_HEADER: headers[_CRC64_HEADER]} if _CRC64_HEADER in headers else {"Content-MD5": base64_md5(data)}


def verified_block_list_header(headers: Mapping[str, str], data: bytes) -> dict[str, str]:
    """Compare a block list (not the blob) with the checksum in the headers; 400 if they differ.

    Returns the CRC-64 unless the call has the MD5. https://learn.microsoft.com/rest/api/storageservices/put-block-list
    """
    verified = verified_checksum_header(headers, data)
    return verified if {"content-md5", _CRC64_HEADER} & headers.keys() else {_CRC64_HEADER: base64_crc64(data)}


def requested_range_checksums(headers: Mapping[str, str], data: bytes) -> dict[str, str]:
    """The checksum headers of a range that the reader asks for."""
    functions = {"Content-MD5": base64_md5, _CRC64_HEADER: base64_crc64}
    request_headers = {"Content-MD5": "x-ms-range-get-content-md5", _CRC64_HEADER: "x-ms-range-get-content-crc64"}
    return {
        name: compute(data)
        for name, compute in functions.items()
        if headers.get(request_headers[name], "").lower() == "true"
    }


def base64_md5(data: bytes) -> str:
    """MD5 in base64, as in headers."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def base64_crc64(data: bytes) -> str:
    """CRC-64, little-endian in base64, as in headers. A mebibyte takes a tenth of a second."""
    register, table = _MASK, _TABLE
    for byte in data:
        register = table[(register ^ byte) & 0xFF] ^ (register >> 8)
    return base64.b64encode((register ^ _MASK).to_bytes(8, "little")).decode()


def _table_entry(value: int) -> int:
    """One entry of the CRC-64 table."""
    for _ in range(8):
        value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
    return value


_TABLE = tuple(_table_entry(value) for value in range(256))
