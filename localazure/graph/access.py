"""Graph's errors, and who may do what there: permissions and directory roles stand in the token, ownership counts.

https://learn.microsoft.com/graph/permissions-reference#applicationreadwriteownedby and
https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.entra import directory

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.signing import Refusal
    from localazure.app.store import Document

HOST = "graph.microsoft.com"
APP_ID = "00000003-0000-0000-c000-000000000000"
OWNED = "Application.ReadWrite.OwnedBy"
WRITERS = frozenset({"Application.ReadWrite.All", "Directory.ReadWrite.All"})
# Directory roles, by template id: of administrators, of who may register and then owns, of who only reads.
ADMINISTRATORS = frozenset(
    {
        "62e90394-69f5-4237-9190-012177145e10",  # Global Administrator
        "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",  # Application Administrator
        "158c047a-c907-4556-b7ef-446551a6b5f7",  # Cloud Application Administrator
    }
)
DEVELOPER = "cf1c38e5-3621-4004-a7cb-879624dced7c"  # Application Developer
DIRECTORY_READERS = frozenset({"88d8e3e3-8f55-4a1e-953a-9b9898b8876b", "f2ef992c-3afb-46b9-b7cf-a126ee74c451"})
READERS = WRITERS | {OWNED, "Application.Read.All", "Directory.Read.All"}


def render(call: Call, error: AzureError) -> Reply:
    """An error as Graph shows it."""
    asked = call.headers.get("client-request-id") or call.request_id
    inner = {"date": f"{call.world.clock.now():%Y-%m-%dT%H:%M:%S}", "request-id": call.request_id}
    body = {"code": error.code, "message": error.message, **error.details}
    body["innerError"] = {**inner, "client-request-id": asked}
    return Reply(status=error.status, body={"error": body}, headers={"request-id": call.request_id})


def unauthenticated(_call: Call, refusal: Refusal) -> AzureError:
    """Graph's words for a token that does not do."""
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


def denied() -> AzureError:
    """The caller lacks a permission."""
    message = "Insufficient privileges to complete the operation."
    return AzureError(status=403, code="Authorization_RequestDenied", message=message)


def missing(what: str) -> AzureError:
    """Nothing there by that key."""
    message = f"Resource '{what}' does not exist or one of its queried reference-property objects are not present."
    return AzureError(status=404, code="Request_ResourceNotFound", message=message)


def unknown(call: Call) -> AzureError:
    """A path that Graph does not have: 400, since 404 speaks of objects.

    https://github.com/microsoftgraph/microsoft-graph-docs/issues/21648
    """
    return bad(f"Resource not found for the segment '{call.path.rstrip('/').rpartition('/')[2]}'.", "BadRequest")


def bad(message: str, code: str = "Request_BadRequest") -> AzureError:
    """Graph's 400."""
    return AzureError(status=400, code=code, message=message)


def no_application(app_id: str) -> AzureError:
    """A service principal needs an application of the tenant."""
    message = f"The appId '{app_id}' of the service principal does not reference a valid application object."
    detail = {"code": "NoBackingApplicationObject", "message": message, "target": "appId"}
    return AzureError(status=400, code="Request_BadRequest", message=message, details={"details": [detail]})


def taken(name: str) -> AzureError:
    """Two objects may not share this value; soft-deleted ones count."""
    return bad(f"Another object with the same value for property {name} already exists.")


def need_read(call: Call) -> None:
    """Refuse a caller who may not read applications and principals."""
    if not (roles(call) & READERS or _directory_roles(call) & (ADMINISTRATORS | DIRECTORY_READERS | {DEVELOPER})):
        raise denied()


def need_create(call: Call) -> None:
    """Refuse a caller who may make nothing."""
    if not _writes_all(call) and not _writes_owned(call):
        raise denied()


def need_write(call: Call, document: Document) -> None:
    """Refuse a caller who may not change this application or principal."""
    if _writes_all(call):
        return
    if not _writes_owned(call) or call.who.object_id not in owners(call, document):
        raise denied()


def owners(call: Call, document: Document) -> list[str]:
    """Who owns an object: its owners, and for a principal those of its application."""
    app = directory.application_of(call.world, document["appId"]) or {}
    return [*document.get("_owners", []), *app.get("_owners", [])]


def _writes_all(call: Call) -> bool:
    return bool(roles(call) & WRITERS or _directory_roles(call) & ADMINISTRATORS)


def _writes_owned(call: Call) -> bool:
    return OWNED in roles(call) or DEVELOPER in _directory_roles(call)


def roles(call: Call) -> frozenset[str]:
    """The caller's permissions."""
    return frozenset(call.who.claims.get("roles", ()))


def _directory_roles(call: Call) -> frozenset[str]:
    return frozenset(call.who.claims.get("wids", ()))
