"""Masks the secrets in a linked service's type properties, and restores them when an update sends the masked form back.

https://learn.microsoft.com/rest/api/datafactory/linked-services/create-or-update
"""

from __future__ import annotations

import base64
import json
import re
from copy import deepcopy
from typing import TYPE_CHECKING, cast

from localazure.app.json_body import object_at
from localazure.datafactory.airflow_runtimes import MASK

if TYPE_CHECKING:
    from localazure.app.store import Document

_CREDENTIAL = "encryptedCredential"


def mask_secrets(type_properties: Document, credential: str) -> Document:
    """Return type properties as GET shows them: secure strings masked, keys removed from connection strings.

    If there was any secret, `encryptedCredential` is added.
    """
    masked = deepcopy(type_properties)
    for name, value in type_properties.items():
        if isinstance(value, dict) and cast("Document", value).get("type") == "SecureString":
            masked[name] = {"type": "SecureString", "value": MASK}
        elif name == "connectionString" and isinstance(value, str):
            masked[name] = re.sub(r"(AccountKey|SharedAccessSignature)=[^;]*;?", "", value)
    return masked if masked == type_properties else {**masked, _CREDENTIAL: credential}


def restore_secrets(type_properties: Document, stored: Document | None) -> Document:
    """Return the type properties of an update, with the stored secrets where it repeats their masked form.

    An update repeats it if it has the encrypted credential that GET has shown.
    """
    masked = object_at(stored or {}, "properties", "typeProperties")
    is_repeated = bool(type_properties.get(_CREDENTIAL)) and type_properties[_CREDENTIAL] == masked.get(_CREDENTIAL)
    if stored is None or not is_repeated:
        return type_properties
    secret = object_at(stored, "_type_properties")
    return {
        name: secret[name] if name in secret and value == masked.get(name) else value
        for name, value in type_properties.items()
        if name != _CREDENTIAL
    }


def encrypted_credential(factory: str, stored: Document | None, new_id: str) -> str:
    """Return the stored `encryptedCredential`, or a new one in the service's form, which contains only an id."""
    existing = object_at(stored or {}, "properties", "typeProperties").get(_CREDENTIAL)
    if existing:
        return str(existing)
    credential = {
        "Version": "2017-11-30",
        "ProtectionMode": "Key",
        "SecretContentType": "Plaintext",
        "CredentialId": f"{factory.upper()}_{new_id}",
    }
    return base64.b64encode(json.dumps(credential, indent=2).replace("\n", "\r\n").encode()).decode()
