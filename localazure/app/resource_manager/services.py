"""Declares what all services on management.azure.com have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localazure.app.call import Reply
from localazure.app.resource_manager import errors, groups, scopes
from localazure.app.service import Service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from localazure.app.call import Call
    from localazure.app.store import Document


def arm_service(name: str, path: str, versions: Sequence[str], **more: Any) -> Service:
    """Create a service of Resource Manager for the paths that match `path`. more: other fields of Service."""
    return Service(
        name=name,
        hosts=(errors.HOST,),
        path=path,
        audiences=errors.AUDIENCES,
        render=errors.render,
        scope=scopes.authorization_scope,
        merges_slashes=True,
        versions=tuple(versions),
        **more,
    )


def add_empty_lists(service: Service, parent: str, *children: str) -> None:
    """Add routes for lists below resources of type `parent` that are always empty here, since clients ask for them."""
    namespace, _, kind = parent.partition("/")
    parent_path = f"/subscriptions/{{subscription}}/resourcegroups/{{group}}/providers/{namespace}/{kind}/{{name}}/"

    def list_none(call: Call) -> Reply:
        groups.require_resource(call, parent, call.params["name"])
        return Reply(body={"value": []})

    for child in children:
        action = f"{parent}/{child.replace('/default', '')}/read"
        service.route("GET", parent_path + child, action=action)(list_none)


def add_empty_subscription_list(service: Service, kind: str) -> None:
    """Add a route for the list of a type in the subscription that is always empty here."""
    path = f"/subscriptions/{{subscription}}/providers/{kind}"
    service.route("GET", path, action=f"{kind}/read")(lambda _: Reply(body={"value": []}))


def private_link_resource(parent: Document, name: str, member: str, zone: str) -> Document:
    """Return a private link resource of `parent`: the group id and DNS zone that a private endpoint would use.

    https://learn.microsoft.com/azure/private-link/private-endpoint-dns
    """
    properties = {"groupId": name, "requiredMembers": [member], "requiredZoneNames": [zone]}
    kind = f"{parent['type']}/privateLinkResources"
    return {"id": f"{parent['id']}/privateLinkResources/{name}", "name": name, "type": kind, "properties": properties}
