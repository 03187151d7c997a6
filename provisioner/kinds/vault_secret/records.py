"""A secret as it is declared and as it is observed, and what its versions' tags say."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from provisioner.kind import OWNER_TAG
from provisioner.model import Address, Observed, Ref, Usage
from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from provisioner.cloud.clients.key_vault_secrets import SecretVersion
    from provisioner.key_probe import Probe, Rollout

VERSION = "provisioner-version"
KEY_ID = "keyId"
SINCE = "since"
ROLLED_OUT = "rolledOut"
MANAGED_TAGS = (OWNER_TAG, VERSION, KEY_ID, SINCE, ROLLED_OUT)


@dataclass(frozen=True, kw_only=True)
class Readers:
    """Workers that get a copy of a credential by a rollout of their platform, which this tool does not see.

    within: how long a rollout takes. probe, web_url: how their Airflow is asked; None if it cannot be.
    """

    within: timedelta
    probe: Probe | None = None
    web_url: str = ""


@dataclass(frozen=True, kw_only=True)
class VaultSecret:
    """vault: its name.

    credential: the one whose key it has; then key_id and expires are that key's, client_id is who signs in with it.
    active_key_ids: keys that are still valid; older versions with other keys are disabled. readable_resource: what
    client_id can read with it: an ARM resource's id and the api-version. named_by: the spec's field that decides on the
    name, for people. readers: of a credential that is copied to those who use it; without, they read it each time.
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
    active_key_ids: tuple[str, ...] | Ref[tuple[str, ...]] | None = field(default=None, repr=False)
    readable_resource: tuple[str, str] | None = field(default=None, repr=False)
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    named_by: str = field(default="", repr=False)
    readers: Readers | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class StoredSecret(Observed):
    """latest: what readers get. older: versions before it, the newest first; read where they matter.

    readers: as declared; usage: of the key by them, if that was asked.
    """

    vault: str
    name: str
    latest: SecretVersion
    older: tuple[SecretVersion, ...] = ()
    credential: Address | None = None
    readers: Readers | None = field(default=None, repr=False)
    usage: Usage | None = None

    @property
    def rolled_out_at(self) -> datetime | None:
        """When somebody said that all readers have the latest version; None if nobody did."""
        text = self.latest.tags.get(ROLLED_OUT)
        return datetime.fromisoformat(text) if text else None


@dataclass(frozen=True, kw_only=True)
class Scope:
    """One vault, for one environment's owner tag. prefixes: names whose versions are read where the tag is lost.

    rollout: the settings that workers must show before its holders go.
    """

    vault: str | Ref[str]
    environment: str
    prefixes: tuple[str, ...] = ()
    rollout: Rollout | None = None


def has_own_tags(version: SecretVersion) -> bool:
    """Whether these tags were written for this version, not copied from another one or dropped.

    A write that was cut off leaves the owner tag without a version; an edit by hand copies all tags or none.
    """
    stamp = version.tags.get(VERSION)
    return stamp == version.version if stamp is not None else OWNER_TAG in version.tags


def as_secret(value: Secret | str) -> Secret:
    """The value, wrapped if it is plain text."""
    return value if isinstance(value, Secret) else Secret(value)
