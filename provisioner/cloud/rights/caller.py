"""What the caller may do, by the permissions API or by trying it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.cloud.remedies import missing_permission_of, missing_right
from provisioner.cloud.rights.permissions import Permission, may, may_register, permission
from provisioner.cloud.transport.arm import Arm
from provisioner.errors import CloudError, NotAuthorized, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioner.cloud.transport.session import Session

VERSION = "2022-04-01"
SECRETS_VERSION = "7.4"
BLOB_VERSION = "2023-11-03"
CONTAINERS_VERSION = "2023-05-01"


class Caller:
    """Every method raises CloudError."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._arm = Arm(session)

    def allows(self, scope: str, data_actions: Sequence[str]) -> bool | None:
        """Whether the caller's roles at the scope, with inherited ones, allow all data actions. None: no such scope.

        https://learn.microsoft.com/rest/api/authorization/permissions/list-for-resource
        """
        try:
            return may(self._list_permissions(scope), data_actions, data=True)
        except NotFound:
            return None

    def lacks(self, scope: str, right: str) -> str | None:
        """The missing right and how to grant it; empty if the caller has it; None if Azure does not say.

        right: an ARM action on the scope, or a permission of Graph's.
        """
        if "/" not in right:
            return self._lacks_permission()
        nearest = ""
        for place in _around(scope):
            permitted = self._permits(place, right)
            if permitted:
                return ""
            nearest = nearest if permitted is None else place
        return missing_right(right, nearest, self._session.caller_object_id) if nearest else None

    def _lacks_permission(self) -> str | None:
        claims = self._session.claims_for(self._session.profile.graph_scope)
        registers = may_register(claims)
        return None if registers is None else "" if registers else missing_permission_of(claims)

    def _permits(self, scope: str, action: str) -> bool | None:
        key = ("caller's permissions", scope.lower())
        permissions = self._session.memory.of(key, lambda: self._find_permissions(scope))
        return None if permissions is None else may(permissions, [action], data=False)

    def _find_permissions(self, scope: str) -> tuple[Permission, ...] | None:
        try:
            return self._list_permissions(scope)
        except CloudError:  # no such scope yet, or it does not tell: the write itself will
            return None

    def _list_permissions(self, scope: str) -> tuple[Permission, ...]:
        path = f"{scope}/providers/Microsoft.Authorization/permissions"
        return tuple(permission(item) for item in self._arm.list_all(path, VERSION, missing_ok=False))

    def try_secrets(self, vault: str) -> None:
        """List the names of a vault's secrets: https://learn.microsoft.com/rest/api/keyvault/secrets/get-secrets."""
        profile = self._session.profile
        self._try(
            profile.vault_scope,
            f"https://{vault}.{profile.vault_suffix}/secrets",
            {"api-version": SECRETS_VERSION, "maxresults": "1"},
        )

    def try_blobs(self, account_id: str, account: str) -> None:
        """List the blobs of some container, since listing containers takes no right on data.

        https://learn.microsoft.com/rest/api/storageservices/list-blobs
        """
        profile = self._session.profile
        containers = self._arm.list_all(f"{account_id}/blobServices/default/containers", CONTAINERS_VERSION)
        for container in containers:
            where = f"https://{account}.{profile.blob_suffix}/{container['name']}"
            self._try(profile.storage_scope, where, {"restype": "container", "comp": "list", "maxresults": "1"})
            return

    def _try(self, scope: str, url: str, params: dict[str, str]) -> None:
        """Send a GET. If it is refused, the next one gets a new token."""
        headers = {"x-ms-version": BLOB_VERSION}
        try:
            self._session.http(scope).request("GET", url, operation=f"GET {url}", params=params, headers=headers)
        except NotAuthorized:
            self._session.fresh_token(scope)
            raise


def _around(scope: str) -> tuple[str, ...]:
    """Subscription, group and resource, the widest first: most callers have their rights there."""
    parts = scope.split("/")
    return tuple(dict.fromkeys("/".join(parts[:length]) for length in (3, 5, len(parts)) if length <= len(parts)))
