"""Proves that a credential works as its readers get it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.errors import NotAuthorized
from provisioner.kind import require_resolved
from provisioner.model import Proof, Published, ReadBy, Unproven

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from provisioner.kinds.vault_secret.records import StoredSecret, VaultSecret
    from provisioner.secret import Secret

GRANTS = "`provisioner provision` gives it the role that the spec names; a new grant takes some minutes."


def prove(
    cloud: Cloud, desired: VaultSecret, _observed: StoredSecret, _made: Published, reader: ReadBy | None
) -> Proof | Unproven:
    """Read a credential as its reader, sign in with it, read its readable resource. Plain values need no proof.

    If nobody reads it yet, or the reader's own secret cannot be revealed, the caller reads it.
    """
    if desired.credential is None or not isinstance(desired.client_id, str):
        return Proof.USABLE
    try:
        value, instead = _read_as_reader_or_caller(cloud, desired, reader)
        if value is None:
            return Proof.NOT_YET
        return _prove_by_sign_in(cloud, desired, desired.client_id, value, instead)
    except NotAuthorized as error:
        return Unproven(error=error)


def _read_as_reader_or_caller(cloud: Cloud, desired: VaultSecret, reader: ReadBy | None) -> tuple[Secret | None, str]:
    """What the reader gets, and why the caller read it instead. Raises NotAuthorized that names the reader."""
    if reader is None:
        return _value(cloud, desired), ""
    if reader.secret is None:
        return _value(cloud, desired), f"Azure masks the secret that {reader.holder} signs in with"
    who = require_resolved(reader.client_id)
    try:
        with cloud.as_principal(who, reader.secret) as other:
            if other.session.can_get_token(cloud.session.profile.vault_scope):
                return _value(other, desired), ""
    except NotAuthorized as error:
        error.remedy = f"{reader.holder} signs in as {who}, which may not read it: {GRANTS}"
        raise
    if not reader.replaced:
        raise _broken(reader, who)
    return _value(cloud, desired), f"the secret in {reader.holder} does not sign in"


def _broken(reader: ReadBy, client_id: str) -> NotAuthorized:
    command = f"`provisioner rotate --force --only {reader.credential.name}`"
    return NotAuthorized(
        operation=f"signing in with the secret in {reader.holder}",
        status=401,
        message=f"it does not sign in as {client_id}",
        remedy=f"Somebody changed it or removed its key. Replace it: {command}.",
    )


def _value(cloud: Cloud, desired: VaultSecret) -> Secret | None:
    secret = cloud.secrets.find_secret(desired.vault, desired.name)
    return secret.value if secret is not None else None


def _prove_by_sign_in(
    cloud: Cloud, desired: VaultSecret, client_id: str, secret: Secret, why_unproven: str
) -> Proof | Unproven:
    """Sign in with the credential and, if its reader has read it, read its readable resource. Raises NotAuthorized.

    why_unproven: why the caller has read it instead of its reader; then nothing is proven.
    """
    with cloud.as_principal(client_id, secret) as other:
        if not other.session.can_get_token(cloud.session.profile.arm_scope):
            return Proof.NOT_YET
        if not why_unproven and desired.readable_resource is not None:
            why_unproven = _try_reading_resource(other, client_id, *desired.readable_resource)
    return Unproven(why=f"stored, not proven: {why_unproven}") if why_unproven else Proof.USABLE


def _try_reading_resource(principal_cloud: Cloud, client_id: str, resource_id: str, api_version: str) -> str:
    """Why the resource could not be read; empty if it could. Raises NotAuthorized."""
    try:
        resource = principal_cloud.arm.find(resource_id, api_version)
    except NotAuthorized as error:
        error.remedy = f"{client_id} signs in with it and may not read {resource_id}: {GRANTS}"
        raise
    return "" if resource is not None else f"{resource_id} does not exist"
