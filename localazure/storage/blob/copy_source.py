"""The source blob of a copy, which the call names in x-ms-copy-source, if its caller may read it.

https://learn.microsoft.com/rest/api/storageservices/copy-blob, …/put-blob-from-url, …/put-block-from-url
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from localazure.app import contents
from localazure.app.resource_manager import resources
from localazure.rbac import access
from localazure.storage.blob.blob_wire import error
from localazure.storage.data import conditions, paths, shared_access
from localazure.storage.data.path_responses import invalid_header, range_start_and_length
from localazure.storage.data.paths import SUPER_USER, PathAddress
from localazure.storage.data.storage_access import ACCOUNTS, READ, container_scope, public_access

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.storage.data.storage_access import AuthorizedRequest

HEADER = "x-ms-copy-source"
_DOMAINS = frozenset({"blob.core.windows.net", "dfs.core.windows.net"})


def require_source(call: Call, request: AuthorizedRequest) -> Document:
    """The source blob, in any account of the tenant; 404 CannotVerifyCopySource if it is absent or not readable.

    403 if the signature in its URL is invalid, 412 unless the conditions on the source are met, 400 for an address that
    cannot be parsed.
    """
    try:
        source = urlsplit(call.headers[HEADER])
    except ValueError as wrong:
        raise invalid_header(HEADER, call.headers[HEADER]) from wrong
    name, _, domain = str(source.hostname).partition(".")
    is_local = source.scheme == "https" and domain in _DOMAINS  # another host is one that the local Azure never asks
    account = resources.find_by_name(request.tenant, ACCOUNTS, name) if is_local else None
    container, _, path = unquote(source.path).lstrip("/").partition("/")
    is_flat = account is not None and not account["properties"].get("isHnsEnabled")
    address = PathAddress(account=name, container=container, path=path if is_flat else path.strip("/"))
    blob = paths.find(request.tenant, address) if account else None
    if account is None or blob is None or blob["directory"]:
        raise error(404, "CannotVerifyCopySource")
    _require_readable(request, account, address, source.query)
    conditions.check_write(call.headers, blob, error(412, "BlobAlreadyExists"), prefix="x-ms-source-")
    return blob


def with_source_content(call: Call, request: AuthorizedRequest) -> Call:
    """The call with the source's bytes, or the range of them that it names, as its body.

    The call itself if it names no source; 416 for a range outside it.
    """
    if HEADER not in call.headers:
        return call
    blob, range_header = require_source(call, request), call.headers.get("x-ms-source-range")
    size = int(blob["size"])
    start, length = range_start_and_length(range_header, size) if range_header else (0, size)
    body = b"".join(contents.open_chunks(request.tenant, str(blob["content"]), start, length))
    checksum_headers = {"content-md5": "x-ms-source-content-md5", "x-ms-content-crc64": "x-ms-source-content-crc64"}
    checksums = {name: call.headers[sent] for name, sent in checksum_headers.items() if sent in call.headers}
    return replace(call, body=body, headers={**call.headers, **checksums})


def _require_readable(request: AuthorizedRequest, account: Document, source: PathAddress, query: str) -> None:
    """404 CannotVerifyCopySource unless the caller may read the source, 403 if the signature in its URL is invalid.

    That signature decides if there is one, else the container's public access, the same account's key or a role.
    """
    parameters = {name.lower(): value for name, value in parse_qsl(query)}
    if "sig" in parameters:
        path_params = {"container": source.container, "path": source.path}
        source_call = replace(
            request.call, query=parameters, params=path_params, path=f"/{source.container}/{source.path}", method="GET"
        )
        readable = "r" in shared_access.verified_permissions(source_call, account)
    elif public_access(request.tenant, account, source.container) in {"Blob", "Container"}:
        readable = True
    elif request.caller_id == SUPER_USER:
        readable = request.sas_permissions is None and account["id"] == request.account["id"]
    else:
        readable = access.is_principal_allowed(
            request.tenant, request.caller_id, READ, container_scope(account, source.container), data=True
        )
    if not readable:
        raise error(404, "CannotVerifyCopySource")
