"""The wire format of the Blob service: XML errors and lists, metadata in headers.

In one file: nothing but the format of one service, each answer a few lines.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from localazure.app.call import AzureError, Call, Reply
from localazure.storage.data import blob_tiers, path_responses
from localazure.storage.data.path_responses import decode_marker, encode_marker, parse_int

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from localazure.app.store import Document
    from localazure.app.tenant import Tenant
    from localazure.storage.data.paths import PathAddress
    from localazure.storage.data.storage_access import AuthorizedRequest

MAX_PAGE_SIZE = 5000
_METADATA_PREFIX = "x-ms-meta-"
_XML_HEADERS = {"Content-Type": "application/xml"}
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


def render(call: Call, error: AzureError) -> Reply:
    """An error as XML, its code in a header too and its message in the status line. A HEAD has no body.

    https://learn.microsoft.com/rest/api/storageservices/blob-batch#sample-response
    """
    headers = {**error.headers, **path_responses.version_header(call), "x-ms-error-code": error.code}
    if call.method == "HEAD" or error.status == 304:
        return Reply(status=error.status, headers=headers, reason_phrase=error.message)
    timestamp = call.tenant.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
    message = f"{error.message}\nRequestId:{call.request_id}\nTime:{timestamp}"
    inner = element("Code", error.code) + element("Message", message)
    inner += "".join(element(name, str(value)) for name, value in error.details.items())
    reply = xml_response(f"<Error>{inner}</Error>", status=error.status, headers=headers)
    return replace(reply, reason_phrase=error.message)


def error(status: int, code: str) -> AzureError:
    """An error of the Blob service with the message of its code."""
    return AzureError(status=status, code=code, message=_MESSAGES[code])


def check_comp(call: Call, *supported: str) -> None:
    """400 for a `comp` that is not supported here (tags, snapshots). To ignore it would answer another request."""
    comp = call.query.get("comp", "")
    if comp and comp.lower() not in supported:
        message = "One of the query parameters specified in the request URI is not supported."
        details = {"QueryParameterName": "comp", "QueryParameterValue": comp}
        raise AzureError(status=400, code="UnsupportedQueryParameter", message=message, details=details)


def invalid_query(name: str, value: str) -> AzureError:
    """400 InvalidQueryParameterValue."""
    message = "Value for one of the query parameters specified in the request URI is invalid."
    details = {"QueryParameterName": name, "QueryParameterValue": value}
    return AzureError(status=400, code="InvalidQueryParameterValue", message=message, details=details)


def refuse_tags_and_snapshots(call: Call, *, hierarchical: bool) -> None:
    """Refuse tags and snapshots: 409 in a hierarchical account as in Azure, else 400 as they are not supported.

    https://learn.microsoft.com/azure/storage/blobs/storage-feature-support-in-storage-accounts
    """
    tagged = [name for name in ("x-ms-tags", "x-ms-if-tags", "x-ms-source-if-tags") if name in call.headers]
    if hierarchical and (tagged or call.query.get("comp", "").lower() == "snapshot"):
        raise error(409, "FeatureNotYetSupportedForHierarchicalNamespaceAccounts")
    if tagged:
        message = "One of the HTTP headers specified in the request is not supported."
        details = {"HeaderName": tagged[0], "HeaderValue": call.headers[tagged[0]]}
        raise AzureError(status=400, code="UnsupportedHeader", message=message, details=details)


def xml_response(text: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """An XML document as an answer."""
    body = f'<?xml version="1.0" encoding="utf-8"?>{text}'.encode()
    return Reply(status=status, body=body, headers={**_XML_HEADERS, **(headers or {})})


def element(name: str, text: str) -> str:
    """An XML element with text, or an empty one."""
    return f"<{name}>{escape(text)}</{name}>" if text else f"<{name} />"


def requested_metadata(call: Call) -> dict[str, str]:
    """The metadata in the x-ms-meta- headers. Azure requires C# identifiers as names: no hyphens.

    https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    """
    values = {
        name.removeprefix(_METADATA_PREFIX): value
        for name, value in call.headers.items()
        if name.startswith(_METADATA_PREFIX)
    }
    if not all(path_responses.is_metadata_name(name) for name in values):
        raise error(400, "InvalidMetadata")
    return values


def metadata_headers(document: Document) -> dict[str, str]:
    """Metadata as headers; a directory is marked as Hadoop does."""
    directory_marker = {f"{_METADATA_PREFIX}hdi_isfolder": "true"} if document.get("directory") else {}
    return {f"{_METADATA_PREFIX}{name}": value for name, value in document["metadata"].items()} | directory_marker


def container_headers(tenant: Tenant, container: Document) -> dict[str, str]:
    """Headers with the properties and metadata of a container."""
    public_access = (
        {"x-ms-blob-public-access": str(container["publicAccess"]).lower()} if container["publicAccess"] else {}
    )
    lease = {f"x-ms-{name}": value for name, value in path_responses.lease_fields(tenant, container).items()}
    fixed = {
        "x-ms-default-encryption-scope": "$account-encryption-key",
        "x-ms-deny-encryption-scope-override": "false",
        "x-ms-has-immutability-policy": "false",
        "x-ms-has-legal-hold": "false",
        "x-ms-immutable-storage-with-versioning-enabled": "false",
    }
    return {
        **path_responses.container_validators(container),
        **lease,
        **public_access,
        **fixed,
        **metadata_headers(container),
    }


def blob_headers(request: AuthorizedRequest, blob: Document, *, is_whole: bool) -> dict[str, str]:
    """Headers of a HEAD or GET of a blob. For a range, the MD5 of the whole blob is in a header of its own."""
    headers = path_responses.property_headers(request.tenant, blob)
    if not is_whole and "Content-MD5" in headers:
        headers["x-ms-blob-content-md5"] = headers.pop("Content-MD5")
    tier = {f"x-ms-{name}": value for name, value in blob_tiers.tier_fields(request.tenant, blob).items()}
    headers |= {"x-ms-blob-type": str(blob["type"]), **tier, "Content-Length": str(blob["size"])}
    if blob["type"] == "AppendBlob":
        headers["x-ms-blob-committed-block-count"] = str(len(blob["blocks"]))
    headers |= {f"x-ms-copy-{name}": value for name, value in copy_status_fields(blob).items()}
    if request.is_hierarchical:
        headers["x-ms-resource-type"] = "directory" if blob["directory"] else "file"
        headers |= {f"x-ms-{name}": str(blob[name]) for name in ("owner", "group", "permissions", "acl")}
    return {**headers, **metadata_headers(blob)}


def copy_status_fields(blob: Document) -> dict[str, str]:
    """The state of the copy that a blob came from, until its content or properties are written again.

    https://learn.microsoft.com/rest/api/storageservices/get-blob-properties#response-headers
    """
    copy = blob.get("copy")
    if not copy:
        return {}
    completion = {
        "progress": f"{blob['size']}/{blob['size']}",
        "completion-time": path_responses.epoch_http_date(blob["created"]),
    }
    return {**copy, "status": "success", **completion}


def container_list_response(call: Call, account: str, documents: Iterable[Document]) -> Reply:
    """A page of the list of containers."""
    prefix, include = call.query.get("prefix", ""), call.query.get("include", "")
    entries = [(str(container["name"]), _container_entry(call.tenant, container, include)) for container in documents]
    entries = [entry for entry in entries if entry[0].startswith(prefix)]
    return _list_response(call, account, "", "Containers", entries)


def blob_list_response(call: Call, top: PathAddress, documents: Iterable[Document], *, hierarchical: bool) -> Reply:
    """A page of a container's blobs, from `startFrom` on; with a delimiter deeper ones become one prefix.

    https://learn.microsoft.com/rest/api/storageservices/list-blobs. The directories of a hierarchical account are
    zero-length blobs in it: https://learn.microsoft.com/azure/storage/blobs/storage-blobs-list
    """
    prefix, delimiter = call.query.get("prefix", ""), call.query.get("delimiter", "")
    entries: dict[str, str] = {}
    for blob in documents:
        name = str(blob["name"])
        blob_prefix = _blob_prefix(name + "/" if blob["directory"] and delimiter == "/" else name, prefix, delimiter)
        if blob_prefix is not None and name.startswith(prefix.rstrip("/") if delimiter else prefix):
            entries.setdefault(blob_prefix, f"<BlobPrefix>{element('Name', blob_prefix)}</BlobPrefix>")
        elif name.startswith(prefix):
            entries[name] = _blob_entry(call, blob, hierarchical=hierarchical)
    listed = [entry for entry in sorted(entries.items()) if entry[0] >= call.query.get("startfrom", "")]
    return _list_response(call, top.account, top.container, "Blobs", listed)


def _blob_prefix(name: str, prefix: str, delimiter: str) -> str | None:
    """The prefix up to the delimiter that stands for a deeper name; None for a name that is listed itself."""
    if not delimiter or not name.startswith(prefix) or name == prefix:
        return None
    head, separator, _ = name[len(prefix) :].partition(delimiter)
    return prefix + head + delimiter if separator else None


def _list_response(
    call: Call, account: str, container: str, element_name: str, entries: list[tuple[str, str]]
) -> Reply:
    """A page of entries (name and XML) by `marker` and `maxresults`, and the marker of the next."""
    limit = parse_int(call.query.get("maxresults", str(MAX_PAGE_SIZE)), "maxresults")
    if limit < 1:
        raise error(400, "OutOfRangeQueryParameterValue")
    limit, marker = min(limit, MAX_PAGE_SIZE), call.query.get("marker", "")
    invalid = error(400, "OutOfRangeQueryParameterValue")
    rest = [entry for entry in entries if entry[0] > decode_marker(marker, invalid)]
    page, more = rest[:limit], len(rest) > limit
    echoed = {"Prefix": "prefix", "Marker": "marker", "MaxResults": "maxresults", "Delimiter": "delimiter"}
    head = "".join(element(name, call.query[query]) for name, query in echoed.items() if call.query.get(query))
    inner = "".join(text for _, text in page)
    name = f' ContainerName="{container}"' if container else ""
    next_marker = element("NextMarker", encode_marker(page[-1][0]) if more else "")
    return xml_response(
        f'<EnumerationResults ServiceEndpoint="https://{account}.blob.core.windows.net/"{name}>{head}'
        f"<{element_name}>{inner}</{element_name}>{next_marker}</EnumerationResults>"
    )


def _container_entry(tenant: Tenant, container: Document, include: str) -> str:
    """One container in a list, as XML."""
    lease = path_responses.lease_fields(tenant, container)
    validators = path_responses.container_validators(container)
    inner = (
        element("Last-Modified", validators["Last-Modified"])
        + element("Etag", validators["ETag"])
        + _lease_elements(lease)
    )
    if container["publicAccess"]:
        inner += element("PublicAccess", str(container["publicAccess"]).lower())
    inner += element("HasImmutabilityPolicy", "false") + element("HasLegalHold", "false")
    metadata = _metadata_element(container["metadata"]) if "metadata" in include else ""
    return f"<Container>{element('Name', str(container['name']))}<Properties>{inner}</Properties>{metadata}</Container>"


def _blob_entry(call: Call, blob: Document, *, hierarchical: bool) -> str:
    """One blob in a list, as XML."""
    stored, kind = blob["headers"], "directory" if blob["directory"] else "file"
    properties = {
        "Creation-Time": path_responses.epoch_http_date(blob["created"]),
        "Last-Modified": path_responses.epoch_http_date(blob["modified"]),
        "Etag": str(blob["etag"]).strip('"'),
        **({"ResourceType": kind} if hierarchical else {}),
        "Content-Length": str(blob["size"]),
        "Content-Type": stored.get("Content-Type", "application/octet-stream"),
        **{name: stored.get(name, "") for name in path_responses.STORED_HEADERS if name != "Content-Type"},
        "BlobType": str(blob["type"]),
        **{_element_name(name): value for name, value in blob_tiers.tier_fields(call.tenant, blob).items()},
    }
    inner = "".join(element(name, value) for name, value in properties.items())
    inner += _lease_elements(path_responses.lease_fields(call.tenant, blob)) + element("ServerEncrypted", "true")
    if "copy" in call.query.get("include", ""):
        inner += "".join(
            element(f"Copy{name.title().replace('-', '')}", value) for name, value in copy_status_fields(blob).items()
        )
    directory_marker = {"hdi_isfolder": "true"} if blob["directory"] else {}
    metadata = (
        _metadata_element({**blob["metadata"], **directory_marker})
        if "metadata" in call.query.get("include", "")
        else ""
    )
    return f"<Blob>{element('Name', str(blob['name']))}<Properties>{inner}</Properties>{metadata}<OrMetadata /></Blob>"


def _element_name(header: str) -> str:
    """A header name such as `copy-id` as an element name such as `CopyId`."""
    return header.title().replace("-", "")


def _lease_elements(fields: Mapping[str, str]) -> str:
    """The lease of a container or blob as XML elements."""
    names = {"lease-status": "LeaseStatus", "lease-state": "LeaseState", "lease-duration": "LeaseDuration"}
    return "".join(element(names[name], value) for name, value in fields.items())


def _metadata_element(values: Mapping[str, str]) -> str:
    """Metadata as an XML element."""
    return f"<Metadata>{''.join(element(name, value) for name, value in values.items())}</Metadata>"


def permitted_public_access(call: Call, account: Document) -> str | None:
    """The public access that a call sets on a container; 409 if the account permits none, 400 for an unknown level."""
    requested = call.headers.get("x-ms-blob-public-access", "").capitalize()
    if requested not in {"", "Blob", "Container"}:
        raise path_responses.invalid_header("x-ms-blob-public-access", requested)
    if requested and not account["properties"].get("allowBlobPublicAccess"):
        raise error(409, "PublicAccessNotPermitted")
    return requested or None
