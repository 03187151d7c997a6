"""How Data Lake Storage writes: JSON errors, listings with strings, properties in base64."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Call, Reply
from localazure.storage.data import acl, checksums, path_answers
from localazure.storage.data.containers import http_date
from localazure.storage.data.path_answers import invalid_header, is_metadata_name, number

if TYPE_CHECKING:
    from localazure.app.store import Document
    from localazure.app.world import World
    from localazure.storage.data.paths import Place

from datetime import datetime

_PAGE = 5000
_FILETIME_EPOCH_SECONDS = 11_644_473_600
# The Blob service's names for what this endpoint calls otherwise.
_CODES = {
    "ContainerNotFound": ("FilesystemNotFound", "The specified filesystem does not exist."),
    "ContainerAlreadyExists": ("FilesystemAlreadyExists", "The specified filesystem already exists."),
}
_MESSAGES = {
    "DirectoryNotEmpty": "The recursive query parameter value must be true to delete a non-empty directory.",
    "HierarchicalNamespaceNotEnabled": "Hierarchical namespace is not enabled for this account.",
    "InvalidFlushPosition": "The uploaded data is not contiguous or the position query parameter value is not equal to "
    "the length of the file after appending the uploaded data.",
    "InvalidPropertyName": "A property name is invalid: it must be a C# identifier.",
    "InvalidRenameSourcePath": "The source directory cannot be the same as the destination directory, nor can the "
    "destination be a subdirectory of the source directory.",
    "InvalidResourceName": "The specified resource name contains invalid characters.",
    "InvalidSourceOrDestinationResourceType": "The source and destination resource type must be identical.",
    "InvalidUri": "The request URI is invalid.",
    "MissingRequiredQueryParameter": "A query parameter that's mandatory for this request is not specified.",
    "PathConflict": "The specified path, or an element of the path, exists and its resource type is invalid for this "
    "operation.",
    "RenameDestinationParentPathNotFound": "The parent directory of the destination path does not exist.",
}
_CONTENT_HEADERS = {
    "x-ms-cache-control": "Cache-Control",
    "x-ms-content-type": "Content-Type",
    "x-ms-content-disposition": "Content-Disposition",
    "x-ms-content-encoding": "Content-Encoding",
    "x-ms-content-language": "Content-Language",
    "x-ms-content-md5": "Content-MD5",
}


def render(call: Call, failed: AzureError) -> Reply:
    """`{"error": {"code", "message"}}`, the code in a header and the message in the status line; a HEAD has no body."""
    code, message = _CODES.get(failed.code, (failed.code, failed.message))
    headers = {**failed.headers, **path_answers.version(call), "x-ms-error-code": code}
    if call.method == "HEAD" or failed.status == 304:
        return Reply(status=failed.status, headers=headers, phrase=message)
    stamp = call.world.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
    text = f"{message}\nRequestId:{call.request_id}\nTime:{stamp}"
    shown = {"code": code, "message": text} | ({"detail": dict(failed.details)} if failed.details else {})
    return Reply(status=failed.status, body={"error": shown}, headers=headers, phrase=message)


def error(status: int, code: str) -> AzureError:
    """An error whose sentence is known by its code."""
    return AzureError(status=status, code=code, message=_MESSAGES[code])


def not_found() -> AzureError:
    """404 PathNotFound."""
    return AzureError(status=404, code="PathNotFound", message="The specified path does not exist.")


def path_exists() -> AzureError:
    """409 PathAlreadyExists."""
    return AzureError(status=409, code="PathAlreadyExists", message="The specified path already exists.")


def invalid_query(name: str, value: str) -> AzureError:
    """The 400 for a query item that makes no sense, or is missing."""
    if not value:
        return error(400, "MissingRequiredQueryParameter")
    message = "Value for one of the query parameters specified in the request URI is invalid."
    details = {"QueryParameterName": name, "QueryParameterValue": value}
    return AzureError(status=400, code="InvalidQueryParameterValue", message=message, details=details)


def flag(call: Call, name: str) -> bool:
    """A query item that is true or false; names arrive in lower case."""
    return call.query.get(name.lower(), "").lower() == "true"


def position(call: Call) -> int:
    """The `position` of an append or flush."""
    text = call.query.get("position", "")
    if not text.isdecimal():
        raise invalid_query("position", text)
    return int(text)


def check_name(place: Place) -> None:
    """400 for a path that is too long, too deep, or has a segment that ends with a dot.

    https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    """
    segments = place.path.split("/")
    if not place.path or len(place.path) > 1024 or len(segments) > 254 or any(s in {".", ".."} for s in segments):
        raise error(400, "InvalidResourceName")


def check_body(call: Call) -> None:
    """400 for an append without bytes, or with other bytes than its checksum says."""
    if not call.body:
        raise invalid_header("Content-Length", "0")
    checksums.check(call.headers, call.body)


def metadata(call: Call) -> dict[str, str]:
    """x-ms-properties: `name=base64,name=base64`."""
    found: dict[str, str] = {}
    text = call.headers.get("x-ms-properties", "")
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = item.partition("=")
        if not is_metadata_name(name.strip()):
            raise error(400, "InvalidPropertyName")
        try:
            found[name.strip()] = base64.b64decode(value, validate=True).decode("latin-1")
        except ValueError as wrong:
            raise invalid_header("x-ms-properties", text) from wrong
    return found


def metadata_header(document: Document) -> dict[str, str]:
    """The same the other way; no header without metadata."""
    items = [f"{k}={base64.b64encode(v.encode('latin-1')).decode()}" for k, v in document["metadata"].items()]
    return {"x-ms-properties": ",".join(items)} if items else {}


def given(call: Call, *, keep: Document | None = None, replaces: bool = False) -> Document:
    """What a create, flush or set-properties call says about a path; `keep` is what it has already.

    Azure: setProperties removes the metadata that it does not name; a flush never touches it.
    """
    headers = {name: call.headers[sent] for sent, name in _CONTENT_HEADERS.items() if sent in call.headers}
    if keep is None:
        return {"headers": headers, "metadata": metadata(call)}
    merged: Document = {"headers": {**keep["headers"], **headers}}
    return {**merged, "metadata": metadata(call)} if replaces else merged


def given_access(call: Call, *, directory: bool, inherits: bool) -> Document:
    """What a create call says about owner and access; default entries of the directory above outdo its umask."""
    wanted: Document = {
        kind: call.headers[f"x-ms-{kind}"] for kind in ("owner", "group") if f"x-ms-{kind}" in call.headers
    }
    if "x-ms-acl" in call.headers:
        return {**wanted, **_access(call.headers["x-ms-acl"])}
    if "x-ms-permissions" in call.headers or ("x-ms-umask" in call.headers and not inherits):
        permissions = call.headers.get("x-ms-permissions", "0777" if directory else "0666")
        nine = acl.symbolic(permissions, call.headers.get("x-ms-umask", "0027"))
        return {**wanted, "permissions": nine, "acl": acl.of_permissions(nine)}
    return wanted


def wanted_access(call: Call, found: Document, mode: str = "set") -> Document:
    """What a set-access-control call makes of a path."""
    wanted: Document = {
        kind: call.headers[f"x-ms-{kind}"] for kind in ("owner", "group") if f"x-ms-{kind}" in call.headers
    }
    if "x-ms-acl" in call.headers:
        return {**wanted, **_access(acl.changed(str(found["acl"]), call.headers["x-ms-acl"], mode))}
    if "x-ms-permissions" in call.headers:
        nine = acl.symbolic(call.headers["x-ms-permissions"])
        return {**wanted, "permissions": nine, "acl": acl.of_permissions(nine)}
    return wanted


def _access(entries: str) -> Document:
    text = acl.changed("", entries, "set")
    return {"acl": text, "permissions": acl.permissions_of(text)}


def path_headers(world: World, found: Document, action: str) -> dict[str, str]:
    """Headers of a HEAD or GET: all, the status alone, or who may use it."""
    whose = {
        "x-ms-owner": str(found["owner"]),
        "x-ms-group": str(found["group"]),
        "x-ms-permissions": str(found["permissions"]),
    }
    if action == "getaccesscontrol":
        return {**path_answers.stamps(found), **whose, "x-ms-acl": str(found["acl"])}
    kind = {"x-ms-resource-type": "directory" if found["directory"] else "file"}
    size = {"Content-Length": str(found["size"])}
    shown = {**path_answers.properties(world, found), **size, **kind, **whose}
    return shown if action == "getstatus" else {**shown, **metadata_header(found)}


def filesystem_headers(document: Document) -> dict[str, str]:
    """ETag and Last-Modified."""
    return path_answers.stamps(as_path(document))


def as_path(document: Document) -> Document:
    """A container as conditions look at it."""
    return {**document, "modified": datetime.fromisoformat(document["lastModified"]).timestamp()}


def filesystem_entry(document: Document) -> dict[str, str]:
    """A line of the list of filesystems."""
    changed = datetime.fromisoformat(document["lastModified"])
    return {"name": document["name"], "lastModified": http_date(changed), "etag": document["etag"]}


def path_entry(found: Document) -> dict[str, str]:
    """A line of the list of paths: strings throughout, `isDirectory` for directories only, the etag bare."""
    kind = {"isDirectory": "true"} if found["directory"] else {}
    return {
        "contentLength": str(found["size"]),
        "creationTime": _filetime(found["created"]),
        **({"expiryTime": _filetime(found["expires"])} if found.get("expires") else {}),
        "etag": str(found["etag"]).strip('"'),
        "group": found["group"],
        **kind,
        "lastModified": path_answers.moment(found["modified"]),
        "name": found["name"],
        "owner": found["owner"],
        "permissions": found["permissions"],
    }


def _filetime(epoch_seconds: float) -> str:
    """Ticks of 100 ns since 1601."""
    return str(int((epoch_seconds + _FILETIME_EPOCH_SECONDS) * 10_000_000))


def direct_children(found: list[Document], top: Place) -> list[Document]:
    """What lies in a directory itself; in a flat account a directory may exist by its contents alone."""
    depth = len(top.path) + 1 if top.path else 0
    children: dict[str, Document] = {}
    for each in found:
        first, slash, _ = str(each["name"])[depth:].partition("/")
        name = str(each["name"])[:depth] + first
        if slash:
            children.setdefault(name, {**each, "name": name, "directory": True, "size": 0})
        else:
            children[name] = each
    return [children[name] for name in sorted(children)]


def begun(call: Call, found: list[Document], top: Place) -> list[Document]:
    """From `beginFrom` on, a path below the directory; only one level of it where the list has one.

    https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/list
    """
    first = call.query.get("beginfrom", "").strip("/")
    if "/" in first and not flag(call, "recursive"):
        raise invalid_query("beginFrom", first)
    start = f"{top.path}/{first}" if top.path else first
    return [document for document in found if not first or str(document["name"]) >= start]


def page(
    call: Call, found: list[Document], *, size: str = "maxResults", most: int = _PAGE
) -> tuple[list[Document], dict[str, str]]:
    """One page, by name, and the header that leads to the next; `size` is the query item that limits it."""
    limit = min(number(call.query.get(size.lower(), str(most)), size), most)
    if limit < 1:
        raise invalid_query(size, str(limit))
    after = _unmark(call.query.get("continuation", ""))
    rest = [document for document in found if not after or str(document["name"]) > after]
    if len(rest) <= limit:
        return rest, {}
    return rest[:limit], {"x-ms-continuation": _mark(str(rest[limit - 1]["name"]))}


def _mark(name: str) -> str:
    return base64.b64encode(name.encode()).decode()


def _unmark(token: str) -> str:
    try:
        return base64.b64decode(token, validate=True).decode()
    except ValueError as wrong:
        raise invalid_query("continuation", token) from wrong
