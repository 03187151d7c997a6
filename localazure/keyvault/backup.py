"""Backup and restore of a secret: all its versions in one opaque string.

https://learn.microsoft.com/rest/api/keyvault/secrets/backup-secret
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.service import Service
from localazure.keyvault import access, vault_secrets
from localazure.keyvault.access import authorize

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document

SERVICE = Service(
    name="key vault backup",
    hosts=("*.vault.azure.net",),
    path="/secrets/([^/]+/backup|restore)/?",
    audiences=(access.AUDIENCE,),
    render=access.render,
    unauthenticated=access.unauthenticated,
)
_WHY = "the vault's mode decides: roles or access policies"


@SERVICE.route("POST", "/secrets/{name}/backup", action=None, why=_WHY)
def backup_secret(call: Call) -> Reply:
    """Back up all versions of a secret, as base64url of compressed JSON."""
    vault = authorize(call, "backup/action", "backup", call.params["name"])
    secret = vault_secrets.get_live(call.tenant, vault["name"], call.params["name"])
    backup = json.dumps({"name": secret["name"], "versions": secret["versions"]}).encode()
    return Reply(body={"value": base64.urlsafe_b64encode(zlib.compress(backup)).decode().rstrip("=")})


@SERVICE.route("POST", "/secrets/restore", action=None, why=_WHY)
def restore_secret(call: Call) -> Reply:
    """Restore a secret. Returns its latest version without the value; 409 if the vault has the secret."""
    vault = authorize(call, "restore/action", "restore")
    backup = _decode_backup(str(call.json().get("value", "")))
    existing = vault_secrets.find(call.tenant, vault["name"], str(backup["name"]))
    if existing is not None and not existing["deleted"]:
        message = f"A secret with (name/id) {backup['name']} already exists in the vault."
        raise AzureError(status=409, code="Conflict", message=message)
    for version in backup["versions"]:
        vault_secrets.add_version(call.tenant, vault["name"], str(backup["name"]), version)
    latest = backup["versions"][-1]
    dates = {name: latest[name] for name in ("nbf", "exp") if latest[name] is not None}
    times = {"created": latest["created"], "updated": latest["updated"]}
    attributes = {"enabled": latest["enabled"], **dates, **times, **vault_secrets.recovery_attributes(vault)}
    labels = {name: latest[name] for name in ("contentType", "tags") if latest[name] is not None}
    secret_id = f"https://{call.host}/secrets/{backup['name']}/{latest['version']}"
    return Reply(body={"id": secret_id, "attributes": attributes, **labels})


def _decode_backup(text: str) -> Document:
    """The name and versions in a backup; 400 if it is none."""
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        backup: Document = json.loads(zlib.decompress(packed))
        return {"name": backup["name"], "versions": [{**version} for version in backup["versions"]]}
    except (binascii.Error, zlib.error, ValueError, KeyError, TypeError) as error:
        raise vault_secrets.bad_parameter("Backup blob contains invalid or corrupt version.") from error
