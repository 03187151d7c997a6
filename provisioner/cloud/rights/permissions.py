"""What roles allow, as Azure evaluates them, and what a token for Graph allows. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Also these let an app register applications; with the others of Graph's permissions it may at most read.
# https://learn.microsoft.com/graph/api/application-upsert#permissions
OWNED_BY = "Application.ReadWrite.OwnedBy"
REGISTER = frozenset({OWNED_BY, "Application.ReadWrite.All", "Directory.ReadWrite.All"})
READ = frozenset({"Application.Read.All", "Directory.Read.All"})
# Directory roles that give no more than reading, by template id; the first is in every app's token and is no role.
# https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference
READING = {
    "0997a1d0-0d1d-4acb-b408-d5ca73121e90": "",
    "88d8e3e3-8f55-4a1e-953a-9b9898b8876b": "Directory Readers",
    "f2ef992c-3afb-46b9-b7cf-a126ee74c451": "Global Reader",
    "5d6b6bb7-de71-4623-b4af-96380a352509": "Security Reader",
}


@dataclass(frozen=True, kw_only=True)
class Permission:
    """What one role allows on a scope."""

    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()


def allows_all(permissions: Sequence[Permission], actions: Sequence[str], *, data: bool) -> bool:
    """Whether the permissions together allow every action.

    https://learn.microsoft.com/azure/role-based-access-control/role-definitions#how-permissions-are-evaluated: a role's
    notActions take from that role alone.
    """

    def allowed(action: str) -> bool:
        pairs = [(p.data_actions, p.not_data_actions) if data else (p.actions, p.not_actions) for p in permissions]
        return any(_covers(given, action) and not _covers(taken, action) for given, taken in pairs)

    return all(allowed(action) for action in actions)


def can_register(claims: Mapping[str, Any]) -> bool | None:
    """Whether a caller that can read Graph may register applications, by its token's claims. None: they do not say.

    A person's token says nothing for certain. An app may hold a directory role (`wids`) instead of a permission
    (`roles`), or a custom one that no claim shows: then it could read without any that the token names.
    https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
    """
    roles, directory_roles = set(claims.get("roles", ())), set(claims.get("wids", ()))
    if roles & REGISTER:
        return True
    reads = roles & READ or directory_roles & {role for role, name in READING.items() if name}
    cannot = claims.get("idtyp") == "app" and reads and directory_roles <= READING.keys()
    return False if cannot else None


def can_read_applications(claims: Mapping[str, Any]) -> bool | None:
    """Whether an app may read applications that it does not own, by its token's claims. None: they do not say.

    https://learn.microsoft.com/graph/permissions-reference#applicationreadall
    """
    roles, directory_roles = set(claims.get("roles", ())), set(claims.get("wids", ()))
    if roles & ((REGISTER - {OWNED_BY}) | READ):
        return True
    named = directory_roles - {role for role, name in READING.items() if not name}
    return None if named or claims.get("idtyp") != "app" else False


def may_change_only_owned(claims: Mapping[str, Any]) -> bool:
    """Whether an app may change only those applications that it owns, by its token's claims.

    https://learn.microsoft.com/graph/permissions-reference#applicationreadwriteownedby
    """
    roles, directory_roles = set(claims.get("roles", ())), set(claims.get("wids", ()))
    return claims.get("idtyp") == "app" and roles & REGISTER == {OWNED_BY} and directory_roles <= READING.keys()


def permission(item: Mapping[str, Any]) -> Permission:
    """From an item of the permissions API, or of a role definition's `permissions`."""
    return Permission(
        actions=tuple(item.get("actions") or ()),
        not_actions=tuple(item.get("notActions") or ()),
        data_actions=tuple(item.get("dataActions") or ()),
        not_data_actions=tuple(item.get("notDataActions") or ()),
    )


def _covers(patterns: Sequence[str], action: str) -> bool:
    """Whether a pattern matches the action; `*` matches anything, slashes too."""
    return any(re.fullmatch(re.escape(p).replace(r"\*", ".*"), action, re.IGNORECASE) for p in patterns)
