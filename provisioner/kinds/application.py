"""An application in Entra, found by a unique name that we choose; or one made by hand, found by its client id.

A soft-deleted one keeps its unique name: it is restored, without the passwords it had from us.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.errors import Conflict, NotFound, Refused
from provisioner.kind import OWNER_TAG, Container, Kind, Preflight, Right, compare
from provisioner.model import Change, Found, Observed, Output, Published, View

if TYPE_CHECKING:
    from provisioner.cloud.clients.graph import Application as Shown
    from provisioner.cloud.cloud import Cloud


@dataclass(frozen=True, kw_only=True)
class Application:
    """client_id: of an application made by hand; it is used and never changed."""

    unique_name: str
    display_name: str
    environment: str
    client_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class RegisteredApplication(Observed):
    """An application as Graph shows it. tags: all of them, ours and others'. deleted: softly, so its name is kept."""

    object_id: str
    client_id: str
    display_name: str
    tags: tuple[str, ...]
    deleted: bool = False


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The tenant, for one environment's owner tag."""

    environment: str


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """What secrets and principals hang on."""

    object_id: Output[str] = Output()
    client_id: Output[str] = Output()
    display_name: Output[str] = Output()


def read(cloud: Cloud, desired: Application) -> RegisteredApplication | None:
    """Raises Refused if the application that the spec adopts is not there."""
    if desired.client_id is None:
        shown = cloud.graph.find_application(desired.unique_name)
        return None if shown is None else _observed(shown, desired.environment)
    adopted = cloud.graph.find_application_of(desired.client_id)
    if adopted is None:
        what = f"no application of this tenant has the client id {desired.client_id}"
        raise Refused(f"application/{desired.display_name}", what, "Check `client_id`; without it, one is made")
    return _observed(adopted, environment=None)


def diff(desired: Application, observed: RegisteredApplication, _view: View) -> tuple[Change, ...]:
    """An adopted one is as it should be, whatever its name."""
    if not observed.owned:
        return ()
    return compare("display_name", observed.display_name, desired.display_name, reason="renamed since")


def publish(observed: RegisteredApplication, _view: View | None) -> Outputs:
    """What secrets and principals hang on."""
    return Outputs(object_id=observed.object_id, client_id=observed.client_id, display_name=observed.display_name)


def create(cloud: Cloud, desired: Application) -> None:
    """Make it, or bring back the one that was deleted: a moment may pass until it shows among the deleted ones."""

    def make() -> None:
        tags = (_owner_tag(desired.environment),)
        try:
            cloud.graph.set_application(desired.unique_name, desired.display_name, tags)
        except Conflict:
            deleted = cloud.graph.find_deleted_application(desired.unique_name)
            if deleted is None:
                raise
            _restore(cloud, desired, deleted)

    cloud.session.waits.until_visible(make, what=f"the deleted {desired.unique_name} to show", on=(Conflict,))


def update(cloud: Cloud, desired: Application, observed: RegisteredApplication) -> None:
    """Its name; tags of others stay."""
    tags = tuple(dict.fromkeys((*observed.tags, _owner_tag(desired.environment))))
    cloud.graph.update_application(observed.object_id, desired.display_name, tags)


def delete(cloud: Cloud, observed: RegisteredApplication) -> None:
    """The application and, with it, its service principal; both for good, so that the unique name is free."""
    graph = cloud.graph
    principal = graph.find_principal(observed.client_id) or graph.find_deleted_principal(observed.client_id)
    graph.delete_application(observed.object_id)
    if principal is not None:
        graph.purge(principal.object_id, expected=lambda: graph.find_principal(observed.client_id) is not None)


def owned(cloud: Cloud, scope: Scope) -> tuple[Found, ...]:
    """Applications with our owner tag, as `NAME.deleted` those too that a teardown deleted and did not get to purge."""

    def found(shown: Shown) -> Found:
        name = shown.unique_name.removeprefix(f"provisioner-{scope.environment}-") or shown.client_id
        observed = _observed(shown, scope.environment)
        if shown.deleted:
            return Found(name=f"{name}.deleted", observed=observed, kept="deleted; a provision would restore it")
        return Found(name=name, observed=observed)

    return tuple(map(found, cloud.graph.list_applications(_owner_tag(scope.environment))))


def _restore(cloud: Cloud, desired: Application, deleted: Shown) -> None:
    """The passwords go before the service principal comes back: without it nobody can sign in with them.

    Restoring an application does not restore its service principal:
    https://learn.microsoft.com/graph/api/directory-deleteditems-restore
    """
    graph = cloud.graph
    graph.restore(deleted.object_id)

    def find() -> Shown:
        found = graph.find_application(desired.unique_name)
        if found is None:
            raise NotFound(operation=f"restoring {desired.unique_name}")
        return found

    shown = cloud.session.waits.until_visible(find, what=f"the restored {desired.unique_name} to show", on=(NotFound,))
    for password in shown.passwords:
        if password.name.startswith(f"provisioner-{desired.environment}-"):
            graph.remove_password(shown.object_id, password.key_id)
    principal = graph.find_deleted_principal(shown.client_id)
    if principal is not None:
        graph.restore(principal.object_id)
    update(cloud, desired, _observed(shown, desired.environment))


def _observed(shown: Shown, environment: str | None) -> RegisteredApplication:
    return RegisteredApplication(
        owned=environment is not None and _owner_tag(environment) in shown.tags,
        version=shown.object_id,
        object_id=shown.object_id,
        client_id=shown.client_id,
        display_name=shown.display_name,
        tags=shown.tags,
        deleted=shown.deleted,
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
    preflight=Preflight(right=lambda _: Right("Application.ReadWrite.OwnedBy")),
    container=Container(),
)
