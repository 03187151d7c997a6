"""What the caller may do, by the permissions API or by trying it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from provisioner.cloud.built_in_roles import ACTIONS
from provisioner.cloud.remedies import activation_remedy, grant_remedy, graph_permission_remedy, owner_remedy
from provisioner.cloud.rights.eligible_roles import EligibleRoles
from provisioner.cloud.rights.permissions import (
    READ,
    Permission,
    allows_all,
    can_read_applications,
    can_register,
    may_change_only_owned,
    permission,
)
from provisioner.cloud.rights.principals import list_reaching, may_assign
from provisioner.cloud.transport.arm import Arm
from provisioner.errors import CloudError, NotAuthorized, NotFound
from provisioner.model.api_versions import api_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioner.cloud.transport.session import Session
    from provisioner.model import NeededRight

VERSION = api_version("Microsoft.Authorization")
ASSIGN = "Microsoft.Authorization/roleAssignments/write"
LIST_PERMISSIONS = "Microsoft.Authorization/permissions/read"
SECRETS_VERSION = "7.4"
BLOB_VERSION = "2023-11-03"
CONTAINERS_VERSION = api_version("Microsoft.Storage")


class CallerRights:
    """Every method raises CloudError."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._arm = Arm(session)

    def allows(self, scope: str, data_actions: Sequence[str]) -> bool | None:
        """Whether the caller's roles at the scope, with inherited ones, allow all data actions. None: no such scope.

        https://learn.microsoft.com/rest/api/authorization/permissions/list-for-resource
        """
        try:
            return allows_all(self._list_permissions(scope), data_actions, data=True)
        except NotFound:
            return None

    def remedy_if_missing(self, scope: str, right: str, *, scope_unreadable: bool = False) -> str | None:
        """What is missing and how to get it; empty if the caller has the right; None if Azure does not say.

        right: an ARM action on the scope, or a permission of Graph's; its scope is the path of an existing application,
        or empty. scope_unreadable: the caller may not read the scope, so a scope whose permissions it may not read
        either is one on which it has none.
        """
        if "/" not in right:
            return self._graph_remedy_if_missing(scope)
        nearest = ""
        for place in _around(scope):
            permitted = self._permits(place, right)
            if permitted:
                return None if right == ASSIGN and self._may_be_constrained(place) else ""
            nearest = nearest if permitted is None else place
        nearest = nearest or (scope if scope_unreadable else "")
        return self._remedy(right, nearest) if nearest else None

    def lacks(self, right: NeededRight) -> bool | None:
        """Whether the caller lacks a right that a run can do without. None: Azure does not say, or nobody knows how.

        A role that includes the one, at the scope or above, is as good.
        """
        if not right.scope:
            can_read = can_read_applications(self._session.claims_for(self._session.profile.graph_scope))
            return None if can_read is None or right.role.strip("`") not in READ else not can_read
        actions = ACTIONS.get(right.role)
        if actions is None:
            return None
        permitted = None
        for place in _around(right.scope):
            permitted = self._permits(place, *actions)
            if permitted:
                return False
        # What the innermost place answers includes what is inherited from those above.
        return self._lacks_as_list_denied(right.scope, actions) if permitted is None else True

    def _lacks_as_list_denied(self, scope: str, actions: Sequence[str]) -> bool | None:
        """Whether the caller may not list what it may do there, which who may do all of `actions` may."""
        if not allows_all((Permission(actions=tuple(actions)),), [LIST_PERMISSIONS], data=False):
            return None
        try:
            self._list_permissions(scope)
        except NotAuthorized:
            return True
        except CloudError:
            return None
        return None

    def _remedy(self, action: str, scope: str) -> str:
        """How to get a missing right: by having it granted, or by activating a role."""
        return self.activation_hint(action, scope) + grant_remedy(action, scope, self._session.caller_object_id)

    def activation_hint(self, action: str, scope: str) -> str:
        """How the caller activates a role with the right; empty if it is eligible for none or may not ask."""
        eligible = EligibleRoles(self._session).find(scope, action)
        return activation_remedy(eligible.name, eligible.scope) if eligible else ""

    def owner_remedy_if_missing(self, application_path: str) -> str | None:
        """How the caller becomes an owner of an application; empty if it is one, or need not be; None: not known.

        application_path: its path in Graph, by object id or client id. Owners are read once per pass.
        https://learn.microsoft.com/graph/api/application-list-owners
        """
        claims = self._session.claims_for(self._session.profile.graph_scope)
        if not may_change_only_owned(claims):
            return ""
        owners = self._session.reads.get(("owners", application_path), lambda: self._find_owners(application_path))
        if owners is None:
            return None
        return "" if str(claims.get("oid")) in owners else owner_remedy(application_path, claims)

    def _find_owners(self, application: str) -> frozenset[str] | None:
        """Their object ids, at most 100; None if the application does not exist or they may not be read."""
        profile, what = self._session.profile, f"{application}/owners"
        url, graph = f"{profile.graph}/v1.0/{what}", self._session.http(profile.graph_scope)
        try:
            answer = graph.request("GET", url, operation=f"GET {what}", params={"$select": "id"})
        except (NotAuthorized, NotFound):
            return None
        return frozenset(str(owner["id"]) for owner in answer.json()["value"])

    def _graph_remedy_if_missing(self, application_path: str) -> str | None:
        claims = self._session.claims_for(self._session.profile.graph_scope)
        registers = can_register(claims)
        if registers and application_path:
            return self.owner_remedy_if_missing(application_path)
        return None if registers is None else "" if registers else graph_permission_remedy(claims)

    def _may_be_constrained(self, place: str) -> bool:
        """Whether no assignment without a condition lets the caller assign roles there; a condition says which it may.

        The permissions API does not show conditions of assignments.
        https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-overview
        """
        caller = self._session.caller_object_id
        key = ("caller's assignments", place.lower())
        try:
            assignments = self._session.reads.get(key, lambda: list_reaching(self._arm, place, caller))
        except CloudError:
            return True
        return not any(may_assign(one) for one in assignments if not one.get("condition"))

    def _permits(self, scope: str, *actions: str) -> bool | None:
        key = ("caller's permissions", scope.lower())
        permissions = self._session.reads.get(key, lambda: self._try_list_permissions(scope))
        return None if permissions is None else allows_all(permissions, actions, data=False)

    def _try_list_permissions(self, scope: str) -> tuple[Permission, ...] | None:
        try:
            return self._list_permissions(scope)
        except CloudError:  # no such scope yet, or Azure does not say: the write itself will show it
            return None

    def _list_permissions(self, scope: str) -> tuple[Permission, ...]:
        path = f"{scope}/providers/Microsoft.Authorization/permissions"
        return tuple(permission(item) for item in self._arm.list_all(path, VERSION, missing_ok=False))

    def probe_secrets(self, vault: str, *, deleting: bool = False) -> None:
        """List the names of a vault's secrets: https://learn.microsoft.com/rest/api/keyvault/secrets/get-secrets.

        deleting: delete one that is not there instead, which only a caller who may write is told.
        """
        profile = self._session.profile
        url, version = f"https://{vault}.{profile.vault_suffix}/secrets", {"api-version": SECRETS_VERSION}
        if deleting:
            self._probe_deletion(profile.vault_scope, f"{url}/{self._absent_name()}", version)
        else:
            self._probe(profile.vault_scope, url, {**version, "maxresults": "1"})

    def probe_blobs(self, account_id: str, account: str) -> None:
        """List the blobs of some container, since listing containers takes no right on data."""
        containers = self._arm.list_all(f"{account_id}/blobServices/default/containers", CONTAINERS_VERSION)
        for container in containers:
            self.probe_container(account, container["name"])
            return

    def probe_container(self, account: str, name: str, *, deleting: bool = False) -> None:
        """List the blobs of a container. https://learn.microsoft.com/rest/api/storageservices/list-blobs.

        deleting: delete one that is not there instead, which only a caller who may write is told.
        """
        profile = self._session.profile
        where = f"https://{account}.{profile.blob_suffix}/{name}"
        if deleting:
            self._probe_deletion(profile.storage_scope, f"{where}/{self._absent_name()}", {})
        else:
            self._probe(profile.storage_scope, where, {"restype": "container", "comp": "list", "maxresults": "1"})

    def _absent_name(self) -> str:
        return f"provisioner-{self._session.new_id()}"

    def _probe_deletion(self, scope: str, url: str, params: dict[str, str]) -> None:
        with suppress(NotFound):
            self._probe(scope, url, params, method="DELETE")

    def _probe(self, scope: str, url: str, params: dict[str, str], *, method: str = "GET") -> None:
        """Send a request. If it is refused, the next one gets a new token."""
        headers = {"x-ms-version": BLOB_VERSION}
        try:
            self._session.http(scope).request(method, url, operation=f"{method} {url}", params=params, headers=headers)
        except NotAuthorized:
            self._session.drop_token(scope)
            raise


def _around(scope: str) -> tuple[str, ...]:
    """Subscription, group and resource, the widest first: most callers have their rights there."""
    parts = scope.split("/")
    return tuple(dict.fromkeys("/".join(parts[:length]) for length in (3, 5, len(parts)) if length <= len(parts)))
