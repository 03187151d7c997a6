"""The type properties of a linked service: as they are shown, and what an update means that sends back what was shown.

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


def mask_secrets(sent: Document, encrypted_credential: str) -> Document:
    """Secure strings starred, keys gone from connection strings; for all of them stands one encrypted credential."""
    shown = deepcopy(sent)
    for name, value in sent.items():
        if isinstance(value, dict) and cast("Document", value).get("type") == "SecureString":
            shown[name] = {"type": "SecureString", "value": MASK}
        elif name == "connectionString" and isinstance(value, str):
            shown[name] = re.sub(r"(AccountKey|SharedAccessSignature)=[^;]*;?", "", value)
    return shown if shown == sent else {**shown, _CREDENTIAL: encrypted_credential}


def restore_secrets(sent: Document, found: Document | None) -> Document:
    """Whoever sends the encrypted credential that was shown means the secrets that it stands for."""
    shown = object_at(found or {}, "properties", "typeProperties")
    if found is None or not sent.get(_CREDENTIAL) or sent[_CREDENTIAL] != shown.get(_CREDENTIAL):
        return sent
    known = object_at(found, "_type_properties")
    return {
        name: known[name] if name in known and value == shown.get(name) else value
        for name, value in sent.items()
        if name != _CREDENTIAL
    }


def encrypted_credential(factory: str, found: Document | None, new_id: str) -> str:
    """The one that is there, or a new one in the service's form: it holds no secret, only its id."""
    known = object_at(found or {}, "properties", "typeProperties").get(_CREDENTIAL)
    if known:
        return str(known)
    about = {
        "Version": "2017-11-30",
        "ProtectionMode": "Key",
        "SecretContentType": "Plaintext",
        "CredentialId": f"{factory.upper()}_{new_id}",
    }
    return base64.b64encode(json.dumps(about, indent=2).replace("\n", "\r\n").encode()).decode()
