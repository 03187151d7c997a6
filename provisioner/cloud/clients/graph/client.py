"""Microsoft Graph v1.0: applications, service principals and passwords, with soft-deleted ones.

There is no Graph SDK here: azure-core's pipeline and JSON. `find_` → None; `delete_` and `purge` are fine if gone.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from provisioner.cloud.clients.graph.objects import Application, NewPassword, Principal, application, principal
from provisioner.cloud.clients.graph.policy import PasswordRules, password_rules
from provisioner.errors import CloudError, NotAuthorized, NotFound, NotYetVisible, Unreachable
from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from azure.core.rest import HttpResponse

    from provisioner.cloud.transport.session import Session

NOT_FOUND = 404
# A property that is not selected is not answered: https://learn.microsoft.com/graph/query-parameters#select
OF_APPLICATION = {"$select": "id,appId,displayName,uniqueName,tags,createdDateTime,deletedDateTime,passwordCredentials"}
OF_PRINCIPAL = {"$select": "id,appId,tags"}
UPSERT = {"Prefer": "create-if-missing"}
NEW_OBJECT = (NotFound, NotYetVisible)


class Graph:
    """The directory. Every method raises CloudError."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_application(self, unique_name: str) -> Application | None:
        """Find by `uniqueName`: https://learn.microsoft.com/graph/api/application-get."""
        return self._remembered(self._application(f"applications(uniqueName='{unique_name}')"))

    def find_application_of(self, client_id: str) -> Application | None:
        """Find by client id (appId)."""
        return self._remembered(self._application(f"applications(appId='{client_id}')"))

    def find_application_by_id(self, object_id: str) -> Application | None:
        """Find by object id. Read once per pass, by whichever key, until a password is added or removed."""
        return self._session.memory.of(_key(object_id), lambda: self.find_application_now(object_id))

    def find_application_now(self, object_id: str) -> Application | None:
        """As `find_application_by_id`, but always asks."""
        return self._application(f"applications/{object_id}")

    def list_applications(self, tag: str) -> tuple[Application, ...]:
        """Those with the tag, then soft-deleted ones if the caller may list them.

        Listed once per pass.
        `tags` can be filtered: https://learn.microsoft.com/graph/api/resources/application#properties
        """
        return self._session.memory.of(("applications", tag), lambda: self._tagged(tag))

    def _tagged(self, tag: str) -> tuple[Application, ...]:
        params = {**OF_APPLICATION, "$filter": f"tags/any(t:t eq '{tag}')"}
        with ThreadPoolExecutor(2) as pool:
            living = pool.submit(lambda: [application(item) for item in self._list("applications", params)])
            deleted = pool.submit(lambda: [found for found in self._deleted_applications() if tag in found.tags])
            return (*living.result(), *deleted.result())

    def set_application(self, unique_name: str, display_name: str, tags: tuple[str, ...]) -> None:
        """Create or update it: https://learn.microsoft.com/graph/api/application-upsert (`displayName` is required).

        Raises Conflict where a soft-deleted application keeps the uniqueName, which it does for up to 30 days.
        """
        body = {"displayName": display_name, "tags": list(tags)}
        self._request("PATCH", f"applications(uniqueName='{unique_name}')", json=body, headers=UPSERT)

    def update_application(self, object_id: str, display_name: str, tags: tuple[str, ...]) -> None:
        """https://learn.microsoft.com/graph/api/application-update; `tags` replaces the whole list."""
        self._request("PATCH", f"applications/{object_id}", json={"displayName": display_name, "tags": list(tags)})

    def find_deleted_application(self, unique_name: str) -> Application | None:
        """The soft-deleted application that still keeps the unique name. Raises NotAuthorized if none may be listed."""
        items = self._list("directory/deletedItems/microsoft.graph.application", OF_APPLICATION)
        return next((application(item) for item in items if item.get("uniqueName") == unique_name), None)

    def delete_application(self, object_id: str) -> None:
        """Delete it, with its service principal, and purge it: https://learn.microsoft.com/graph/api/application-delete."""
        self._delete(f"applications/{object_id}", object_id)

    def find_principal(self, client_id: str) -> Principal | None:
        """Find by client id: https://learn.microsoft.com/graph/api/serviceprincipal-get."""
        path = f"servicePrincipals(appId='{client_id}')"
        response = self._request("GET", path, params=OF_PRINCIPAL, missing_ok=True)
        return None if response.status_code == NOT_FOUND else principal(response.json())

    def set_principal(self, client_id: str, tags: tuple[str, ...]) -> None:
        """Create or update it: https://learn.microsoft.com/graph/api/serviceprincipal-upsert.

        A replica that does not know a new application yet answers 404 or 400.
        """

        def upsert() -> None:
            path = f"servicePrincipals(appId='{client_id}')"
            try:
                self._request("PATCH", path, json={"tags": list(tags)}, headers=UPSERT)
            except CloudError as error:
                if error.status == 400 and self.find_application_of(client_id) is None:
                    raise NotYetVisible(operation=f"PATCH {path}", message=error.message) from error
                raise

        self._session.waits.until_visible(upsert, what=f"the service principal of {client_id}", on=NEW_OBJECT)

    def find_deleted_principal(self, client_id: str) -> Principal | None:
        """The soft-deleted service principal. None also if the caller may not list them."""
        with suppress(NotAuthorized):
            items = self._list("directory/deletedItems/microsoft.graph.servicePrincipal", OF_PRINCIPAL)
            return next((principal(item) for item in items if item.get("appId") == client_id), None)
        return None

    def delete_principal(self, object_id: str) -> None:
        """https://learn.microsoft.com/graph/api/serviceprincipal-delete, and for good."""
        self._delete(f"servicePrincipals/{object_id}", object_id)

    def restore(self, object_id: str) -> None:
        """Restore an application or a service principal, not both.

        https://learn.microsoft.com/graph/api/directory-deleteditems-restore. A lost answer is no failure: the
        caller looks for the object.
        """
        with suppress(Unreachable):
            self._request("POST", f"directory/deletedItems/{object_id}/restore", missing_ok=True)

    def purge(self, object_id: str, *, expected: Callable[[], bool]) -> None:
        """Remove it from deletedItems. expected: whether it was deleted just now and may still be on its way there.

        https://learn.microsoft.com/graph/api/directory-deleteditems-delete
        """

        def gone() -> bool:
            on_its_way = expected()
            return self._delete_if_exists(f"directory/deletedItems/{object_id}") or not on_its_way

        with suppress(NotYetVisible):
            self._session.waits.until(gone, what=f"the purge of {object_id}")

    def add_password(self, application_id: str, name: str, end: datetime) -> NewPassword:
        """Create a client secret. Only this answer has its text: https://learn.microsoft.com/graph/api/application-addpassword.

        Raises Unreachable if the answer was lost; there may be one more then.
        """
        credential = {"displayName": name, "endDateTime": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
        path = f"applications/{application_id}/addPassword"
        self._session.memory.forget(_key(application_id))

        def add() -> dict[str, Any]:
            return self._request("POST", path, json={"passwordCredential": credential}).json()

        answer = self._session.waits.until_visible(
            add, what=f"every replica to know application {application_id}", on=NEW_OBJECT
        )
        start, end = datetime.fromisoformat(answer["startDateTime"]), datetime.fromisoformat(answer["endDateTime"])
        return NewPassword(key_id=answer["keyId"], start=start, end=end, value=Secret(answer["secretText"]))

    def password_rules(self, application_id: str | None) -> PasswordRules:
        """What the tenant's or the application's policy allows. Needs Policy.Read.ApplicationConfiguration.

        https://learn.microsoft.com/graph/api/resources/applicationauthenticationmethodpolicy
        """
        default = self._request("GET", "policies/defaultAppManagementPolicy").json()
        rules = default.get("applicationRestrictions") if default.get("isEnabled") else None
        own = self._list(f"applications/{application_id}/appManagementPolicies", {}) if application_id else ()
        for policy in own:
            if policy.get("isEnabled"):
                rules = policy.get("restrictions")
        return password_rules(rules or {})

    def remove_password(self, application_id: str, key_id: str) -> None:
        """https://learn.microsoft.com/graph/api/application-removepassword; an unknown key is a 400 or a 404.

        Sent once more without an answer: the first request may not have arrived, and a key can be removed only once.
        """
        path, body = f"applications/{application_id}/removePassword", {"keyId": key_id}
        self._session.memory.forget(_key(application_id))
        try:
            with suppress(Unreachable):
                self._request("POST", path, json=body)
                return
            self._request("POST", path, json=body)
        except CloudError as error:
            if error.status not in (0, 400, NOT_FOUND) or not self._password_disappears(application_id, key_id):
                raise

    def _password_disappears(self, application_id: str, key_id: str) -> bool:
        """Wait a moment for the key to disappear from the list; returns whether it did."""

        def gone() -> bool:
            application = self.find_application_by_id(application_id)
            return application is None or all(one.key_id != key_id for one in application.passwords)

        with suppress(NotYetVisible):
            self._session.waits.until(gone, what=f"the removal of password {key_id}")
            return True
        return False

    def _delete(self, path: str, object_id: str) -> None:
        existed = self._delete_if_exists(path)
        self.purge(object_id, expected=lambda: existed)

    def _delete_if_exists(self, path: str) -> bool:
        """Delete it. Returns whether it existed. A lost answer counts as yes, since the retry would not find it."""
        try:
            answer = self._request("DELETE", path, missing_ok=True, retry_lost=False)
        except Unreachable:
            self._request("DELETE", path, missing_ok=True)
            return True
        return answer.status_code != NOT_FOUND

    def _application(self, path: str) -> Application | None:
        response = self._request("GET", path, params=OF_APPLICATION, missing_ok=True)
        return None if response.status_code == NOT_FOUND else application(response.json())

    def _remembered(self, application: Application | None) -> Application | None:
        if application is not None:
            self._session.memory.keep(_key(application.object_id), application)
        return application

    def _deleted_applications(self) -> list[Application]:
        """Empty without Application.Read.All, which only this list needs: https://learn.microsoft.com/graph/api/directory-deleteditems-list."""
        with suppress(NotAuthorized):
            items = self._list("directory/deletedItems/microsoft.graph.application", OF_APPLICATION)
            return [application(item) for item in items]
        return []

    def _list(self, path: str, params: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Every item, page by page: https://learn.microsoft.com/graph/paging."""
        page: dict[str, Any] = self._request("GET", path, params=params).json()
        yield from page["value"]
        while link := page.get("@odata.nextLink"):
            page = self._http().request("GET", link, operation=f"GET {path}").json()
            yield from page["value"]

    def _request(self, method: str, path: str, **more: Any) -> HttpResponse:
        url = f"{self._session.profile.graph}/v1.0/{path}"
        return self._http().request(method, url, operation=f"{method} {path}", **more)

    def _http(self) -> Any:
        return self._session.http(self._session.profile.graph_scope)


def _key(object_id: str) -> tuple[str, str]:
    return ("application", object_id)
