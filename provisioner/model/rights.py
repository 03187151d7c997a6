"""The rights that the caller of a run needs, as docs/access.md lists them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class NeededRight:
    """A role on a scope, or a permission of Microsoft Graph.

    scope: a resource id; empty for Graph. where: the same for people. role: the name of the role or permission.
    command: the lines that give it to the object id `$principal`, if it is neither. purpose: what it is for.
    optional: what does not work without it; empty if no run begins without it.
    """

    scope: str
    where: str
    role: str
    purpose: str
    optional: str = ""
    command: str = ""
