"""addPassword and removePassword: Graph makes the text, shows it once and keeps its hash and hint.

https://learn.microsoft.com/graph/api/application-addpassword
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from provisioner.local import directory
from provisioner.local.graph_access import bad, need_write

if TYPE_CHECKING:
    from provisioner.local.call import Call
    from provisioner.local.store import Document

LONGEST_NAME = 120


def add(call: Call, table: str, document: Document) -> dict[str, Any]:
    """The new credential with its text."""
    need_write(call, document)
    asked: Any = call.json().get("passwordCredential") or {}
    if not isinstance(asked, dict):
        raise bad("Invalid value specified for property 'passwordCredential'.")
    asked = cast("dict[str, Any]", asked)
    start, end = _lifetime(call, asked)
    name = asked.get("displayName")
    if name is not None and (not isinstance(name, str) or len(name) > LONGEST_NAME):
        raise bad("Invalid value specified for property 'displayName' of resource 'PasswordCredential'.")
    text = directory.new_secret()
    made = directory.password(text, call.world.clock.new_id(), name, start, end)
    document["passwordCredentials"].append(made)
    call.world.store.put(table, document["id"], document)
    return directory.shown(made) | {"secretText": text}


def remove(call: Call, table: str, document: Document) -> None:
    """Forget a credential; one that is not there is an error."""
    need_write(call, document)
    key_id = str(call.json().get("keyId") or "").lower()
    kept = [each for each in document["passwordCredentials"] if each["keyId"].lower() != key_id]
    if len(kept) == len(document["passwordCredentials"]):
        raise bad(f"No password credential found with keyId {key_id}.")
    call.world.store.put(table, document["id"], document | {"passwordCredentials": kept})


def _lifetime(call: Call, asked: dict[str, Any]) -> tuple[datetime, datetime]:
    """From now for two years, unless the caller says otherwise."""
    start = _moment(asked, "startDateTime") or call.world.clock.now()
    end = _moment(asked, "endDateTime") or _two_years_after(start)
    if end <= start:
        raise bad("The value of 'endDateTime' must be later than that of 'startDateTime'.")
    return start, end


def _two_years_after(start: datetime) -> datetime:
    leap_day = (start.month, start.day) == (2, 29)
    return start.replace(year=start.year + 2, day=28 if leap_day else start.day)


def _moment(asked: dict[str, Any], name: str) -> datetime | None:
    text = asked.get(name)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise bad(f"Cannot convert the literal '{text}' to the expected type 'Edm.DateTimeOffset'.") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
