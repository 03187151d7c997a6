"""Whether a credential works, as those who read it have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.errors import NotAuthorized
from provisioner.kind import known
from provisioner.model import Proof, Published, ReadBy, Unproven

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from provisioner.kinds.vault_secret.records import StoredSecret, VaultSecret
    from provisioner.secret import Secret

GRANTS = "`provisioner provision` gives it the role that the spec names; a new grant takes some minutes."


def prove(
    cloud: Cloud, desired: VaultSecret, _observed: StoredSecret, _made: Published, reader: ReadBy | None
) -> Proof | Unproven:
    """Read a credential as its reader does, sign in with it, reach what it opens; a plain value was compared already.

    Where nobody reads it yet, or the reader's own secret cannot be had, the caller reads it.
    """
    if desired.credential is None or not isinstance(desired.client_id, str):
        return Proof.USABLE
    instead = _why_not(cloud, reader)
    try:
        value = _read_as(cloud, desired, None if instead else reader)
        if value is None or not cloud.session.signs_in(cloud.session.tenant_id, desired.client_id, value):
            return Proof.NOT_YET
        instead = instead or _unopened(cloud, desired, desired.client_id, value)
    except NotAuthorized as error:
        return Unproven(error=error)
    return Unproven(why=f"stored, not proven: {instead}") if instead else Proof.USABLE


def _why_not(cloud: Cloud, reader: ReadBy | None) -> str:
    """Why the reader cannot be signed in; empty if they can, or there is none."""
    if reader is None:
        return ""
    if reader.secret is None:
        return f"Azure does not show the secret that {reader.holder} signs in with"
    works = cloud.session.signs_in(cloud.session.tenant_id, known(reader.client_id), reader.secret)
    return "" if works else f"{reader.holder} holds a secret that signs nobody in"


def _read_as(cloud: Cloud, desired: VaultSecret, reader: ReadBy | None) -> Secret | None:
    """What a reader gets. Raises NotAuthorized, which names the reader."""
    if reader is None or reader.secret is None:
        found = cloud.secrets.find_secret(desired.vault, desired.name)
        return found.value if found is not None else None
    who = known(reader.client_id)
    try:
        with cloud.acting_as(who, reader.secret) as theirs:
            found = theirs.secrets.find_secret(desired.vault, desired.name)
    except NotAuthorized as error:
        error.remedy = f"{reader.holder} signs in as {who}, which may not read it: {GRANTS}"
        raise
    return found.value if found is not None else None


def _unopened(cloud: Cloud, desired: VaultSecret, client_id: str, value: Secret) -> str:
    """Why what the credential opens was not reached; empty if it was. Raises NotAuthorized."""
    if desired.opens is None:
        return ""
    resource_id, version = desired.opens
    try:
        with cloud.acting_as(client_id, value) as theirs:
            found = theirs.arm.find(resource_id, version)
    except NotAuthorized as error:
        error.remedy = f"{client_id} signs in with it and may not read {resource_id}: {GRANTS}"
        raise
    return "" if found is not None else f"{resource_id} is not there"
