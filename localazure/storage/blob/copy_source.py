"""The blob that a copying call names in x-ms-copy-source, if its caller may read it.

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
from localazure.storage.data.path_answers import byte_range, invalid_header
from localazure.storage.data.paths import SUPER_USER, Place
from localazure.storage.data.storage_access import ACCOUNTS, READ, container_scope

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.storage.data.storage_access import Visit

HEADER = "x-ms-copy-source"


def find(call: Call, at: Visit) -> Document:
    """From any account of the tenant that the caller may read; 404 CannotVerifyCopySource otherwise."""
    try:
        source = urlsplit(call.headers[HEADER])
    except ValueError as wrong:
        raise invalid_header(HEADER, call.headers[HEADER]) from wrong
    name = str(source.hostname).partition(".")[0]
    account = resources.named(at.world, ACCOUNTS, name)
    container, _, path = unquote(source.path).lstrip("/").partition("/")
    flat = account is not None and not account["properties"].get("isHnsEnabled")
    place = Place(account=name, container=container, path=path if flat else path.strip("/"))
    found = paths.find(at.world, place) if account else None
    if account is None or found is None or found["directory"] or not _may_read(at, account, place, source.query):
        raise error(404, "CannotVerifyCopySource")
    conditions.check_write(call.headers, found, error(412, "BlobAlreadyExists"), prefix="x-ms-source-")
    return found


def filled(call: Call, at: Visit) -> Call:
    """The call with the source's bytes, or the range of them that it asks for, as if it had brought them itself."""
    if HEADER not in call.headers:
        return call
    found, asked = find(call, at), call.headers.get("x-ms-source-range")
    size = int(found["size"])
    start, length = byte_range(asked, size) if asked else (0, size)
    body = b"".join(contents.read(at.world, str(found["content"]), start, length))
    said = {"content-md5": "x-ms-source-content-md5", "x-ms-content-crc64": "x-ms-source-content-crc64"}
    given = {name: call.headers[sent] for name, sent in said.items() if sent in call.headers}
    return replace(call, body=body, headers={**call.headers, **given})


def _may_read(at: Visit, account: Document, source: Place, query: str) -> bool:
    """With what the source's own address is signed with, with the key of its account, or by a role."""
    signed = {name.lower(): value for name, value in parse_qsl(query)}
    if "sig" in signed:
        where = {"container": source.container, "path": source.path}
        asked = replace(at.call, query=signed, params=where, path=f"/{source.container}/{source.path}", method="GET")
        return "r" in shared_access.check(asked, account)
    if at.who == SUPER_USER:
        return at.letters is None and account["id"] == at.account["id"]
    return access.allows(at.world, at.who, READ, container_scope(account, source.container), data=True)
