"""What the policy of a tenant or of an application allows for client secrets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
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

    def refuse(self, lifetime: timedelta) -> str:
        """Why a secret of this lifetime is refused; empty if it is not."""
        if not self.allowed:
            return "the tenant's policy admits no client secrets"
        if self.longest is not None and self.longest < lifetime:
            return f"the tenant admits client secrets for {self.longest.days} days, not {lifetime.days}"
        return ""


def password_rules(restrictions: Mapping[str, Any]) -> PasswordRules:
    """https://learn.microsoft.com/graph/api/resources/passwordcredentialconfiguration."""
    rules = [one for one in restrictions.get("passwordCredentials") or () if one.get("state", "enabled") == "enabled"]
    kinds = {one["restrictionType"]: one for one in rules}
    lifetime = kinds.get("passwordLifetime")
    return PasswordRules(
        allowed="passwordAddition" not in kinds, longest=_duration(lifetime["maxLifetime"]) if lifetime else None
    )


def _duration(text: str) -> timedelta:
    """ISO 8601, as the policy's page shows it: P4DT12H30M5S. A year counts 365 days, a month 30."""
    try:
        return DURATION.validate_python(text)
    except ValidationError:
        raise Unexpected(operation="the tenant's policy on client secrets", message=f"{text} is no duration") from None
