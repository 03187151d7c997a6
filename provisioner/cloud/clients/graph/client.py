"""Microsoft Graph v1.0: applications, service principals and passwords, with soft-deleted ones.

There is no Graph SDK here: azure-core's pipeline and JSON. `find_` → None; `delete_` and `purge` are fine if gone.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from provisioner.cloud.clients.graph.objects import (
    FederatedIdentity,
    GraphApplication,
    GraphServicePrincipal,
    NewPassword,
    read_application,
    read_federated_identity,
    read_service_principal,
)
from provisioner.cloud.clients.graph.policy import PasswordRules, password_rules
from provisioner.errors import CloudError, NotAuthorized, NotFound, NotYetVisible, Unreachable
from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from azure.core.rest import HttpResponse

    from provisioner.cloud.transport.session import Session

CREATED, NOT_FOUND = 201, 404
# A property that is not selected is not answered: https://learn.microsoft.com/graph/query-parameters#select
OF_APPLICATION = {"$select": "id,appId,displayName,uniqueName,tags,createdDateTime,deletedDateTime,passwordCredentials"}
OF_SERVICE_PRINCIPAL, UPSERT = {"$select": "id,appId,tags"}, {"Prefer": "create-if-missing"}
NEW_OBJECT = (NotFound, NotYetVisible)
PURGE_SECONDS = 30.0  # it is listed within seconds; if not, the next provision restores it


class Graph:
    """The directory. Every method raises CloudError."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_application(self, unique_name: str) -> GraphApplication | None:
        """Find by `uniqueName`: https://learn.microsoft.com/graph/api/application-get."""
        return self._keep(self._application(f"applications(uniqueName='{unique_name}')"))

    def find_application_by_client_id(self, client_id: str) -> GraphApplication | None:
        """Find by client id (appId)."""
        return self._keep(self._application(f"applications(appId='{client_id}')"))

    def find_application_by_id(self, object_id: str) -> GraphApplication | None:
        """Find by object id. Read once per pass, by whichever key, until a password is added or removed."""
        return self._session.reads.get(_cache_key(object_id), lambda: self.find_application_now(object_id))

    def find_application_now(self, object_id: str) -> GraphApplication | None:
        return self._application(f"applications/{object_id}")

    def list_applications(self, tag: str) -> tuple[GraphApplication, ...]:
        """Those with the tag, then soft-deleted ones if the caller may list them; once per pass.

        `tags` can be filtered: https://learn.microsoft.com/graph/api/resources/application#properties
        """
        return self._session.reads.get(("applications", tag), lambda: self._applications_with(tag))

    def _applications_with(self, tag: str) -> tuple[GraphApplication, ...]:
        params = {**OF_APPLICATION, "$filter": f"tags/any(t:t eq '{tag}')"}
        with ThreadPoolExecutor(2) as pool:
            existing = pool.submit(lambda: [read_application(item) for item in self._list("applications", params)])
            deleted = pool.submit(lambda: [found for found in self._deleted_applications() if tag in found.tags])
            return (*existing.result(), *deleted.result())

    def set_application(self, unique_name: str, display_name: str, tags: tuple[str, ...]) -> str:
        """Create or update it: https://learn.microsoft.com/graph/api/application-upsert (`displayName` is required).

        Returns its object id; the answer of an update (204) has none, so the application is read then. Raises Conflict
        where a soft-deleted application keeps the uniqueName, which it does for up to 30 days.
        """
        body = {"displayName": display_name, "tags": list(tags)}
        path = f"applications(uniqueName='{unique_name}')"
        answer = self._request("PATCH", path, json=body, headers=UPSERT)
        answer = answer if answer.status_code == CREATED else self._request("GET", path, params={"$select": "id"})
        return str(answer.json()["id"])

    def update_application(self, object_id: str, display_name: str, tags: tuple[str, ...]) -> None:
        """https://learn.microsoft.com/graph/api/application-update; `tags` replaces the whole list."""
        self._request("PATCH", f"applications/{object_id}", json={"displayName": display_name, "tags": list(tags)})

    def find_deleted_application(self, unique_name: str) -> GraphApplication | None:
        """The soft-deleted application that still keeps the unique name. Raises NotAuthorized if none may be listed."""
        items = self._list("directory/deletedItems/microsoft.graph.application", OF_APPLICATION)
        return next((read_application(item) for item in items if item.get("uniqueName") == unique_name), None)

    def delete_and_purge_application(self, object_id: str) -> None:
        """Delete it, with its service principal, and purge it: https://learn.microsoft.com/graph/api/application-delete."""
        self._delete_and_purge(f"applications/{object_id}", object_id)

    def find_service_principal(self, client_id: str) -> GraphServicePrincipal | None:
        """Find by client id: https://learn.microsoft.com/graph/api/serviceprincipal-get."""
        path = f"servicePrincipals(appId='{client_id}')"
        response = self._request("GET", path, params=OF_SERVICE_PRINCIPAL, missing_ok=True)
        return None if response.status_code == NOT_FOUND else read_service_principal(response.json())

    def has_service_principal(self, object_id: str) -> bool:
        return self._request("GET", f"servicePrincipals/{object_id}", missing_ok=True).status_code != NOT_FOUND

    def set_service_principal(self, client_id: str, tags: tuple[str, ...]) -> None:
        """Create or update it: https://learn.microsoft.com/graph/api/serviceprincipal-upsert.

        A replica that does not know a new application yet answers 404 or 400.
        """

        def upsert() -> None:
            path = f"servicePrincipals(appId='{client_id}')"
            try:
                self._request("PATCH", path, json={"tags": list(tags)}, headers=UPSERT)
            except CloudError as error:
                if error.status == 400 and self.find_application_by_client_id(client_id) is None:
                    raise NotYetVisible(operation=f"PATCH {path}", message=error.message) from error
                raise

        self._session.waits.until_visible(upsert, what=f"the service principal of {client_id}", on=NEW_OBJECT)

    def find_deleted_service_principal(self, client_id: str) -> GraphServicePrincipal | None:
        """The soft-deleted service principal. None also if the caller may not list them."""
        with suppress(NotAuthorized):
            items = self._list("directory/deletedItems/microsoft.graph.servicePrincipal", OF_SERVICE_PRINCIPAL)
            return next((read_service_principal(item) for item in items if item.get("appId") == client_id), None)
        return None

    def delete_and_purge_service_principal(self, object_id: str) -> None:
        """Delete it and purge it. https://learn.microsoft.com/graph/api/serviceprincipal-delete ."""
        self._delete_and_purge(f"servicePrincipals/{object_id}", object_id)

    def restore(self, object_id: str) -> None:
        """Restore an application or a service principal, not both. Fine if there is none.

        https://learn.microsoft.com/graph/api/directory-deleteditems-restore. A lost answer is no failure: the
        caller looks for the object.
        """
        with suppress(Unreachable):
            self._request("POST", f"directory/deletedItems/{object_id}/restore", missing_ok=True)

    def purge(self, object_id: str, *, expected: Callable[[], bool]) -> None:
        """Remove it from deletedItems. expected: it was deleted just now; it is on its way there, or another purged it.

        Ends after PURGE_SECONDS without error. https://learn.microsoft.com/graph/api/directory-deleteditems-delete
        """

        def gone() -> bool:
            on_its_way = expected()
            return self._delete_if_exists(f"directory/deletedItems/{object_id}") or not on_its_way

        with suppress(NotYetVisible):
            self._session.waits.until(gone, what=f"the purge of {object_id}", deadline_seconds=PURGE_SECONDS)

    def add_password(self, application_id: str, name: str, end: datetime) -> NewPassword:
        """Create a client secret. Only this answer has its text: https://learn.microsoft.com/graph/api/application-addpassword.

        Raises Unreachable if the answer was lost; there may be one more then.
        """
        credential = {"displayName": name, "endDateTime": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
        path = f"applications/{application_id}/addPassword"
        self._session.reads.mark_written(_cache_key(application_id))
        answer: dict[str, Any] = self._session.waits.until_visible(
            lambda: self._request("POST", path, json={"passwordCredential": credential}),
            what=f"every replica to know application {application_id}",
            on=NEW_OBJECT,
        ).json()
        start, end = datetime.fromisoformat(answer["startDateTime"]), datetime.fromisoformat(answer["endDateTime"])
        return NewPassword(key_id=answer["keyId"], start=start, end=end, value=Secret(answer["secretText"]))

    def password_rules(self, application_id: str | None) -> PasswordRules:
        """What the tenant's or the application's policy allows. Needs Policy.Read.ApplicationConfiguration.

        https://learn.microsoft.com/graph/api/resources/applicationauthenticationmethodpolicy
        """
        default = self._request("GET", "policies/defaultAppManagementPolicy").json()
        rules = default.get("applicationRestrictions") if default.get("isEnabled") else None
        own = self._list(f"applications/{application_id}/appManagementPolicies", {}) if application_id else ()
        application = self.find_application_by_id(application_id) if application_id else None
        for policy in own:
            if policy.get("isEnabled"):
                rules = policy.get("restrictions")
        return password_rules(rules or {}, application.created if application else None)

    def remove_password(self, application_id: str, key_id: str) -> None:
        """https://learn.microsoft.com/graph/api/application-removepassword; an unknown key is a 400 or a 404.

        Sent once more without an answer: the first request may not have arrived, and a key can be removed only once.
        """
        path, body = f"applications/{application_id}/removePassword", {"keyId": key_id}
        self._session.reads.mark_written(_cache_key(application_id))
        try:
            with suppress(Unreachable):
                self._request("POST", path, json=body)
                return
            self._request("POST", path, json=body)
        except CloudError as error:
            if error.status not in (0, 400, NOT_FOUND) or not self._await_password_gone(application_id, key_id):
                raise

    def list_federated_credentials(self, application_id: str) -> tuple[FederatedIdentity, ...] | None:
        """Whose tokens sign the application in; None if it does not exist. Listed once per pass.

        https://learn.microsoft.com/graph/api/application-list-federatedidentitycredentials
        """

        def listed() -> tuple[FederatedIdentity, ...] | None:
            try:
                return tuple(map(read_federated_identity, self._list(_federated(application_id), {})))
            except NotFound:
                return None

        return self._session.reads.get(("federated", application_id), listed)

    def set_federated_credential(
        self, application_id: str, name: str, *, issuer: str, subject: str, audience: str
    ) -> None:
        """Create or update it by its name: https://learn.microsoft.com/graph/api/federatedidentitycredential-upsert."""
        path = f"{_federated(application_id)}(name='{name}')"
        body = {"issuer": issuer, "subject": subject, "audiences": [audience]}
        self._session.reads.mark_written(("federated", application_id))
        self._session.waits.until_visible(
            lambda: self._request("PATCH", path, json=body, headers=UPSERT),
            what=f"every replica to know application {application_id}",
            on=NEW_OBJECT,
        )

    def delete_federated_credential(self, application_id: str, name: str) -> None:
        """https://learn.microsoft.com/graph/api/federatedidentitycredential-delete."""
        self._session.reads.mark_written(("federated", application_id))
        self._request("DELETE", f"{_federated(application_id)}(name='{name}')", missing_ok=True)

    def _await_password_gone(self, application_id: str, key_id: str) -> bool:
        """Wait a moment for the key to disappear from the list; returns whether it did."""

        def gone() -> bool:
            application = self.find_application_by_id(application_id)
            return application is None or all(one.key_id != key_id for one in application.passwords)

        with suppress(NotYetVisible):
            self._session.waits.until(gone, what=f"the removal of password {key_id}")
            return True
        return False

    def _delete_and_purge(self, path: str, object_id: str) -> None:
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

    def _application(self, path: str) -> GraphApplication | None:
        response = self._request("GET", path, params=OF_APPLICATION, missing_ok=True)
        return None if response.status_code == NOT_FOUND else read_application(response.json())

    def _keep(self, application: GraphApplication | None) -> GraphApplication | None:
        if application is not None:
            self._session.reads.keep(_cache_key(application.object_id), application)
        return application

    def _deleted_applications(self) -> list[GraphApplication]:
        """Empty without Application.Read.All, which only this list needs: https://learn.microsoft.com/graph/api/directory-deleteditems-list."""
        with suppress(NotAuthorized):
            items = self._list("directory/deletedItems/microsoft.graph.application", OF_APPLICATION)
            return [read_application(item) for item in items]
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


def _federated(application_id: str) -> str:
    return f"applications/{application_id}/federatedIdentityCredentials"


def _cache_key(object_id: str) -> tuple[str, str]:
    return ("application", object_id)
