"""User delegation keys of the Blob service, with which the holder of a token signs shared access signatures.

https://learn.microsoft.com/rest/api/storageservices/get-user-delegation-key
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from localazure.app.call import AzureError
from localazure.app.service import Service
from localazure.app.tenant import TENANT_ID
from localazure.storage.blob import blob_wire
from localazure.storage.data import shared_access
from localazure.storage.data.path_responses import version_header, with_version_header
from localazure.storage.data.paths import SUPER_USER
from localazure.storage.data.storage_access import ACCOUNTS, authorize

if TYPE_CHECKING:
    from localazure.app.call import Call, Reply

SERVICE = Service(name="storage signatures", hosts=("*.blob.core.windows.net",), path="/", render=blob_wire.render)
_ACTION = f"{ACCOUNTS}/blobServices/generateUserDelegationKey/action"
_MAX_LIFETIME = timedelta(days=7)


@SERVICE.route(
    "POST",
    "/",
    action=None,
    why="bearer token, decided by storage_access.authorize",
    query={"restype": "service", "comp": "userdelegationkey"},
)
@with_version_header
def get_user_delegation_key(call: Call) -> Reply:
    """A user delegation key of the caller, valid for at most seven days."""
    request = authorize(call, _ACTION, control=True)
    if request.caller_id == SUPER_USER or request.sas_permissions is not None:
        message = "Only authentication scheme Bearer is supported."
        raise AzureError(status=403, code="AuthenticationFailed", message=message)
    text = call.body.decode("utf-8", "replace")
    starts, ends = _parse_element_time(text, "Start") or call.tenant.clock.now(), _parse_element_time(text, "Expiry")
    if ends is None or not starts < ends <= call.tenant.clock.now() + _MAX_LIFETIME:
        message = "XML specified is not syntactically valid, or the expiry is not within seven days after the start."
        raise AzureError(status=400, code="InvalidXmlNodeValue", message=message)
    fields = {
        "skoid": request.caller_id,
        "sktid": TENANT_ID,
        "skt": f"{starts:%Y-%m-%dT%H:%M:%SZ}",
        "ske": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
        "sks": "b",
        "skv": version_header(call)["x-ms-version"],
    }
    value = shared_access.derive_delegation_key(call.tenant, request.account_name, fields)
    names = ("SignedOid", "SignedTid", "SignedStart", "SignedExpiry", "SignedService", "SignedVersion")
    elements = "".join(blob_wire.element(name, field) for name, field in zip(names, fields.values(), strict=True))
    return blob_wire.xml_response(
        f"<UserDelegationKey>{elements}{blob_wire.element('Value', value)}</UserDelegationKey>"
    )


def _parse_element_time(xml: str, element_name: str) -> datetime | None:
    """A time in an element of the XML, in UTC if it has no zone; None if absent or malformed."""
    match = re.search(rf"<{element_name}>([^<]*)</{element_name}>", xml)
    try:
        time = datetime.fromisoformat(match[1]) if match else None
    except ValueError:
        return None
    return time.astimezone(UTC) if time and time.tzinfo else time and time.replace(tzinfo=UTC)
