"""What the policy of a tenant or of an application allows for client secrets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from provisioner.errors import Unexpected

if TYPE_CHECKING:
    from collections.abc import Mapping

DURATION = TypeAdapter(timedelta)


@dataclass(frozen=True, kw_only=True)
class PasswordRules:
    """What a policy allows. allowed: client secrets at all. longest: their lifetime, None for any."""

    allowed: bool = True
    longest: timedelta | None = None

    def reason_against(self, lifetime: timedelta) -> str:
        """Why a secret of this lifetime is refused; empty if it is not."""
        if not self.allowed:
            return "the tenant's policy allows no client secrets"
        if self.longest is not None and self.longest < lifetime:
            return f"the tenant allows client secrets for {self.longest.days} days, not {lifetime.days}"
        return ""


def password_rules(restrictions: Mapping[str, Any], created: datetime | None = None) -> PasswordRules:
    """The rules for an application created then, or now.

    https://learn.microsoft.com/graph/api/resources/passwordcredentialconfiguration
    """
    rules = restrictions.get("passwordCredentials") or ()
    kinds = {one["restrictionType"]: one for one in rules if _applies(one, created)}
    lifetime = kinds.get("passwordLifetime")
    return PasswordRules(
        allowed="passwordAddition" not in kinds, longest=_duration(lifetime["maxLifetime"]) if lifetime else None
    )


def _applies(rule: Mapping[str, Any], created: datetime | None) -> bool:
    """Whether a rule is enabled and restricts applications created then; None is one that is created now."""
    since = rule.get("restrictForAppsCreatedAfterDateTime")
    enabled = rule.get("state", "enabled") == "enabled"
    return enabled and (not since or created is None or datetime.fromisoformat(since) <= created)


def _duration(text: str) -> timedelta:
    """ISO 8601, as the policy's page shows it: P4DT12H30M5S. A year counts 365 days, a month 30."""
    try:
        return DURATION.validate_python(text)
    except ValidationError:
        raise Unexpected(operation="the tenant's policy on client secrets", message=f"{text} is no duration") from None
