"""A secret as it is declared and as it is observed, and what its versions' tags say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provisioner.kind import OWNER_TAG
from provisioner.model import Address, Observed, Ref
from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from provisioner.cloud.clients.key_vault_secrets import SecretVersion

VERSION = "provisioner-version"
KEY_ID = "keyId"
SINCE = "since"
OURS = (OWNER_TAG, VERSION, KEY_ID, SINCE)


@dataclass(frozen=True, kw_only=True)
class VaultSecret:
    """vault: its name.

    credential: whose key it holds; then key_id and expires are that key's, client_id is who signs in with it,
    living the keys that still work: older versions of others are disabled. opens: what client_id is to reach with it:
    an ARM resource's id and the api-version to read it with.
    """

    vault: str
    name: str
    value: Secret | str | Ref[str | Secret] = field(repr=False, compare=False)
    environment: str
    content_type: str | None = None
    credential: Address | None = None
    key_id: str | Ref[str] | None = None
    expires: datetime | Ref[datetime] | None = None
    client_id: str | Ref[str] | None = field(default=None, repr=False)
    living: tuple[str, ...] | Ref[tuple[str, ...]] | None = field(default=None, repr=False)
    opens: tuple[str, str] | None = field(default=None, repr=False)
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class StoredSecret(Observed):
    """latest: what readers get. older: versions before it, the newest first; read where they matter."""

    vault: str
    name: str
    latest: SecretVersion
    older: tuple[SecretVersion, ...] = ()
    credential: Address | None = None


@dataclass(frozen=True, kw_only=True)
class Scope:
    """One vault, for one environment's owner tag. prefixes: names whose versions are read where the tag is lost."""

    vault: str | Ref[str]
    environment: str
    prefixes: tuple[str, ...] = ()


def intact(version: SecretVersion) -> bool:
    """Whether these tags were written for this version: not copied from another one, nor dropped.

    A write of ours that was cut off leaves the mark and no version; an edit by hand copies all tags or none.
    """
    stamp = version.tags.get(VERSION)
    return stamp == version.version if stamp is not None else OWNER_TAG in version.tags


def as_secret(value: Secret | str) -> Secret:
    """The value; a plain text cannot be shown from here on either."""
    return value if isinstance(value, Secret) else Secret(value)
