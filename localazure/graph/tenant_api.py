"""What Graph tells of the tenant itself: its organization and domain, and that it has neither users nor groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import Reply
from localazure.app.tenant import TENANT_ID
from localazure.graph import odata
from localazure.graph.access import bad_request, not_found, require_may_read
from localazure.graph.routes import graph_service, route

if TYPE_CHECKING:
    from localazure.app.call import Call

SERVICE = graph_service("graph tenant", r"/(me|users|groups|organization|domains)(/.*)?")
_DOMAIN_NAME = "provisioner.onmicrosoft.com"


@route(SERVICE, "GET", "/me")
@route(SERVICE, "GET", "/me/{rest:path}")
def refuse_me(_call: Call) -> Reply:
    """400: the callers of the local Azure are applications, and only users have a /me."""
    raise bad_request("/me request is only valid with delegated authentication flow.", "BadRequest")


@route(SERVICE, "GET", "/users")
@route(SERVICE, "GET", "/groups")
def list_users_or_groups(call: Call) -> Reply:
    """An empty list: the tenant has neither users nor groups."""
    require_may_read(call)
    return Reply(body=odata.page_body(call, call.path.rsplit("/", 1)[-1], []))


@route(SERVICE, "GET", "/users/{id}")
@route(SERVICE, "GET", "/groups/{id}")
def get_user_or_group(call: Call) -> Reply:
    """404: the tenant has neither users nor groups."""
    require_may_read(call)
    raise not_found(call.params["id"])


@route(SERVICE, "GET", "/organization")
def list_organization(call: Call) -> Reply:
    """List the one tenant."""
    require_may_read(call)
    domain = {"name": _DOMAIN_NAME, "isDefault": True, "isInitial": True, "type": "Managed", "capabilities": "Email"}
    tenant = {"id": TENANT_ID, "displayName": "provisioner", "tenantType": "AAD", "verifiedDomains": [domain]}
    return Reply(body=odata.page_body(call, "organization", [tenant]))


@route(SERVICE, "GET", "/domains")
def list_domains(call: Call) -> Reply:
    """List the one domain of the tenant."""
    require_may_read(call)
    domain = {
        "id": _DOMAIN_NAME,
        "isDefault": True,
        "isInitial": True,
        "isVerified": True,
        "authenticationType": "Managed",
    }
    return Reply(body=odata.page_body(call, "domains", [domain]))
