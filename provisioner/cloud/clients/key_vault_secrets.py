"""The secrets in a vault: read, written and deleted over the raw client, recovered through azure-keyvault-secrets.

The SDK sends its first request on each path without a token, to learn whose token it needs: one round trip more for
each. https://learn.microsoft.com/rest/api/keyvault/secrets/operation-groups. Values come and go as Secret.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from provisioner.cloud.errors import translated
from provisioner.errors import Conflict, NotAuthorized, NotFound, NotYetVisible, Unexpected, Unreachable
from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from azure.core.rest import HttpResponse
    from azure.keyvault.secrets import SecretClient

    from provisioner.cloud.transport.http_client import HttpClient
    from provisioner.cloud.transport.session import Session

SERVER_ERROR = 500
# https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses
VERSION = {"api-version": "7.4"}
GONE = 404
VAULT_GONE = "VaultNotFound"


@dataclass(frozen=True, kw_only=True)
class SecretVersion:
    """One version of a secret. version: its id, empty in some lists. value: None unless it was read."""

    name: str
    version: str
    enabled: bool
    tags: Mapping[str, str]
    expires: datetime | None
    created: datetime | None
    updated: datetime | None
    content_type: str | None
    value: Secret | None = field(default=None, repr=False, compare=False)


class KeyVaultSecrets:
    """All vaults. Every method raises CloudError."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._clients: dict[str, SecretClient] = {}
        self._lock = threading.Lock()
        self._recovered: set[tuple[str, str]] = set()

    def find_secret(self, vault: str, name: str) -> SecretVersion | None:
        """The latest version with its value, or None. Raises Conflict (`SecretDisabled`) for a disabled one."""
        answer = self._get(vault, f"secrets/{name}/", f"GET secret {vault}/{name}", missing_ok=True)
        return None if answer.status_code == GONE else _secret_version(answer.json())

    def get_secret(self, vault: str, name: str, version: str) -> Secret:
        """The value of one version. Raises NotFound."""
        answer = self._get(vault, f"secrets/{name}/{version}", f"GET secret {vault}/{name}")
        return Secret(answer.json().get("value") or "")

    def list_versions(self, vault: str, name: str) -> tuple[SecretVersion, ...]:
        """Every version without its value, the newest first. Azure dates them in whole seconds.

        https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret-versions/get-secret-versions
        """
        with suppress(NotFound):
            listed = self._list(vault, f"secrets/{name}/versions", f"GET versions of secret {vault}/{name}")
            versions = map(_secret_version, listed)
            return tuple(sorted(versions, key=_created_seconds, reverse=True))
        return ()

    def list_secrets(self, vault: str) -> tuple[SecretVersion, ...]:
        """Each secret with the tags of its latest version, without those that belong to a certificate.

        https://learn.microsoft.com/rest/api/keyvault/secrets/get-secrets/get-secrets
        """
        listed = self._list(vault, "secrets", f"GET secrets of {vault}")
        return tuple(_secret_version(one) for one in listed if not one.get("managed"))

    def set_secret(
        self,
        vault: str,
        name: str,
        value: Secret,
        *,
        tags: Mapping[str, str],
        expires: datetime | None,
        content_type: str | None,
    ) -> SecretVersion:
        """Write a new version. A soft-deleted secret of this name is recovered first.

        While a secret is soft-deleted, being deleted or being recovered, its name answers 409:
        https://learn.microsoft.com/azure/key-vault/general/key-vault-recovery
        """
        body = {"value": value.reveal(), "tags": dict(tags), **_attributes(expires, content_type)}

        def write() -> SecretVersion:
            return replace(_secret_version(self._send("PUT", vault, name, body, retry_lost=False).json()), value=None)

        def write_once() -> SecretVersion:
            """Each PUT makes a version, so after a lost answer look for that version before sending another PUT."""
            try:
                return write()
            except (Unreachable, Unexpected) as error:
                if 0 < error.status < SERVER_ERROR:
                    raise
                return self._find_written_version(vault, name, value, tags) or write()

        try:
            return write_once()
        except Conflict:
            self._recovered.add((vault, name))
            self._recover(vault, name)
        return self._session.waits.until_visible(
            write_once, what=f"the name of secret {vault}/{name} to be free", on=(Conflict,)
        )

    def was_recovered(self, vault: str, name: str) -> bool:
        """Whether this run found the name taken by a soft-deleted secret, whose versions are older ones now."""
        return (vault, name) in self._recovered

    def update_secret(
        self,
        vault: str,
        name: str,
        version: str,
        *,
        tags: Mapping[str, str],
        expires: datetime | None,
        content_type: str | None,
    ) -> None:
        """Replace the tags and attributes of one version. Its value never changes.

        https://learn.microsoft.com/rest/api/keyvault/secrets/update-secret/update-secret
        """
        self._send("PATCH", vault, f"{name}/{version}", {"tags": dict(tags), **_attributes(expires, content_type)})

    def disable_version(self, vault: str, name: str, version: str) -> None:
        """Disable one version, so that nobody can read it. Fine if it is gone."""
        with suppress(NotFound):
            self._send("PATCH", vault, f"{name}/{version}", {"attributes": {"enabled": False}})

    def delete_secret(self, vault: str, name: str) -> None:
        """Soft-delete it, and wait until it shows among the deleted secrets: only then can its name be used again.

        Fine if gone, and if it does not show in time.

        https://learn.microsoft.com/rest/api/keyvault/secrets/delete-secret/delete-secret
        """
        with suppress(NotFound):
            self._send("DELETE", vault, name, None)
            with suppress(NotYetVisible):
                what = f"the deletion of secret {name}"
                self._session.waits.until(lambda: self._is_deletion_settled(vault, name), what=what)

    def _find_written_version(
        self, vault: str, name: str, value: Secret, tags: Mapping[str, str]
    ) -> SecretVersion | None:
        """The latest version, if it has this value and these tags."""
        latest = self.find_secret(vault, name)
        same = latest is not None and latest.value is not None and latest.value.matches(value)
        return latest if same and latest is not None and latest.tags == tags else None

    def _recover(self, vault: str, name: str) -> None:
        """Begin to recover a soft-deleted secret. Fine if there is none, it is under way, or the answer is lost."""
        operation = f"POST recover secret {vault}/{name}"
        with suppress(NotFound, Conflict, Unreachable), translated(operation):
            self._client(vault).begin_recover_deleted_secret(name)

    def _is_deletion_settled(self, vault: str, name: str) -> bool:
        """Whether it shows among the deleted secrets. Without the right to read them: yes, as in the SDK.

        Also if the vault is gone by now, as after the teardown of another environment: there is nothing to wait for.
        """
        try:
            self._get(vault, f"deletedsecrets/{name}", f"GET deleted secret {vault}/{name}")
        except NotFound as missing:
            return missing.code == VAULT_GONE
        except NotAuthorized:
            return True
        return True

    def _list(self, vault: str, path: str, operation: str) -> Iterator[dict[str, Any]]:
        """Every item, page by page."""
        page: dict[str, Any] = self._get(vault, path, operation).json()
        yield from page.get("value") or ()
        while link := page.get("nextLink"):
            page = self._http().request("GET", link, operation=operation).json()
            yield from page.get("value") or ()

    def _get(self, vault: str, path: str, operation: str, *, missing_ok: bool = False) -> HttpResponse:
        url = f"https://{vault}.{self._session.profile.vault_suffix}/{path}"
        return self._http().request("GET", url, operation=operation, params=VERSION, missing_ok=missing_ok)

    def _send(self, method: str, vault: str, path: str, body: Any, *, retry_lost: bool = True) -> HttpResponse:
        url, operation = f"https://{vault}.{self._session.profile.vault_suffix}/secrets/{path}", f"{method} secret"
        operation = f"{operation} {vault}/{path.partition('/')[0]}"
        return self._http().request(method, url, operation=operation, json=body, params=VERSION, retry_lost=retry_lost)

    def _http(self) -> HttpClient:
        return self._session.http(self._session.profile.vault_scope)

    def _client(self, vault: str) -> SecretClient:
        from azure.keyvault.secrets import SecretClient

        with self._lock:
            if vault not in self._clients:
                url = f"https://{vault}.{self._session.profile.vault_suffix}"
                options: dict[str, Any] = self._session.sdk_options()
                self._clients[vault] = SecretClient(url, self._session.credential, **options)
            return self._clients[vault]


def _secret_version(item: Mapping[str, Any]) -> SecretVersion:
    """A SecretBundle or SecretItem (https://learn.microsoft.com/rest/api/keyvault/secrets); times are Unix seconds."""
    ident: str = item["id"]
    name, version = [*urlsplit(ident).path.split("/"), ""][2:4]
    attributes: Mapping[str, Any] = item.get("attributes") or {}
    return SecretVersion(
        name=name,
        version=version,
        enabled=attributes.get("enabled") is not False,
        tags=item.get("tags") or {},
        expires=_moment(attributes.get("exp")),
        created=_moment(attributes.get("created")),
        updated=_moment(attributes.get("updated")),
        content_type=item.get("contentType"),
        value=Secret(item["value"]) if "value" in item else None,
    )


def _attributes(expires: datetime | None, content_type: str | None) -> dict[str, Any]:
    """The parts of a body that may be left out."""
    exp = {} if expires is None else {"attributes": {"exp": int(expires.timestamp())}}
    return exp if content_type is None else {**exp, "contentType": content_type}


def _created_seconds(version: SecretVersion) -> float:
    return version.created.timestamp() if version.created else 0.0


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
