"""addPassword and removePassword: Graph generates the text, returns it once and stores its hash and hint.

https://learn.microsoft.com/graph/api/application-addpassword
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from localazure.app.call import AzureError
from localazure.entra import directory
from localazure.graph.access import bad_request, require_may_write

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

MAX_NAME_LENGTH = 120
ONLY_ACTIONS = "New password credentials must be generated with service actions."
_POLICY_KEY = ("graph_policies", "default")
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def tenant_policy(tenant: Tenant) -> Document:
    """The tenant's policy on credentials of applications.

    https://learn.microsoft.com/graph/api/tenantappmanagementpolicy-get
    """
    no_restrictions: Document = {"passwordCredentials": [], "keyCredentials": []}
    default: Document = {
        "id": "00000000-0000-0000-0000-000000000000",
        "displayName": "Default app management tenant policy",
        "description": "Default tenant policy that enforces app management restrictions.",
        "isEnabled": False,
        "applicationRestrictions": no_restrictions,
        "servicePrincipalRestrictions": no_restrictions,
    }
    return {**default, **(tenant.store.get(*_POLICY_KEY) or {})}


def update_tenant_policy(tenant: Tenant, changes: Document) -> None:
    """Replace members of the tenant's policy; 400 for a lifetime that is no ISO 8601 duration."""
    for rule in _password_rules(changes):
        if rule.get("restrictionType") == "passwordLifetime" and _max_lifetime(rule) is None:
            raise bad_request("Invalid value specified for property 'maxLifetime'.")
    tenant.store.put(*_POLICY_KEY, {**tenant_policy(tenant), **changes})


def add_password(call: Call, table: str, document: Document) -> dict[str, Any]:
    """Add a password to an application or service principal. Returns the credential with its text."""
    require_may_write(call, document)
    added = _append_new_password(call, table, document, call.json().get("passwordCredential") or {})
    call.tenant.store.put(table, document["id"], document)
    return added


def add_first_passwords(call: Call, application: Document, requested: object) -> list[dict[str, Any]]:
    """Add the passwords of a request that creates an application, which is not stored yet; returned with their text.

    Graph generates them if the request names neither a key id nor a text:
    https://github.com/hashicorp/terraform-provider-azuread/pull/1389 and
    https://github.com/ansible-collections/azure/pull/2250
    """
    if not isinstance(requested, list):
        raise bad_request("Invalid value specified for property 'passwordCredentials'.")
    added: list[dict[str, Any]] = []
    for one in cast("list[Any]", requested):
        if isinstance(one, dict) and (one.get("keyId") or one.get("secretText")):  # pyright: ignore[reportUnknownMemberType] - JSON
            raise bad_request(ONLY_ACTIONS)
        added.append(_append_new_password(call, directory.APPLICATIONS, application, one))
    return added


def _append_new_password(call: Call, table: str, document: Document, requested: Any) -> dict[str, Any]:
    """Generate a password and add it to a document, which is not stored. Returns it with its text."""
    if not isinstance(requested, dict):
        raise bad_request("Invalid value specified for property 'passwordCredential'.")
    requested = cast("dict[str, Any]", requested)
    start, end = _start_and_end(call, requested)
    if table == directory.APPLICATIONS:
        _refuse_policy_violation(call.tenant, document, end - start)
    name = requested.get("displayName")
    if name is not None and (not isinstance(name, str) or len(name) > MAX_NAME_LENGTH):
        raise bad_request("Invalid value specified for property 'displayName' of resource 'PasswordCredential'.")
    text = directory.generate_secret_text()
    credential = directory.new_password_credential(text, call.tenant.clock.new_id(), name, start, end)
    if table == directory.PRINCIPALS:
        # Recorded so by az (test_sp_credential.yaml); the documented example of servicePrincipal: addPassword has one.
        credential["hint"] = None
    document["passwordCredentials"].append(credential)
    return directory.without_hidden(credential) | {"secretText": text}


def remove_password(call: Call, table: str, document: Document) -> None:
    """Remove a password by its keyId; 400 if the object has none with it."""
    require_may_write(call, document)
    key_id = str(call.json().get("keyId") or "").lower()
    remaining = [credential for credential in document["passwordCredentials"] if credential["keyId"].lower() != key_id]
    if len(remaining) == len(document["passwordCredentials"]):
        raise bad_request(f"No password credential found with keyId {key_id}.")
    call.tenant.store.put(table, document["id"], document | {"passwordCredentials": remaining})


def _refuse_policy_violation(tenant: Tenant, application: Document, lifetime: timedelta) -> None:
    """400 for a password that the tenant's policy forbids; recorded in OfficeDev/microsoft-365-agents-toolkit#10998."""
    policy = tenant_policy(tenant)
    for rule in _password_rules(policy) if policy["isEnabled"] else []:
        since = rule.get("restrictForAppsCreatedAfterDateTime")
        applies = not since or datetime.fromisoformat(since) <= datetime.fromisoformat(application["createdDateTime"])
        if not applies or rule.get("state", "enabled") != "enabled":
            continue
        if rule.get("restrictionType") == "passwordAddition":
            message = f"Credential type not allowed as per assigned policy '{policy['id']}'."
            code = "CredentialTypeNotAllowedAsPerAppPolicy"
            raise _policy_violation(code, message, "CredentialTypeNotAllowed", "PasswordCredentials")
        max_lifetime = _max_lifetime(rule) if rule.get("restrictionType") == "passwordLifetime" else None
        if max_lifetime is not None and lifetime > max_lifetime:
            message = f"Credential lifetime exceeds the max value allowed as per assigned policy '{policy['id']}'."
            raise _policy_violation("CredentialInvalidLifetimeAsPerAppPolicy", message, "InvalidKeyEndDate", "EndDate")


def _policy_violation(code: str, message: str, detail_code: str, target: str) -> AzureError:
    """The 400 of a credential that the policy forbids."""
    details = [{"code": detail_code, "message": message, "target": target}]
    return AzureError(status=400, code=code, message=message, details={"details": details})


def _password_rules(policy: Document) -> list[Document]:
    """The rules on passwords in a policy's restrictions of applications."""
    restrictions: Document = policy.get("applicationRestrictions") or {}
    return restrictions.get("passwordCredentials") or []


def _max_lifetime(rule: Document) -> timedelta | None:
    """The maximum lifetime of a rule; None if it is no ISO 8601 duration."""
    match = _DURATION.fullmatch(str(rule.get("maxLifetime")))
    if match is None:
        return None
    days, hours, minutes, seconds = (int(figure or 0) for figure in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _start_and_end(call: Call, requested: dict[str, Any]) -> tuple[datetime, datetime]:
    """Start and end of a password: from now for two years, unless the request has others."""
    start = _parsed_date(requested, "startDateTime") or call.tenant.clock.now()
    end = _parsed_date(requested, "endDateTime") or _two_years_after(start)
    if end <= start:
        raise bad_request("The value of 'endDateTime' must be later than that of 'startDateTime'.")
    return start, end


def _two_years_after(start: datetime) -> datetime:
    """The same day two years later, 28 February for a leap day."""
    leap_day = (start.month, start.day) == (2, 29)
    return start.replace(year=start.year + 2, day=28 if leap_day else start.day)


def _parsed_date(requested: dict[str, Any], name: str) -> datetime | None:
    """A date of the request, in UTC if it has no zone; None if absent, 400 if malformed."""
    text = requested.get(name)
    if text is None:
        return None
    try:
        date = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise bad_request(f"Cannot convert the literal '{text}' to the expected type 'Edm.DateTimeOffset'.") from error
    return date if date.tzinfo else date.replace(tzinfo=UTC)
