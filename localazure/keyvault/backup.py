"""Backup and restore of a vault's secrets: all versions of one in a text that only Key Vault can read.

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
from localazure.keyvault.access import enter

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
    """All versions of a secret, in base64url."""
    vault = enter(call, "backup/action", "backup", call.params["name"])
    found = vault_secrets.get(call.world, vault["name"], call.params["name"])
    kept = json.dumps({"name": found["name"], "versions": found["versions"]}).encode()
    return Reply(body={"value": base64.urlsafe_b64encode(zlib.compress(kept)).decode().rstrip("=")})


@SERVICE.route("POST", "/secrets/restore", action=None, why=_WHY)
def restore_secret(call: Call) -> Reply:
    """The latest version without its value; 409 when the vault has a secret of that name."""
    vault = enter(call, "restore/action", "restore")
    kept = _opened(str(call.json().get("value", "")))
    there = vault_secrets.find(call.world, vault["name"], str(kept["name"]))
    if there is not None and not there["deleted"]:
        message = f"A secret with (name/id) {kept['name']} already exists in the vault."
        raise AzureError(status=409, code="Conflict", message=message)
    for version in kept["versions"]:
        vault_secrets.add_version(call.world, vault["name"], str(kept["name"]), version)
    latest = kept["versions"][-1]
    dates = {name: latest[name] for name in ("nbf", "exp") if latest[name] is not None}
    times = {"created": latest["created"], "updated": latest["updated"]}
    attributes = {"enabled": latest["enabled"], **dates, **times, **vault_secrets.recovery(vault)}
    labels = {name: latest[name] for name in ("contentType", "tags") if latest[name] is not None}
    where = f"https://{call.host}/secrets/{kept['name']}/{latest['version']}"
    return Reply(body={"id": where, "attributes": attributes, **labels})


def _opened(text: str) -> Document:
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        found: Document = json.loads(zlib.decompress(packed))
        return {"name": found["name"], "versions": [{**version} for version in found["versions"]]}
    except (binascii.Error, zlib.error, ValueError, KeyError, TypeError) as error:
        raise vault_secrets.bad_parameter("Backup blob contains invalid or corrupt version.") from error
