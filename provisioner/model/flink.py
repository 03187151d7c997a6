"""A Flink as others know it, whatever runs it: one of its jobs, the way to its REST API."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class FlinkJob:
    """One job. id: Flink's own, 32 hexadecimal digits. output: what is said of its end or its last action.

    savepoints: the folder, a URI, that its savepoints go to; empty where whoever takes one names it.
    """

    name: str
    id: str
    status: str
    args: str
    output: str
    savepoints: str = ""


@dataclass(frozen=True, kw_only=True)
class FlinkAccess:
    """The way to a Flink's REST API.

    url: without a slash at its end. user and password, bearer, scope (of an Entra token) or certificate (PEM, with its
    key): how to sign in, at most one of them. ca: PEM; empty: the public CAs.
    """

    url: str
    headers: Mapping[str, Secret] = field(default_factory=dict[str, Secret], repr=False)
    user: str = ""
    password: Secret | None = field(default=None, repr=False)
    bearer: Secret | None = field(default=None, repr=False)
    scope: str = ""
    certificate: Secret | None = field(default=None, repr=False)
    ca: str = field(default="", repr=False)
