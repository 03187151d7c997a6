"""What the holders of an environment's credentials name, and whether it signs in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from provisioner.secret import Secret
from tests.reliability.census import store_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.reliability.census import Document
    from tests.reliability.restorable_environment import RestorableEnvironment


def unusable(ground: RestorableEnvironment) -> Iterator[str]:
    """Each credential that a holder hands out and that does not sign in."""
    documents = store_of(ground.azure.state)
    clients = {
        one["keyId"]: value["appId"]
        for table, _, value in documents
        if table == "applications"
        for one in value["passwordCredentials"]
    }
    for holder, key_id, secret in _handed_out(documents):
        if key_id not in clients:
            yield f"{holder} hands out the key {key_id}, which Entra does not know"
        elif ground.azure.sign_in(clients[key_id], secret).status != 200:
            yield f"{holder} hands out a secret for the key {key_id} that does not sign in"


def _handed_out(documents: list[Document]) -> Iterator[tuple[str, str, Secret]]:
    """Holder, key id, secret: of the latest version of each vault secret, and of each Airflow runtime."""
    for table, key, value in documents:
        if table == "secrets" and not value["deleted"] and value["versions"]:
            latest = value["versions"][-1]
            if latest["enabled"] and "keyId" in (latest.get("tags") or {}):
                yield key, latest["tags"]["keyId"], Secret(latest["value"])
        elif table == "resources":
            for variables in _runtime_variables(value):
                yield key, variables["PROVISIONER_KEY_ID"], Secret(variables["AZURE_CLIENT_SECRET"])


def _runtime_variables(fields: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The variables of a runtime that name a key; what was in it before a change does not count."""
    if "PROVISIONER_KEY_ID" in fields and "AZURE_CLIENT_SECRET" in fields:
        yield fields
    for name, one in fields.items():
        if isinstance(one, dict) and not name.startswith("_"):
            yield from _runtime_variables(cast("dict[str, Any]", one))
