"""Graph's errors, and what a caller may do: by the permissions and directory roles in its token, and by ownership.

https://learn.microsoft.com/graph/permissions-reference#applicationreadwriteownedby and
https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.entra import directory

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.signing import InvalidToken
    from localazure.app.store import Document

HOST = "graph.microsoft.com"
APP_ID = "00000003-0000-0000-c000-000000000000"
OWNED_BY = "Application.ReadWrite.OwnedBy"
WRITE_PERMISSIONS = frozenset({"Application.ReadWrite.All", "Directory.ReadWrite.All"})
ROLE_PERMISSIONS = frozenset({"AppRoleAssignment.ReadWrite.All"})
# Directory roles, by template id: of administrators, of who may register and then owns, of who only reads.
ADMINISTRATOR_ROLES = frozenset(
    {
        "62e90394-69f5-4237-9190-012177145e10",  # Global Administrator
        "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",  # Application Administrator
        "158c047a-c907-4556-b7ef-446551a6b5f7",  # Cloud Application Administrator
    }
)
DEVELOPER_ROLE = "cf1c38e5-3621-4004-a7cb-879624dced7c"  # Application Developer
DIRECTORY_READER_ROLES = frozenset({"88d8e3e3-8f55-4a1e-953a-9b9898b8876b", "f2ef992c-3afb-46b9-b7cf-a126ee74c451"})
READ_PERMISSIONS = WRITE_PERMISSIONS | {OWNED_BY, "Application.Read.All", "Directory.Read.All"}


def render(call: Call, error: AzureError) -> Reply:
    """An error as Graph answers it, with the request ids in `innerError`."""
    client_request_id = call.headers.get("client-request-id") or call.request_id
    inner = {"date": f"{call.tenant.clock.now():%Y-%m-%dT%H:%M:%S}", "request-id": call.request_id}
    body = {"code": error.code, "message": error.message, **error.details}
    body["innerError"] = {**inner, "client-request-id": client_request_id}
    return Reply(status=error.status, body={"error": body}, headers={"request-id": call.request_id})


def unauthenticated(_call: Call, refusal: InvalidToken) -> AzureError:
    """Graph's 401 for a token that it refuses, by the reason of the refusal."""
    message = {
        "missing": "Access token is empty.",
        "malformed": "IDX14100: JWT is not well formed, there are no dots (.).",
        "signature": "Access token validation failure. Signature is invalid.",
        "expired": "Lifetime validation failed, the token is expired.",
        "audience": "Access token validation failure. Invalid audience.",
        "tenant": "Access token validation failure. Invalid issuer.",
        "caller": "The identity of the calling application could not be established.",
    }[refusal.reason]
    authority = "https://login.microsoftonline.com/common/oauth2/authorize"
    challenge = {"WWW-Authenticate": f'Bearer realm="", authorization_uri="{authority}", client_id="{APP_ID}"'}
    return AzureError(status=401, code="InvalidAuthenticationToken", message=message, headers=challenge)


def forbidden() -> AzureError:
    """403 Authorization_RequestDenied: the caller lacks a permission."""
    message = "Insufficient privileges to complete the operation."
    return AzureError(status=403, code="Authorization_RequestDenied", message=message)


def not_found(key: str) -> AzureError:
    """404 Request_ResourceNotFound for an object's id or alternate key."""
    message = f"Resource '{key}' does not exist or one of its queried reference-property objects are not present."
    return AzureError(status=404, code="Request_ResourceNotFound", message=message)


def unknown_segment(call: Call) -> AzureError:
    """400 for a path that Graph does not have; 404 is for missing objects only.

    https://github.com/microsoftgraph/microsoft-graph-docs/issues/21648
    """
    return bad_request(
        f"Resource not found for the segment '{call.path.rstrip('/').rpartition('/')[2]}'.", "BadRequest"
    )


def bad_request(message: str, code: str = "Request_BadRequest") -> AzureError:
    """A 400 with Graph's usual code, or another."""
    return AzureError(status=400, code=code, message=message)


def no_backing_application(app_id: str) -> AzureError:
    """400: the service principal's application does not exist in the tenant."""
    message = f"The appId '{app_id}' of the service principal does not reference a valid application object."
    detail = {"code": "NoBackingApplicationObject", "message": message, "target": "appId"}
    return AzureError(status=400, code="Request_BadRequest", message=message, details={"details": [detail]})


def duplicate_value(property_name: str) -> AzureError:
    """400: another object has the same value for a unique property. Soft-deleted objects count."""
    return bad_request(f"Another object with the same value for property {property_name} already exists.")


def require_may_read(call: Call) -> None:
    """403 for a caller who may not read applications and service principals."""
    if not (
        caller_permissions(call) & READ_PERMISSIONS
        or _directory_roles(call) & (ADMINISTRATOR_ROLES | DIRECTORY_READER_ROLES | {DEVELOPER_ROLE})
    ):
        raise forbidden()


def require_may_create(call: Call) -> None:
    """403 for a caller who may not create applications and service principals."""
    if not _may_write_all(call) and not _may_write_owned(call):
        raise forbidden()


def require_may_assign_roles(call: Call) -> None:
    """403 for a caller who may not assign app roles, whatever it owns."""
    if not (caller_permissions(call) & ROLE_PERMISSIONS or _directory_roles(call) & ADMINISTRATOR_ROLES):
        raise forbidden()


def require_may_write(call: Call, document: Document) -> None:
    """403 for a caller who may not change this application or service principal."""
    if _may_write_all(call):
        return
    owners = _ids_of_owners_and_of_application_owners(call, document)
    if not _may_write_owned(call) or call.authenticated_caller.object_id not in owners:
        raise forbidden()


def _ids_of_owners_and_of_application_owners(call: Call, document: Document) -> list[str]:
    """The object ids of an object's owners, and for a service principal those of its application's owners as well."""
    app = directory.find_application_by_app_id(call.tenant, document["appId"]) or {}
    return [*document.get("_owners", []), *app.get("_owners", [])]


def _may_write_all(call: Call) -> bool:
    """Whether the caller may change every application, by a permission or as an administrator."""
    return bool(caller_permissions(call) & WRITE_PERMISSIONS or _directory_roles(call) & ADMINISTRATOR_ROLES)


def _may_write_owned(call: Call) -> bool:
    """Whether the caller may change the applications that it owns."""
    return OWNED_BY in caller_permissions(call) or DEVELOPER_ROLE in _directory_roles(call)


def caller_permissions(call: Call) -> frozenset[str]:
    """The Graph permissions in the caller's token."""
    return frozenset(call.authenticated_caller.claims.get("roles", ()))


def _directory_roles(call: Call) -> frozenset[str]:
    """The template ids of the directory roles in the caller's token."""
    return frozenset(call.authenticated_caller.claims.get("wids", ()))
