"""A service on management.azure.com: what all of them have alike, declared once."""

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
    """A service of Resource Manager that takes the calls whose path matches `path`. more: other fields of Service."""
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
    """Answer the lists below resources of type `parent` that are always empty here: clients ask for them in passing."""
    namespace, _, kind = parent.partition("/")
    below = f"/subscriptions/{{subscription}}/resourcegroups/{{group}}/providers/{namespace}/{kind}/{{name}}/"

    def list_nothing(call: Call) -> Reply:
        groups.require_resource(call, parent, call.params["name"])
        return Reply(body={"value": []})

    for child in children:
        action = f"{parent}/{child.replace('/default', '')}/read"
        service.route("GET", below + child, action=action)(list_nothing)


def add_empty_subscription_list(service: Service, kind: str) -> None:
    """Answer the list of a type in the subscription that is always empty here."""
    path = f"/subscriptions/{{subscription}}/providers/{kind}"
    service.route("GET", path, action=f"{kind}/read")(lambda _: Reply(body={"value": []}))


def private_link_resource(parent: Document, name: str, member: str, zone: str) -> Document:
    """What of a resource a private endpoint could lead to; there are no private endpoints here.

    https://learn.microsoft.com/azure/private-link/private-endpoint-dns
    """
    properties = {"groupId": name, "requiredMembers": [member], "requiredZoneNames": [zone]}
    kind = f"{parent['type']}/privateLinkResources"
    return {"id": f"{parent['id']}/privateLinkResources/{name}", "name": name, "type": kind, "properties": properties}
