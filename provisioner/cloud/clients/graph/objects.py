"""Applications, service principals and client secrets as Graph shows them.

Its dates are ISO 8601 in UTC, with up to seven digits of a second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Password:
    """A client secret as Graph lists it, without its text. name: its displayName. hint: how its text begins.

    https://learn.microsoft.com/graph/api/resources/passwordcredential
    """

    key_id: str
    name: str
    start: datetime
    end: datetime
    hint: Secret | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class NewPassword:
    """A client secret as Graph shows it once, when it is created."""

    key_id: str
    start: datetime
    end: datetime
    value: Secret


@dataclass(frozen=True, kw_only=True)
class FederatedIdentity:
    """Whose tokens sign an application in: https://learn.microsoft.com/graph/api/resources/federatedidentitycredential."""

    id: str
    name: str
    issuer: str
    subject: str
    audiences: tuple[str, ...]


def read_federated_identity(item: Mapping[str, Any]) -> FederatedIdentity:
    """From an item of an answer."""
    audiences = tuple(map(str, item.get("audiences") or ()))
    issuer, subject = str(item.get("issuer") or ""), str(item.get("subject") or "")
    return FederatedIdentity(
        id=str(item["id"]), name=str(item["name"]), issuer=issuer, subject=subject, audiences=audiences
    )


@dataclass(frozen=True, kw_only=True)
class GraphApplication:
    """https://learn.microsoft.com/graph/api/resources/application."""

    object_id: str
    client_id: str
    display_name: str
    unique_name: str
    tags: tuple[str, ...]
    created: datetime | None
    passwords: tuple[Password, ...]
    deleted: bool = False


@dataclass(frozen=True, kw_only=True)
class GraphServicePrincipal:
    """https://learn.microsoft.com/graph/api/resources/serviceprincipal."""

    object_id: str
    client_id: str
    tags: tuple[str, ...]


def read_application(item: Mapping[str, Any]) -> GraphApplication:
    """From an item of an answer."""
    created = item.get("createdDateTime")
    return GraphApplication(
        object_id=item["id"],
        client_id=item["appId"],
        display_name=item.get("displayName") or "",
        unique_name=item.get("uniqueName") or "",
        tags=tuple(item.get("tags") or ()),
        created=datetime.fromisoformat(created) if created else None,
        passwords=tuple(map(_password, item.get("passwordCredentials") or ())),
        deleted=bool(item.get("deletedDateTime")),
    )


def read_service_principal(item: Mapping[str, Any]) -> GraphServicePrincipal:
    """From an item of an answer."""
    return GraphServicePrincipal(object_id=item["id"], client_id=item["appId"], tags=tuple(item.get("tags") or ()))


def _password(item: Mapping[str, Any]) -> Password:
    start, end = datetime.fromisoformat(item["startDateTime"]), datetime.fromisoformat(item["endDateTime"])
    hint = Secret(item["hint"]) if item.get("hint") else None
    return Password(key_id=item["keyId"], name=item.get("displayName") or "", start=start, end=end, hint=hint)
