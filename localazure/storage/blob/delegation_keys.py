"""User delegation keys of the Blob service: with one, whoever holds a token signs shared access signatures.

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
from localazure.storage.data.path_answers import version, versioned
from localazure.storage.data.paths import SUPER_USER
from localazure.storage.data.storage_access import ACCOUNTS, visit

if TYPE_CHECKING:
    from localazure.app.call import Call, Reply

SERVICE = Service(name="storage signatures", hosts=("*.blob.core.windows.net",), path="/", render=blob_wire.render)
_RIGHT = f"{ACCOUNTS}/blobServices/generateUserDelegationKey/action"
_LONGEST = timedelta(days=7)


@SERVICE.route(
    "POST",
    "/",
    action=None,
    why="bearer token, decided by storage_access.visit",
    when={"restype": "service", "comp": "userdelegationkey"},
)
@versioned
def get_user_delegation_key(call: Call) -> Reply:
    """A key of the caller's own, for seven days at most."""
    at = visit(call, _RIGHT, control=True)
    if at.who == SUPER_USER or at.letters is not None:
        message = "Only authentication scheme Bearer is supported."
        raise AzureError(status=403, code="AuthenticationFailed", message=message)
    text = call.body.decode("utf-8", "replace")
    starts, ends = _moment(text, "Start") or call.world.clock.now(), _moment(text, "Expiry")
    if ends is None or not starts < ends <= call.world.clock.now() + _LONGEST:
        message = "XML specified is not syntactically valid, or the expiry is not within seven days after the start."
        raise AzureError(status=400, code="InvalidXmlNodeValue", message=message)
    fields = {
        "skoid": at.who,
        "sktid": TENANT_ID,
        "skt": f"{starts:%Y-%m-%dT%H:%M:%SZ}",
        "ske": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
        "sks": "b",
        "skv": version(call)["x-ms-version"],
    }
    value = shared_access.delegation_key(call.world, at.name, fields)
    names = ("SignedOid", "SignedTid", "SignedStart", "SignedExpiry", "SignedService", "SignedVersion")
    shown = "".join(blob_wire.element(name, one) for name, one in zip(names, fields.values(), strict=True))
    return blob_wire.xml(f"<UserDelegationKey>{shown}{blob_wire.element('Value', value)}</UserDelegationKey>")


def _moment(text: str, name: str) -> datetime | None:
    found = re.search(rf"<{name}>([^<]*)</{name}>", text)
    try:
        when = datetime.fromisoformat(found[1]) if found else None
    except ValueError:
        return None
    return when.astimezone(UTC) if when and when.tzinfo else when and when.replace(tzinfo=UTC)
