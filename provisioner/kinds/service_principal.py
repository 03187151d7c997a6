"""The service principal of an application: what signs in and what roles are assigned to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provisioner.errors import NotFound
from provisioner.kind import OWNER_TAG, Kind, Preflight, Right, require_resolved
from provisioner.model import IDENTITY, Change, Observed, Output, Published, Ref, View

if TYPE_CHECKING:
    from provisioner.cloud.clients.graph import GraphServicePrincipal
    from provisioner.cloud.cloud import Cloud


@dataclass(frozen=True, kw_only=True)
class ServicePrincipal:
    """client_id: of its application. adopt: the application was made by hand, and so may this have been."""

    client_id: str | Ref[str] = field(metadata=IDENTITY)
    environment: str
    adopt: bool = False


@dataclass(frozen=True, kw_only=True)
class RegisteredPrincipal(Observed):
    """A service principal as Graph shows it; its application's tags are among its own."""

    object_id: str
    client_id: str
    tags: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Outputs(Published):
    """What roles are assigned to."""

    object_id: Output[str] = Output()


def read(cloud: Cloud, desired: ServicePrincipal) -> RegisteredPrincipal | None:
    """By the application's client id."""
    principal = cloud.graph.find_service_principal(require_resolved(desired.client_id))
    if principal is None:
        return None
    return RegisteredPrincipal(
        owned=_owner_tag(desired.environment) in principal.tags,
        version=principal.object_id,
        object_id=principal.object_id,
        client_id=principal.client_id,
        tags=principal.tags,
    )


def diff(desired: ServicePrincipal, observed: RegisteredPrincipal, _view: View) -> tuple[Change, ...]:
    """The service principal of an owned application is owned, whoever created it."""
    if observed.owned or desired.adopt:
        return ()
    return (Change(field="tags", after=_owner_tag(desired.environment), reason="it has no owner tag"),)


def publish(observed: RegisteredPrincipal, _view: View | None) -> Outputs:
    """What roles are assigned to."""
    return Outputs(object_id=observed.object_id)


def create(cloud: Cloud, desired: ServicePrincipal) -> None:
    """Restore the deleted one, so that its grants apply again, or create one."""
    graph, client_id = cloud.graph, require_resolved(desired.client_id)
    deleted = graph.find_deleted_service_principal(client_id)
    if deleted is None:
        graph.set_service_principal(client_id, (_owner_tag(desired.environment),))
        return
    graph.restore(deleted.object_id)

    def find() -> GraphServicePrincipal:
        principal = graph.find_service_principal(client_id)
        if principal is None:
            raise NotFound(operation=f"restoring the service principal of {client_id}")
        return principal

    principal = cloud.session.waits.until_visible(find, what=f"the service principal of {client_id}", on=(NotFound,))
    graph.set_service_principal(client_id, _with_owner_tag(principal.tags, desired.environment))


def update(cloud: Cloud, desired: ServicePrincipal, observed: RegisteredPrincipal) -> None:
    """Add the owner tag; other tags stay."""
    cloud.graph.set_service_principal(observed.client_id, _with_owner_tag(observed.tags, desired.environment))


def delete(cloud: Cloud, observed: RegisteredPrincipal) -> None:
    """Delete it permanently; it may have been deleted with its application."""
    cloud.graph.delete_and_purge_service_principal(observed.object_id)


def _right(desired: ServicePrincipal) -> Right:
    """It is created and changed by who owns its application."""
    known = isinstance(desired.client_id, str)
    return Right("Application.ReadWrite.OwnedBy", f"applications(appId='{desired.client_id}')" if known else "")


def _with_owner_tag(tags: tuple[str, ...], environment: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*tags, _owner_tag(environment))))


def _owner_tag(environment: str) -> str:
    return f"{OWNER_TAG}={environment}"


KIND: Kind[ServicePrincipal, RegisteredPrincipal] = Kind(
    diff=diff,
    publish=publish,
    read=read,
    owned="it goes with its application, which is found by its own tag",
    create=create,
    update=update,
    delete=delete,
    preflight=Preflight(right=_right),
)
