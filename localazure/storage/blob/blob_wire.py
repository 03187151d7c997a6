"""How the Blob service writes: XML errors and listings, metadata in headers."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from localazure.app.call import AzureError, Call, Reply
from localazure.storage.data import blob_tiers, containers, path_answers
from localazure.storage.data.path_answers import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from localazure.app.store import Document
    from localazure.app.world import World
    from localazure.storage.data.paths import Place
    from localazure.storage.data.storage_access import Visit

PAGE = 5000
_META = "x-ms-meta-"
_XML = {"Content-Type": "application/xml"}
_MESSAGES = {
    "BlobAlreadyExists": "The specified blob already exists.",
    "BlobNotFound": "The specified blob does not exist.",
    "CannotVerifyCopySource": "The specified resource does not exist.",
    "DirectoryIsNotEmpty": "This operation is not permitted on a non-empty directory.",
    "FeatureNotYetSupportedForHierarchicalNamespaceAccounts": "Specified feature is not yet supported for hierarchical "
    "namespace accounts.",
    "InvalidBlobOrBlock": "The specified blob or block content is invalid.",
    "InvalidBlobType": "The blob type is invalid for this operation.",
    "InvalidBlockId": "The specified block ID is invalid. The block ID must be Base64-encoded.",
    "InvalidBlockList": "The specified block list is invalid.",
    "InvalidMetadata": "The metadata specified is invalid. It has characters that are not permitted.",
    "InvalidXmlDocument": "XML specified is not syntactically valid.",
    "OutOfRangeQueryParameterValue": "One of the query parameters specified in the request URI is outside the "
    "permissible range.",
    "NoPendingCopyOperation": "There is currently no pending copy operation.",
    "PublicAccessNotPermitted": "Public access is not permitted on this storage account.",
}


def render(call: Call, failed: AzureError) -> Reply:
    """`<Error><Code>…`, the code in a header too; a HEAD has the header only. The status line has the sentence.

    https://learn.microsoft.com/rest/api/storageservices/blob-batch#sample-response
    """
    headers = {**failed.headers, **path_answers.version(call), "x-ms-error-code": failed.code}
    if call.method == "HEAD" or failed.status == 304:
        return Reply(status=failed.status, headers=headers, phrase=failed.message)
    stamp = call.world.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
    message = f"{failed.message}\nRequestId:{call.request_id}\nTime:{stamp}"
    inner = element("Code", failed.code) + element("Message", message)
    inner += "".join(element(name, str(value)) for name, value in failed.details.items())
    shown = xml(f"<Error>{inner}</Error>", status=failed.status, headers=headers)
    return replace(shown, phrase=failed.message)


def error(status: int, code: str) -> AzureError:
    """An error whose sentence is known by its code."""
    return AzureError(status=status, code=code, message=_MESSAGES[code])


def check_known(call: Call, *known: str) -> None:
    """400 for a `comp` that is not served here (tags, snapshots): to ignore it would be to answer something else."""
    asked = call.query.get("comp", "")
    if asked and asked.lower() not in known:
        message = "One of the query parameters specified in the request URI is not supported."
        details = {"QueryParameterName": "comp", "QueryParameterValue": asked}
        raise AzureError(status=400, code="UnsupportedQueryParameter", message=message, details=details)


def invalid_query(name: str, value: str) -> AzureError:
    """The 400 for a query item that makes no sense here."""
    message = "Value for one of the query parameters specified in the request URI is invalid."
    details = {"QueryParameterName": name, "QueryParameterValue": value}
    return AzureError(status=400, code="InvalidQueryParameterValue", message=message, details=details)


def check_served(call: Call, *, hierarchical: bool) -> None:
    """Refuse tags and snapshots: with Azure's 409 where a namespace is hierarchical, else because none are kept here.

    https://learn.microsoft.com/azure/storage/blobs/storage-feature-support-in-storage-accounts
    """
    tagged = [name for name in ("x-ms-tags", "x-ms-if-tags", "x-ms-source-if-tags") if name in call.headers]
    if hierarchical and (tagged or call.query.get("comp", "").lower() == "snapshot"):
        raise error(409, "FeatureNotYetSupportedForHierarchicalNamespaceAccounts")
    if tagged:
        message = "One of the HTTP headers specified in the request is not supported."
        details = {"HeaderName": tagged[0], "HeaderValue": call.headers[tagged[0]]}
        raise AzureError(status=400, code="UnsupportedHeader", message=message, details=details)


def xml(text: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """An XML document as an answer."""
    body = f'<?xml version="1.0" encoding="utf-8"?>{text}'.encode()
    return Reply(status=status, body=body, headers={**_XML, **(headers or {})})


def element(name: str, text: str) -> str:
    """One element with text, or an empty one."""
    return f"<{name}>{escape(text)}</{name}>" if text else f"<{name} />"


def metadata(call: Call) -> dict[str, str]:
    """The x-ms-meta- headers. Azure wants C# identifiers for names: no hyphens.

    https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    """
    found = {name.removeprefix(_META): value for name, value in call.headers.items() if name.startswith(_META)}
    if not all(path_answers.is_metadata_name(name) for name in found):
        raise error(400, "InvalidMetadata")
    return found


def metadata_headers(document: Document) -> dict[str, str]:
    """The same the other way; a directory says so in the way that Hadoop began."""
    folder = {f"{_META}hdi_isfolder": "true"} if document.get("directory") else {}
    return {f"{_META}{name}": value for name, value in document["metadata"].items()} | folder


def container_headers(world: World, document: Document) -> dict[str, str]:
    """Properties and metadata of a container."""
    public = {"x-ms-blob-public-access": str(document["publicAccess"]).lower()} if document["publicAccess"] else {}
    lease = {f"x-ms-{name}": value for name, value in path_answers.lease_state(world, document).items()}
    fixed = {
        "x-ms-default-encryption-scope": "$account-encryption-key",
        "x-ms-deny-encryption-scope-override": "false",
        "x-ms-has-immutability-policy": "false",
        "x-ms-has-legal-hold": "false",
        "x-ms-immutable-storage-with-versioning-enabled": "false",
    }
    return {**path_answers.stamps(as_path(document)), **lease, **public, **fixed, **metadata_headers(document)}


def as_path(document: Document) -> Document:
    """A container as conditions look at it."""
    return {**document, "modified": datetime.fromisoformat(document["lastModified"]).timestamp()}


def blob_headers(at: Visit, found: Document, *, whole: bool) -> dict[str, str]:
    """What a HEAD or GET says of a blob; a range has the MD5 of the blob under another name."""
    shown = path_answers.properties(at.world, found)
    if not whole and "Content-MD5" in shown:
        shown["x-ms-blob-content-md5"] = shown.pop("Content-MD5")
    tier = {f"x-ms-{name}": value for name, value in blob_tiers.shown(at.world, found).items()}
    shown |= {"x-ms-blob-type": str(found["type"]), **tier, "Content-Length": str(found["size"])}
    if found["type"] == "AppendBlob":
        shown["x-ms-blob-committed-block-count"] = str(len(found["blocks"]))
    shown |= {f"x-ms-copy-{name}": value for name, value in copied(found).items()}
    if at.is_hierarchical:
        shown["x-ms-resource-type"] = "directory" if found["directory"] else "file"
        shown |= {f"x-ms-{name}": str(found[name]) for name in ("owner", "group", "permissions", "acl")}
    return {**shown, **metadata_headers(found)}


def copied(found: Document) -> dict[str, str]:
    """How a blob came out of another, until its bytes or properties are written anew.

    https://learn.microsoft.com/rest/api/storageservices/get-blob-properties#response-headers
    """
    copy = found.get("copy")
    if not copy:
        return {}
    done = {"progress": f"{found['size']}/{found['size']}", "completion-time": path_answers.moment(found["created"])}
    return {**copy, "status": "success", **done}


def container_list(call: Call, account: str, found: Iterable[Document]) -> Reply:
    """The list of containers."""
    prefix, include = call.query.get("prefix", ""), call.query.get("include", "")
    entries = [(str(d["name"]), _container_entry(call.world, d, include)) for d in found]
    entries = [entry for entry in entries if entry[0].startswith(prefix)]
    return _listing(call, account, "", "Containers", entries)


def blob_list(call: Call, top: Place, found: Iterable[Document], *, hierarchical: bool) -> Reply:
    """The list of a container's blobs; with a delimiter what lies deeper is one prefix.

    It begins with the name in `startFrom`: https://learn.microsoft.com/rest/api/storageservices/list-blobs
    """
    prefix, delimiter = call.query.get("prefix", ""), call.query.get("delimiter", "")
    entries: dict[str, str] = {}
    for document in found:
        name = str(document["name"])
        folded = _folded(name + "/" if document["directory"] and delimiter == "/" else name, prefix, delimiter)
        if folded is not None and name.startswith(prefix.rstrip("/") if delimiter else prefix):
            entries.setdefault(folded, f"<BlobPrefix>{element('Name', folded)}</BlobPrefix>")
        elif name.startswith(prefix):
            entries[name] = _blob_entry(call, document, hierarchical=hierarchical)
    shown = [entry for entry in sorted(entries.items()) if entry[0] >= call.query.get("startfrom", "")]
    return _listing(call, top.account, top.container, "Blobs", shown)


def _folded(name: str, prefix: str, delimiter: str) -> str | None:
    """The prefix that stands for a name that goes on after the delimiter."""
    if not delimiter or not name.startswith(prefix) or name == prefix:
        return None
    head, found, _ = name[len(prefix) :].partition(delimiter)
    return prefix + head + delimiter if found else None


def _listing(call: Call, account: str, container: str, kind: str, entries: list[tuple[str, str]]) -> Reply:
    limit = number(call.query.get("maxresults", str(PAGE)), "maxresults")
    if limit < 1:
        raise error(400, "OutOfRangeQueryParameterValue")
    limit, marker = min(limit, PAGE), call.query.get("marker", "")
    rest = [entry for entry in entries if entry[0] > _unmark(marker)]
    page, more = rest[:limit], len(rest) > limit
    asked = {"Prefix": "prefix", "Marker": "marker", "MaxResults": "maxresults", "Delimiter": "delimiter"}
    head = "".join(element(name, call.query[query]) for name, query in asked.items() if call.query.get(query))
    inner = "".join(text for _, text in page)
    name = f' ContainerName="{container}"' if container else ""
    return xml(
        f'<EnumerationResults ServiceEndpoint="https://{account}.blob.core.windows.net/"{name}>{head}'
        f"<{kind}>{inner}</{kind}>{element('NextMarker', _mark(page[-1][0]) if more else '')}</EnumerationResults>"
    )


def _container_entry(world: World, document: Document, include: str) -> str:
    lease = path_answers.lease_state(world, document)
    stamps = path_answers.stamps(as_path(document))
    inner = element("Last-Modified", stamps["Last-Modified"]) + element("Etag", stamps["ETag"]) + _lease(lease)
    if document["publicAccess"]:
        inner += element("PublicAccess", str(document["publicAccess"]).lower())
    inner += element("HasImmutabilityPolicy", "false") + element("HasLegalHold", "false")
    meta = _metadata(document["metadata"]) if "metadata" in include else ""
    return f"<Container>{element('Name', str(document['name']))}<Properties>{inner}</Properties>{meta}</Container>"


def _blob_entry(call: Call, found: Document, *, hierarchical: bool) -> str:
    stored, kind = found["headers"], "directory" if found["directory"] else "file"
    items = {
        "Creation-Time": path_answers.moment(found["created"]),
        "Last-Modified": path_answers.moment(found["modified"]),
        "Etag": str(found["etag"]).strip('"'),
        **({"ResourceType": kind} if hierarchical else {}),
        "Content-Length": str(found["size"]),
        "Content-Type": stored.get("Content-Type", "application/octet-stream"),
        **{name: stored.get(name, "") for name in path_answers.STORED_HEADERS if name != "Content-Type"},
        "BlobType": str(found["type"]),
        **{_element_name(name): value for name, value in blob_tiers.shown(call.world, found).items()},
    }
    inner = "".join(element(name, value) for name, value in items.items())
    inner += _lease(path_answers.lease_state(call.world, found)) + element("ServerEncrypted", "true")
    if "copy" in call.query.get("include", ""):
        inner += "".join(element(f"Copy{n.title().replace('-', '')}", value) for n, value in copied(found).items())
    folder = {"hdi_isfolder": "true"} if found["directory"] else {}
    meta = _metadata({**found["metadata"], **folder}) if "metadata" in call.query.get("include", "") else ""
    return f"<Blob>{element('Name', str(found['name']))}<Properties>{inner}</Properties>{meta}<OrMetadata /></Blob>"


def _element_name(header: str) -> str:
    """`copy-id` as `CopyId`."""
    return header.title().replace("-", "")


def _lease(state: Mapping[str, str]) -> str:
    names = {"lease-status": "LeaseStatus", "lease-state": "LeaseState", "lease-duration": "LeaseDuration"}
    return "".join(element(names[name], value) for name, value in state.items())


def _metadata(values: Mapping[str, str]) -> str:
    return f"<Metadata>{''.join(element(name, value) for name, value in values.items())}</Metadata>"


def _mark(name: str) -> str:
    return base64.b64encode(name.encode()).decode()


def _unmark(marker: str) -> str:
    try:
        return base64.b64decode(marker, validate=True).decode()
    except ValueError as wrong:
        raise error(400, "OutOfRangeQueryParameterValue") from wrong


def public_access(call: Call, account: Document) -> str | None:
    """What a container call asks for; 409 on an account that permits none."""
    asked = call.headers.get("x-ms-blob-public-access", "").capitalize()
    if asked not in {"", "Blob", "Container"}:
        raise path_answers.invalid_header("x-ms-blob-public-access", asked)
    if asked and not account["properties"].get("allowBlobPublicAccess"):
        raise error(409, "PublicAccessNotPermitted")
    return asked or None


def container_stamps(document: Document) -> dict[str, str]:
    """ETag and Last-Modified of a container."""
    changed = datetime.fromisoformat(document["lastModified"])
    return {"ETag": document["etag"], "Last-Modified": containers.http_date(changed)}
