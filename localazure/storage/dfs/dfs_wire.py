"""The wire format of Data Lake Storage: JSON errors, lists with strings, properties in base64."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Call, Reply
from localazure.storage.data import acl, checksums, path_responses
from localazure.storage.data.containers import http_date
from localazure.storage.data.path_responses import (
    decode_marker,
    encode_marker,
    invalid_header,
    is_metadata_name,
    parse_int,
)

if TYPE_CHECKING:
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant
    from localazure.storage.data.paths import PathAddress

from datetime import datetime

_MAX_PAGE_SIZE = 5000
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


def render(call: Call, error: AzureError) -> Reply:
    """An error as JSON, its code in a header too and its message in the status line. A HEAD has no body."""
    code, message = _CODES.get(error.code, (error.code, error.message))
    headers = {**error.headers, **path_responses.version_header(call), "x-ms-error-code": code}
    if call.method == "HEAD" or error.status == 304:
        return Reply(status=error.status, headers=headers, reason_phrase=message)
    timestamp = call.tenant.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
    text = f"{message}\nRequestId:{call.request_id}\nTime:{timestamp}"
    body = {"code": code, "message": text} | ({"detail": dict(error.details)} if error.details else {})
    return Reply(status=error.status, body={"error": body}, headers=headers, reason_phrase=message)


def error(status: int, code: str) -> AzureError:
    """An error of Data Lake Storage with the message of its code."""
    return AzureError(status=status, code=code, message=_MESSAGES[code])


def not_found() -> AzureError:
    """404 PathNotFound."""
    return AzureError(status=404, code="PathNotFound", message="The specified path does not exist.")


def path_already_exists() -> AzureError:
    """409 PathAlreadyExists."""
    return AzureError(status=409, code="PathAlreadyExists", message="The specified path already exists.")


def invalid_query(name: str, value: str) -> AzureError:
    """400 for a query parameter that is invalid or missing."""
    if not value:
        return error(400, "MissingRequiredQueryParameter")
    message = "Value for one of the query parameters specified in the request URI is invalid."
    details = {"QueryParameterName": name, "QueryParameterValue": value}
    return AzureError(status=400, code="InvalidQueryParameterValue", message=message, details=details)


def is_query_true(call: Call, query_name: str) -> bool:
    """Whether a query parameter is `true`."""
    return call.query.get(query_name.lower(), "").lower() == "true"


def requested_position(call: Call) -> int:
    """The query parameter `position` of an append or flush; 400 if it is no number."""
    text = call.query.get("position", "")
    if not text.isdecimal():
        raise invalid_query("position", text)
    return int(text)


def check_path_name(address: PathAddress) -> None:
    """400 for a path that is empty, too long, too deep, or has a segment `.` or `..`.

    https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    """
    segments = address.path.split("/")
    if (
        not address.path
        or len(address.path) > 1024
        or len(segments) > 254
        or any(segment in {".", ".."} for segment in segments)
    ):
        raise error(400, "InvalidResourceName")


def check_body(call: Call) -> None:
    """400 for an append without bytes, or with a checksum that does not match."""
    if not call.body:
        raise invalid_header("Content-Length", "0")
    checksums.verified_checksum_header(call.headers, call.body)


def requested_metadata(call: Call) -> dict[str, str]:
    """The metadata in x-ms-properties: `name=base64,name=base64`."""
    values: dict[str, str] = {}
    text = call.headers.get("x-ms-properties", "")
    for pair in filter(None, (item.strip() for item in text.split(","))):
        name, _, value = pair.partition("=")
        if not is_metadata_name(name.strip()):
            raise error(400, "InvalidPropertyName")
        try:
            values[name.strip()] = base64.b64decode(value, validate=True).decode("latin-1")
        except ValueError as invalid:
            raise invalid_header("x-ms-properties", text) from invalid
    return values


def metadata_header(document: Document) -> dict[str, str]:
    """Metadata as x-ms-properties; no header without metadata."""
    items = [
        f"{name}={base64.b64encode(value.encode('latin-1')).decode()}" for name, value in document["metadata"].items()
    ]
    return {"x-ms-properties": ",".join(items)} if items else {}


def requested_path_fields(call: Call, *, current: Document | None = None, replace_metadata: bool = False) -> Document:
    """Content headers and metadata of a create, flush or set-properties call; `current` is the existing path.

    Azure: setProperties removes the metadata that it does not name; a flush never touches it.
    """
    headers = {name: call.headers[sent] for sent, name in _CONTENT_HEADERS.items() if sent in call.headers}
    if current is None:
        return {"headers": headers, "metadata": requested_metadata(call)}
    merged: Document = {"headers": {**current["headers"], **headers}}
    return {**merged, "metadata": requested_metadata(call)} if replace_metadata else merged


def requested_access(call: Call, *, directory: bool, inherits: bool) -> Document:
    """Owner, group and ACL that a create call sets. Default entries of the directory above override its umask."""
    access: Document = {
        kind: call.headers[f"x-ms-{kind}"] for kind in ("owner", "group") if f"x-ms-{kind}" in call.headers
    }
    if "x-ms-acl" in call.headers:
        return {**access, **_access_fields(call.headers["x-ms-acl"])}
    if "x-ms-permissions" in call.headers or ("x-ms-umask" in call.headers and not inherits):
        permissions = call.headers.get("x-ms-permissions", "0777" if directory else "0666")
        symbolic = acl.symbolic_permissions(permissions, call.headers.get("x-ms-umask", "0027"))
        return {**access, "permissions": symbolic, "acl": acl.from_permissions(symbolic)}
    return access


def changed_access(call: Call, path: Document, mode: str = "set") -> Document:
    """Owner, group and ACL of a path after a set-access-control call."""
    access: Document = {
        kind: call.headers[f"x-ms-{kind}"] for kind in ("owner", "group") if f"x-ms-{kind}" in call.headers
    }
    if "x-ms-acl" in call.headers:
        return {**access, **_access_fields(acl.apply_change(str(path["acl"]), call.headers["x-ms-acl"], mode))}
    if "x-ms-permissions" in call.headers:
        symbolic = acl.symbolic_permissions(call.headers["x-ms-permissions"])
        return {**access, "permissions": symbolic, "acl": acl.from_permissions(symbolic)}
    return access


def _access_fields(entries: str) -> Document:
    """An ACL with the permissions that follow from it."""
    full_acl = acl.apply_change("", entries, "set")
    return {"acl": full_acl, "permissions": acl.to_permissions(full_acl)}


def path_headers(tenant: Tenant, path: Document, action: str) -> dict[str, str]:
    """Headers of a HEAD or GET: all, without metadata (`getstatus`), or access control only."""
    access = {
        "x-ms-owner": str(path["owner"]),
        "x-ms-group": str(path["group"]),
        "x-ms-permissions": str(path["permissions"]),
    }
    if action == "getaccesscontrol":
        return {**path_responses.validators(path), **access, "x-ms-acl": str(path["acl"])}
    kind = {"x-ms-resource-type": "directory" if path["directory"] else "file"}
    size = {"Content-Length": str(path["size"])}
    headers = {**path_responses.property_headers(tenant, path), **size, **kind, **access}
    return headers if action == "getstatus" else {**headers, **metadata_header(path)}


def filesystem_entry(document: Document) -> dict[str, str]:
    """One filesystem in a list."""
    last_modified = datetime.fromisoformat(document["lastModified"])
    return {"name": document["name"], "lastModified": http_date(last_modified), "etag": document["etag"]}


def path_entry(path: Document) -> dict[str, str]:
    """One path in a list: all values are strings, `isDirectory` is for directories only, the etag is unquoted."""
    kind = {"isDirectory": "true"} if path["directory"] else {}
    return {
        "contentLength": str(path["size"]),
        "creationTime": _filetime(path["created"]),
        **({"expiryTime": _filetime(path["expires"])} if path.get("expires") else {}),
        "etag": str(path["etag"]).strip('"'),
        "group": path["group"],
        **kind,
        "lastModified": path_responses.epoch_http_date(path["modified"]),
        "name": path["name"],
        "owner": path["owner"],
        "permissions": path["permissions"],
    }


def _filetime(epoch_seconds: float) -> str:
    """An epoch time as a Windows file time: ticks of 100 ns since 1601."""
    return str(int((epoch_seconds + _FILETIME_EPOCH_SECONDS) * 10_000_000))


def direct_children(paths: list[Document], directory: PathAddress) -> list[Document]:
    """The paths directly in a directory. In a flat account a directory may exist by its contents alone."""
    depth = len(directory.path) + 1 if directory.path else 0
    children: dict[str, Document] = {}
    for path in paths:
        first, slash, _ = str(path["name"])[depth:].partition("/")
        name = str(path["name"])[:depth] + first
        if slash:
            children.setdefault(name, {**path, "name": name, "directory": True, "size": 0})
        else:
            children[name] = path
    return [children[name] for name in sorted(children)]


def paths_from_requested_start(call: Call, paths: list[Document], directory: PathAddress) -> list[Document]:
    """The paths from `beginFrom` on, which is relative to the directory. It has one level in a list of one level.

    https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/list
    """
    first = call.query.get("beginfrom", "").strip("/")
    if "/" in first and not is_query_true(call, "recursive"):
        raise invalid_query("beginFrom", first)
    start = f"{directory.path}/{first}" if directory.path else first
    return [path for path in paths if not first or str(path["name"]) >= start]


def page(
    call: Call, documents: list[Document], *, size_query_name: str = "maxResults", maximum: int = _MAX_PAGE_SIZE
) -> tuple[list[Document], dict[str, str]]:
    """A page by name, and the header with the next page's continuation. size_query_name: the parameter of its limit."""
    limit = min(parse_int(call.query.get(size_query_name.lower(), str(maximum)), size_query_name), maximum)
    if limit < 1:
        raise invalid_query(size_query_name, str(limit))
    token = call.query.get("continuation", "")
    after = decode_marker(token, invalid_query("continuation", token))
    rest = [document for document in documents if not after or str(document["name"]) > after]
    if len(rest) <= limit:
        return rest, {}
    return rest[:limit], {"x-ms-continuation": encode_marker(str(rest[limit - 1]["name"]))}
