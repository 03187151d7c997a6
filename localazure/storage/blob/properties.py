"""The Blob service's own properties: logging, metrics, CORS, retention, web site; kept and shown, acted on by nobody.

https://learn.microsoft.com/rest/api/storageservices/set-blob-service-properties
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.app.service import Service
from localazure.storage.blob import blob_wire
from localazure.storage.data.containers import BLOB_PROPERTIES
from localazure.storage.data.path_answers import versioned
from localazure.storage.data.storage_access import ACCOUNTS, visit

if TYPE_CHECKING:
    from localazure.app.call import Call

_OFF = "<Enabled>false</Enabled>"
_RETENTION = f"<RetentionPolicy>{_OFF}</RetentionPolicy>"
_METRICS = f"<Version>1.0</Version>{_OFF}{_RETENTION}"
# What each holds for an account as new; no version that serves calls without one.
_DEFAULTS = {
    "Logging": f"<Version>1.0</Version><Delete>false</Delete><Read>false</Read><Write>false</Write>{_RETENTION}",
    "HourMetrics": _METRICS,
    "MinuteMetrics": _METRICS,
    "Cors": "",
    "DefaultServiceVersion": "",
    "DeleteRetentionPolicy": _OFF,
    "StaticWebsite": _OFF,
}
_WHY = "storage looks at the caller itself"
_ASKED = {"restype": "service", "comp": "properties"}
SERVICE = Service(name="blob properties", hosts=("*.blob.core.windows.net",), path="/", render=blob_wire.render)


@SERVICE.route("GET", "/", action=None, why=_WHY, when=_ASKED)
@versioned
def get_service_properties(call: Call) -> Reply:
    """All of them."""
    at = visit(call, f"{ACCOUNTS}/blobServices/read", control=True)
    kept = at.world.store.get(BLOB_PROPERTIES, at.name.lower()) or {}
    held = {**_DEFAULTS, **kept}
    shown = "".join(f"<{name}>{held[name]}</{name}>" for name in _DEFAULTS if held[name] or name == "Cors")
    return blob_wire.xml(f"<StorageServiceProperties>{shown}</StorageServiceProperties>")


@SERVICE.route("PUT", "/", action=None, why=_WHY, when=_ASKED)
@versioned
def set_service_properties(call: Call) -> Reply:
    """202; what is not named stays as it was."""
    at = visit(call, f"{ACCOUNTS}/blobServices/write", control=True)
    text = call.body.decode("utf-8", "replace")
    whole = re.search(r"<StorageServiceProperties\b[^>]*?(?:/>|>(.*)</StorageServiceProperties>)", text, re.DOTALL)
    if whole is None:
        raise blob_wire.error(400, "InvalidXmlDocument")
    pattern = rf"<({'|'.join(_DEFAULTS)})\s*(?:/>|>(.*?)</\1>)"
    given = {found[1]: found[2] or "" for found in re.finditer(pattern, whole[1] or "", re.DOTALL)}
    key = at.name.lower()
    at.world.store.put(BLOB_PROPERTIES, key, {**(at.world.store.get(BLOB_PROPERTIES, key) or {}), **given})
    return Reply(status=202)
