"""The Blob service's properties: logging, metrics, CORS, retention, web site; stored and returned but not applied.

https://learn.microsoft.com/rest/api/storageservices/set-blob-service-properties
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.app.service import Service
from localazure.storage.blob import blob_wire
from localazure.storage.data.containers import BLOB_PROPERTIES
from localazure.storage.data.path_responses import with_version_header
from localazure.storage.data.storage_access import ACCOUNTS, authorize

if TYPE_CHECKING:
    from localazure.app.call import Call

_DISABLED = "<Enabled>false</Enabled>"
_RETENTION = f"<RetentionPolicy>{_DISABLED}</RetentionPolicy>"
_METRICS = f"<Version>1.0</Version>{_DISABLED}{_RETENTION}"
# The properties of a new account. It has no default service version.
_DEFAULTS = {
    "Logging": f"<Version>1.0</Version><Delete>false</Delete><Read>false</Read><Write>false</Write>{_RETENTION}",
    "HourMetrics": _METRICS,
    "MinuteMetrics": _METRICS,
    "Cors": "",
    "DefaultServiceVersion": "",
    "DeleteRetentionPolicy": _DISABLED,
    "StaticWebsite": _DISABLED,
}
_WHY = "decided by storage_access.authorize"
_QUERY = {"restype": "service", "comp": "properties"}
SERVICE = Service(name="blob properties", hosts=("*.blob.core.windows.net",), path="/", render=blob_wire.render)


@SERVICE.route("GET", "/", action=None, why=_WHY, query=_QUERY)
@with_version_header
def get_service_properties(call: Call) -> Reply:
    """All properties of the Blob service, with defaults for those never set."""
    request = authorize(call, f"{ACCOUNTS}/blobServices/read", control=True)
    stored = request.tenant.store.get(BLOB_PROPERTIES, request.account_name.lower()) or {}
    values = {**_DEFAULTS, **stored}
    elements = "".join(f"<{name}>{values[name]}</{name}>" for name in _DEFAULTS if values[name] or name == "Cors")
    return blob_wire.xml_response(f"<StorageServiceProperties>{elements}</StorageServiceProperties>")


@SERVICE.route("PUT", "/", action=None, why=_WHY, query=_QUERY)
@with_version_header
def set_service_properties(call: Call) -> Reply:
    """Set the properties in the body and keep the others: 202."""
    request = authorize(call, f"{ACCOUNTS}/blobServices/write", control=True)
    text = call.body.decode("utf-8", "replace")
    document = re.search(r"<StorageServiceProperties\b[^>]*?(?:/>|>(.*)</StorageServiceProperties>)", text, re.DOTALL)
    if document is None:
        raise blob_wire.error(400, "InvalidXmlDocument")
    pattern = rf"<({'|'.join(_DEFAULTS)})\s*(?:/>|>(.*?)</\1>)"
    sent = {match[1]: match[2] or "" for match in re.finditer(pattern, document[1] or "", re.DOTALL)}
    key = request.account_name.lower()
    request.tenant.store.put(BLOB_PROPERTIES, key, {**(request.tenant.store.get(BLOB_PROPERTIES, key) or {}), **sent})
    return Reply(status=202)
