"""An application in Entra, found by its unique name; or one created by hand, found by its client id.

A soft-deleted one keeps its unique name: it is restored, without its managed passwords.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.errors import Conflict, NotAuthorized, NotFound, NotYetVisible, Refused
from provisioner.key_probe import Rollout, why_not_rolled_out
from provisioner.kind import OWNER_TAG, Checked, Container, Kind, Preflight, Right, Verdict, compare
from provisioner.model import Change, Found, Observed, Output, Published, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.clients.graph import GraphApplication
    from provisioner.cloud.cloud import Cloud


@dataclass(frozen=True, kw_only=True)
class Application:
    """client_id: of an application created by hand; it is used and never changed."""

    unique_name: str
    display_name: str
    environment: str
    client_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class RegisteredApplication(Observed):
    """An application as Graph shows it. tags: all of them. deleted: softly, so its name is still taken."""

    object_id: str
    client_id: str
    display_name: str
    tags: tuple[str, ...]
    deleted: bool = False


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The tenant, for one environment's owner tag. rollout: the settings with which they are needed no longer."""

    environment: str
    rollout: Rollout | None = None


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """What secrets and principals hang on."""

    object_id: Output[str] = Output()
    client_id: Output[str] = Output()
    display_name: Output[str] = Output()


def read(cloud: Cloud, desired: Application) -> RegisteredApplication | None:
    """Raises Refused if the application that the spec adopts does not exist."""
    if desired.client_id is None:
        application = cloud.graph.find_application(desired.unique_name)
        return None if application is None else _observed(application, desired.environment)
    adopted = cloud.graph.find_application_by_client_id(desired.client_id)
    if adopted is None:
        what = f"no application of this tenant has the client id {desired.client_id}"
        raise Refused(f"application/{desired.display_name}", what, "Check `client_id`; without it, one is created")
    return _observed(adopted, environment=None)


def diff(desired: Application, observed: RegisteredApplication, _view: View) -> tuple[Change, ...]:
    """An adopted application never changes, whatever its name."""
    if not observed.owned:
        return ()
    return compare("display_name", observed.display_name, desired.display_name, reason="renamed since")


def publish(observed: RegisteredApplication, _view: View | None) -> Outputs:
    """What secrets and principals hang on."""
    return Outputs(object_id=observed.object_id, client_id=observed.client_id, display_name=observed.display_name)


def ready(cloud: Cloud, desired: Application, observed: RegisteredApplication | None) -> Iterator[Checked]:
    """Check whether the caller may change it, now or when a rotation is due."""
    remedy = cloud.caller_rights.owner_remedy_if_missing(f"applications/{observed.object_id}") if observed else ""
    if observed is not None and remedy:
        drifted = observed.owned and observed.display_name != desired.display_name
        verdict = Verdict.STOPS if drifted else Verdict.NOTE
        yield Checked(verdict=verdict, what="the caller can neither change it nor rotate its secret", remedy=remedy)


def create(cloud: Cloud, desired: Application) -> None:
    """Create it, or restore the deleted one, which may take a moment to be listed."""

    def make() -> str:
        tags = (_owner_tag(desired.environment),)
        try:
            return cloud.graph.set_application(desired.unique_name, desired.display_name, tags)
        except Conflict:
            deleted = cloud.graph.find_deleted_application(desired.unique_name)
            if deleted is None:
                raise
            _restore_without_managed_passwords(cloud, desired, deleted)
            return deleted.object_id

    visible = cloud.session.waits.until_visible
    object_id = visible(make, what=f"the deleted {desired.unique_name} to show", on=(Conflict, NotFound))
    _require_owner(cloud, object_id)


def _require_owner(cloud: Cloud, object_id: str) -> None:
    """Raise NotAuthorized if the caller does not own what it has just made, so that it could not go on with it.

    Waits for it until the deadline. Passes where Graph does not say who the owners are.

    Graph makes the caller an owner; it has been seen not to where the application was made by its unique name:
    https://github.com/Azure/bicep/issues/14868
    """
    remedies: list[str | None] = []

    def is_owner_or_unknown() -> bool:
        cloud.session.reads.mark_written(("owners", f"applications/{object_id}"))
        remedies[:] = [cloud.caller_rights.owner_remedy_if_missing(f"applications/{object_id}")]
        return not remedies[0]

    with suppress(NotYetVisible):
        what = f"the caller to be an owner of application {object_id}"
        cloud.session.waits.until(is_owner_or_unknown, what=what)
    if remedies[0]:
        what, message = f"PATCH applications/{object_id}", "the caller is not among its owners"
        raise NotAuthorized(operation=what, status=201, message=message, remedy=remedies[0])


def update(cloud: Cloud, desired: Application, observed: RegisteredApplication) -> None:
    """Set its name and the owner tag; other tags stay."""
    tags = tuple(dict.fromkeys((*observed.tags, _owner_tag(desired.environment))))
    cloud.graph.update_application(observed.object_id, desired.display_name, tags)


def delete(cloud: Cloud, observed: RegisteredApplication) -> None:
    """Delete the application and its service principal permanently, so that the unique name is free."""
    graph = cloud.graph
    with ThreadPoolExecutor(1) as pool:
        deleted = pool.submit(graph.find_deleted_service_principal, observed.client_id)
        principal = graph.find_service_principal(observed.client_id) or deleted.result()
    graph.delete_and_purge_application(observed.object_id)
    if principal is not None:
        graph.purge(principal.object_id, expected=lambda: graph.find_service_principal(observed.client_id) is not None)


def owned(cloud: Cloud, scope: Scope) -> tuple[Found, ...]:
    """Applications with the owner tag; as `NAME.deleted` those that a teardown deleted but did not purge."""

    def as_found(application: GraphApplication) -> Found:
        name = application.unique_name.removeprefix(f"provisioner-{scope.environment}-") or application.client_id
        observed = _observed(application, scope.environment)
        if application.deleted:
            return Found(name=f"{name}.deleted", observed=observed, kept="deleted; a provision would restore it")
        return Found(name=name, observed=observed, kept=kept)

    listed = cloud.graph.list_applications(_owner_tag(scope.environment))
    kept = why_not_rolled_out(cloud, scope.rollout) if scope.rollout is not None and listed else ""
    return tuple(map(as_found, listed))


def _restore_without_managed_passwords(cloud: Cloud, desired: Application, deleted: GraphApplication) -> None:
    """Restore it, and set its name and owner tag.

    This environment's passwords are removed before the service principal is restored: until then nobody can use them.

    Restoring an application does not restore its service principal:
    https://learn.microsoft.com/graph/api/directory-deleteditems-restore
    """
    graph = cloud.graph
    graph.restore(deleted.object_id)

    def find() -> GraphApplication:
        found = graph.find_application(desired.unique_name)
        if found is None:
            raise NotFound(operation=f"restoring {desired.unique_name}")
        return found

    application = cloud.session.waits.until_visible(
        find, what=f"the restored {desired.unique_name} to show", on=(NotFound,)
    )
    for password in application.passwords:
        if password.name.startswith(f"provisioner-{desired.environment}-"):
            graph.remove_password(application.object_id, password.key_id)
    principal = graph.find_deleted_service_principal(application.client_id)
    if principal is not None:
        graph.restore(principal.object_id)
    update(cloud, desired, _observed(application, desired.environment))


def _observed(application: GraphApplication, environment: str | None) -> RegisteredApplication:
    return RegisteredApplication(
        owned=environment is not None and _owner_tag(environment) in application.tags,
        version=application.object_id,
        object_id=application.object_id,
        client_id=application.client_id,
        display_name=application.display_name,
        tags=application.tags,
        deleted=application.deleted,
    )


def _owner_tag(environment: str) -> str:
    return f"{OWNER_TAG}={environment}"


KIND: Kind[Application, RegisteredApplication] = Kind(
    diff=diff,
    publish=publish,
    read=read,
    owned=owned,
    create=create,
    update=update,
    delete=delete,
    preflight=Preflight(right=lambda _: Right("Application.ReadWrite.OwnedBy"), ready=ready),
    container=Container(),
)
