"""addPassword and removePassword: Graph makes the text, shows it once and keeps its hash and hint.

https://learn.microsoft.com/graph/api/application-addpassword
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from localazure.app.call import AzureError
from localazure.entra import directory
from localazure.graph.access import bad, need_write

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.world import World

LONGEST_NAME = 120
_POLICY = ("graph_policies", "default")
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def policy(world: World) -> Document:
    """The tenant's policy on credentials of applications: https://learn.microsoft.com/graph/api/tenantappmanagementpolicy-get."""
    none: Document = {"passwordCredentials": [], "keyCredentials": []}
    fresh: Document = {
        "id": "00000000-0000-0000-0000-000000000000",
        "displayName": "Default app management tenant policy",
        "description": "Default tenant policy that enforces app management restrictions.",
        "isEnabled": False,
        "applicationRestrictions": none,
        "servicePrincipalRestrictions": none,
    }
    return {**fresh, **(world.store.get(*_POLICY) or {})}


def set_policy(world: World, given: Document) -> None:
    """Replace the members that are given; 400 for a lifetime that is no duration."""
    for rule in _rules(given):
        if rule.get("restrictionType") == "passwordLifetime" and _longest(rule) is None:
            raise bad("Invalid value specified for property 'maxLifetime'.")
    world.store.put(*_POLICY, {**policy(world), **given})


def add(call: Call, table: str, document: Document) -> dict[str, Any]:
    """The new credential with its text."""
    need_write(call, document)
    asked: Any = call.json().get("passwordCredential") or {}
    if not isinstance(asked, dict):
        raise bad("Invalid value specified for property 'passwordCredential'.")
    asked = cast("dict[str, Any]", asked)
    start, end = _lifetime(call, asked)
    if table == directory.APPLICATIONS:
        _check_policy(call.world, document, end - start)
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


def _check_policy(world: World, application: Document, lifetime: timedelta) -> None:
    """400 for what the tenant's policy does not admit; recorded in OfficeDev/microsoft-365-agents-toolkit#10998."""
    found = policy(world)
    for rule in _rules(found) if found["isEnabled"] else []:
        since = rule.get("restrictForAppsCreatedAfterDateTime")
        applies = not since or _at(since) <= _at(application["createdDateTime"])
        if not applies or rule.get("state", "enabled") != "enabled":
            continue
        if rule.get("restrictionType") == "passwordAddition":
            message = f"Credential type not allowed as per assigned policy '{found['id']}'."
            code = "CredentialTypeNotAllowedAsPerAppPolicy"
            raise _refused(code, message, "CredentialTypeNotAllowed", "PasswordCredentials")
        longest = _longest(rule) if rule.get("restrictionType") == "passwordLifetime" else None
        if longest is not None and lifetime > longest:
            message = f"Credential lifetime exceeds the max value allowed as per assigned policy '{found['id']}'."
            raise _refused("CredentialInvalidLifetimeAsPerAppPolicy", message, "InvalidKeyEndDate", "EndDate")


def _refused(code: str, message: str, detail: str, target: str) -> AzureError:
    details = [{"code": detail, "message": message, "target": target}]
    return AzureError(status=400, code=code, message=message, details={"details": details})


def _rules(given: Document) -> list[Document]:
    restrictions: Document = given.get("applicationRestrictions") or {}
    return restrictions.get("passwordCredentials") or []


def _longest(rule: Document) -> timedelta | None:
    found = _DURATION.fullmatch(str(rule.get("maxLifetime")))
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _at(moment: str) -> datetime:
    return datetime.fromisoformat(moment)


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
