"""What roles allow, as Azure evaluates them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, kw_only=True)
class Permission:
    """What one role allows on a scope."""

    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    data_actions: tuple[str, ...]
    not_data_actions: tuple[str, ...]


def may(permissions: Sequence[Permission], wanted: Sequence[str], *, data: bool) -> bool:
    """Whether the permissions together allow every wanted action.

    https://learn.microsoft.com/azure/role-based-access-control/role-definitions#how-permissions-are-evaluated: a role's
    notActions take from that role alone.
    """

    def allowed(action: str) -> bool:
        pairs = [(p.data_actions, p.not_data_actions) if data else (p.actions, p.not_actions) for p in permissions]
        return any(_covers(given, action) and not _covers(taken, action) for given, taken in pairs)

    return all(allowed(action) for action in wanted)


def permission(item: Mapping[str, Any]) -> Permission:
    """Out of an answer of the permissions API, or of a role definition's `permissions`."""
    return Permission(
        actions=tuple(item.get("actions") or ()),
        not_actions=tuple(item.get("notActions") or ()),
        data_actions=tuple(item.get("dataActions") or ()),
        not_data_actions=tuple(item.get("notDataActions") or ()),
    )


def _covers(patterns: Sequence[str], action: str) -> bool:
    """`*` stands for anything, slashes too."""
    return any(re.fullmatch(re.escape(p).replace(r"\*", ".*"), action, re.IGNORECASE) for p in patterns)
