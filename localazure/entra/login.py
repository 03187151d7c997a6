"""Entra's sign-in (login.microsoftonline.com): discovery, signing keys, tokens by client credentials.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow

In one file: each step of one sign-in hands its findings to the next.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl, unquote_plus

from localazure.app.call import AzureError, Reply
from localazure.app.service import Service
from localazure.app.tenant import TENANT_ID
from localazure.entra import directory, federation, tokens

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant

DOMAIN = "provisioner.onmicrosoft.com"
LIFETIME_SECONDS = 3599
_HOST = "https://login.microsoftonline.com"
_GRAPH = ("https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000")
_STORAGE = ("https://storage.azure.com", "https://*.core.windows.net", "e406a681-f3d4-42a8-90b6-c2b029497af1")
_CREDENTIAL_IN_REQUEST = "sign-in itself: the credential is in the request"
# https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#fetch-the-openid-configuration-document
_CLAIMS = ("sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name", "msgraph_host",
           "aud", "exp", "iat", "auth_time", "acr", "nonce")  # fmt: skip
_PUBLIC_METADATA = "public metadata"


def render(call: Call, error: AzureError) -> Reply:
    """Render an error as Entra does; `details["codes"]` are the AADSTS numbers."""
    timestamp = call.tenant.clock.now().strftime("%Y-%m-%d %H:%M:%SZ")
    correlation = call.headers.get("client-request-id") or call.request_id
    description = f"{error.message} Trace ID: {call.request_id} Correlation ID: {correlation} Timestamp: {timestamp}"
    codes = list(error.details.get("codes", ()))
    body: dict[str, Any] = {
        "error": error.code,
        "error_description": description,
        "error_codes": codes,
        "timestamp": timestamp,
        "trace_id": call.request_id,
        "correlation_id": correlation,
    }
    if codes:
        body["error_uri"] = f"{_HOST}/error?code={codes[0]}"
    return Reply(status=error.status, body=body, headers={"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"})


SERVICE = Service(
    name="login",
    hosts=("login.microsoftonline.com", "login.microsoft.com", "login.windows.net", "sts.windows.net"),
    render=render,
)


@SERVICE.route("GET", "/common/discovery/instance", action=None, why=_PUBLIC_METADATA)
@SERVICE.route("GET", "/{tenant}/discovery/instance", action=None, why=_PUBLIC_METADATA)
def discover_authority(call: Call) -> Reply:
    """List the hosts of one cloud; MSAL requests it before the first token of an authority."""
    segments = call.query.get("authorization_endpoint", "").removeprefix("https://").split("/")
    tenant = segments[1] if len(segments) > 1 else "common"
    aliases = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"]
    cloud = {"preferred_network": aliases[0], "preferred_cache": aliases[1], "aliases": aliases}
    configuration_url = f"{_HOST}/{tenant}/v2.0/.well-known/openid-configuration"
    return Reply(body={"tenant_discovery_endpoint": configuration_url, "api-version": "1.1", "metadata": [cloud]})


@SERVICE.route("GET", "/{tenant}/v2.0/.well-known/openid-configuration", action=None, why=_PUBLIC_METADATA)
def get_openid_configuration(call: Call) -> Reply:
    """Show the OpenID configuration of the v2.0 endpoints."""
    tenant = _require_tenant_id(call)
    base = f"{_HOST}/{tenant}"
    own = {"issuer": f"{base}/v2.0", "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo"}
    claims = {"claims_supported": [*_CLAIMS, "preferred_username", "name", "tid", "ver", "at_hash", "c_hash", "email"]}
    return Reply(body=_endpoints(base, "/v2.0") | own | claims)


@SERVICE.route("GET", "/{tenant}/.well-known/openid-configuration", action=None, why=_PUBLIC_METADATA)
def get_openid_configuration_v1(call: Call) -> Reply:
    """Show the OpenID configuration of the v1.0 endpoints."""
    tenant = _require_tenant_id(call)
    own = {"issuer": f"https://sts.windows.net/{tenant}/", "userinfo_endpoint": f"{_HOST}/{tenant}/openid/userinfo"}
    claims = {"claims_supported": [*_CLAIMS, "amr", "email", "given_name", "family_name", "nickname"]}
    return Reply(body=_endpoints(f"{_HOST}/{tenant}", "") | own | claims)


@SERVICE.route("GET", "/{tenant}/discovery/keys", action=None, why=_PUBLIC_METADATA)
@SERVICE.route("GET", "/{tenant}/discovery/v2.0/keys", action=None, why=_PUBLIC_METADATA)
def list_signing_keys(call: Call) -> Reply:
    """Show the keys with which tokens are signed."""
    return Reply(body=call.tenant.signer.key_set())


@SERVICE.route("POST", "/{tenant}/oauth2/v2.0/token", action=None, why=_CREDENTIAL_IN_REQUEST)
def create_token(call: Call) -> Reply:
    """Issue a token for `scope`, which is one resource followed by `/.default`."""
    form = _client_form(call)
    principal, app = _authenticate_client(call, form)
    scope = form.get("scope") or _raise_missing("scope")
    resource = _resource_in_scope(scope)
    token = _issue_token(call, principal, app, resource, _now(call))
    seconds = LIFETIME_SECONDS
    return _token_reply(
        {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}
    )


@SERVICE.route("POST", "/{tenant}/oauth2/token", action=None, why=_CREDENTIAL_IN_REQUEST)
def create_token_v1(call: Call) -> Reply:
    """Issue a token for `resource`; numbers in v1.0 responses are strings."""
    form = _client_form(call)
    principal, app = _authenticate_client(call, form)
    resource = form.get("resource") or _raise_missing("resource")
    now = _now(call)
    token = _issue_token(call, principal, app, resource, now)
    seconds = str(LIFETIME_SECONDS)
    times = {"expires_in": seconds, "ext_expires_in": seconds, "expires_on": str(now + LIFETIME_SECONDS)}
    return _token_reply(
        {"token_type": "Bearer", **times, "not_before": str(now), "resource": resource, "access_token": token}
    )


def _token_reply(body: dict[str, Any]) -> Reply:
    return Reply(body=body, headers={"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"})


def _endpoints(base: str, version: str) -> dict[str, Any]:
    return {
        "token_endpoint": f"{base}/oauth2{version}/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": f"{base}/discovery{version}/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "request_uri_parameter_supported": False,
        "authorization_endpoint": f"{base}/oauth2{version}/authorize",
        "device_authorization_endpoint": f"{base}/oauth2{version}/devicecode",
        "http_logout_supported": True,
        "frontchannel_logout_supported": True,
        "end_session_endpoint": f"{base}/oauth2{version}/logout",
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    }


def _require_tenant_id(call: Call) -> str:
    """Return the tenant in the path, by id or domain; `{tenantid}` for `common` and the like. Raises invalid_tenant."""
    tenant = call.params["tenant"].lower()
    if tenant in {TENANT_ID, DOMAIN}:
        return TENANT_ID
    if tenant in {"common", "organizations", "consumers"}:
        return "{tenantid}"
    raise _error(
        "invalid_tenant",
        90002,
        f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the "
        "correct cloud. Check with your subscription administrator, this may happen if there are no active "
        "subscriptions for the tenant.",
    )


def _client_form(call: Call) -> dict[str, str]:
    """Return the form of a token request, with the client id and secret of a Basic header, if it has one."""
    form = dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return form
        # RFC 6749 2.3.1: both parts are form-encoded before they are joined.
        return {"client_id": unquote_plus(name), "client_secret": unquote_plus(secret), **form}
    return form


def _authenticate_client(call: Call, form: dict[str, str]) -> tuple[Document, Document]:
    """Check a form's client id and credential. Returns the principal and its application, of a managed identity itself.

    Raises Entra's errors.
    """
    if _require_tenant_id(call) != TENANT_ID:
        text = "The tenant of a client_credentials request must be named; '/common' and '/organizations' do not do."
        raise _error("invalid_request", 50059, text)
    grant = form.get("grant_type") or _raise_missing("grant_type")
    if grant != "client_credentials":
        raise _error("unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{grant}'.")
    client_id = (form.get("client_id") or _raise_missing("client_id")).lower()
    now = call.tenant.clock.timestamp()
    with call.tenant.store.reading_as_of(now - call.tenant.faults.secret_lag_seconds):
        principal = directory.find_principal_by_app_id(call.tenant, client_id)
        app = directory.find_application_by_app_id(call.tenant, client_id)
        if app is None and principal is not None and principal["servicePrincipalType"] == "ManagedIdentity":
            app = principal  # a managed identity has no application
        app = app or _raise_unknown_app(client_id)
    _check_credential(call.tenant, app, form, now)
    if principal is None:
        text = f"The client application {client_id} is missing service principal in the tenant {TENANT_ID}."
        raise _error("unauthorized_client", 7000229, text)
    if not principal.get("accountEnabled", True):
        text = f"Application '{client_id}'({app['displayName']}) is disabled."
        raise _error("unauthorized_client", 7000112, text)
    return principal, app


def _check_credential(tenant: Tenant, app: Document, form: dict[str, str], now: float) -> None:
    """Raise Entra's error unless the form has a token of an issuer that the app trusts, or a secret of the app."""
    if "client_assertion" not in form:
        _check_secret(app, form, now)
    elif form.get("client_assertion_type") == federation.ASSERTION_TYPE:
        federation.require_trusted_assertion(tenant, app, form["client_assertion"], now)
    else:
        _raise_missing("client_assertion_type")


def _check_secret(app: Document, form: dict[str, str], now: float) -> None:
    """Raise Entra's error unless the form's client secret is one of the app's, valid now."""
    client_id = app["appId"]
    if not form.get("client_secret"):
        text = "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."
        raise _error("invalid_client", 7000216, text, status=401)
    digest = directory.secret_hash(form["client_secret"])
    matching = [p for p in app["passwordCredentials"] if hmac.compare_digest(p["_sha256"], digest)]
    if any(_parse_date(p["startDateTime"]) <= now < _parse_date(p["endDateTime"]) for p in matching):
        return
    if any(now >= _parse_date(p["endDateTime"]) for p in matching):
        text = (
            f"The provided client secret keys for app '{client_id}' are expired. Visit the Azure portal to create new "
            "keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added "
            "security: https://aka.ms/certCreds."
        )
        raise _error("invalid_client", 7000222, text, status=401)
    text = (
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not "
        f"the client secret ID, for a secret added to app '{client_id}'."
    )
    raise _error("invalid_client", 7000215, text, status=401)


def _raise_unknown_app(client_id: str) -> NoReturn:
    text = (
        f"Application with identifier '{client_id}' was not found in the directory '{DOMAIN}'. This can happen if the "
        "application has not been installed by the administrator of the tenant or consented to by any user in the "
        "tenant. You may have sent your authentication request to the wrong tenant."
    )
    raise _error("unauthorized_client", 700016, text)


def _resource_in_scope(scope: str) -> str:
    """Return the resource of a scope `RESOURCE/.default`. Raises invalid_scope for any other."""
    scopes = [name for name in scope.split() if name not in {"openid", "profile", "offline_access", "email"}]
    if len(scopes) != 1:
        text = f"The provided request must include a 'scope' input parameter. The scope '{scope}' is not valid."
        raise _error("invalid_scope", 70011, text)
    resource, suffix, rest = scopes[0].rpartition("/.default")
    if not suffix or rest:
        text = (
            f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value with "
            "/.default suffixed to the resource identifier (application ID URI)."
        )
        raise _error("invalid_scope", 1002012, text)
    return resource


def _now(call: Call) -> int:
    """In seconds since 1970, as tokens have it."""
    return int(call.tenant.clock.timestamp())


def _issue_token(call: Call, principal: Document, app: Document, resource: str, now: int) -> str:
    """Sign a token for a resource. Raises invalid_resource."""
    if not _is_known_resource(call, resource):
        text = (
            f"The resource principal named {resource} was not found in the tenant named provisioner. This can happen "
            "if the application has not been installed by the administrator of the tenant or consented to by any user "
            "in the tenant. You might have sent your authentication request to the wrong tenant."
        )
        raise _error("invalid_resource", 500011, text)
    issuer = f"https://sts.windows.net/{TENANT_ID}/"
    claims: dict[str, Any] = {
        "aud": resource,
        "iss": issuer,
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME_SECONDS,
        "appid": app["appId"],
        "appidacr": "1",
        "idp": issuer,
        "idtyp": "app",
        "oid": principal["id"],
        "sub": principal["id"],
        "tid": TENANT_ID,
        "uti": call.request_id,
        "ver": "1.0",
    }
    if any(tokens.audience_matches(resource, graph) for graph in _GRAPH):
        claims |= directory.graph_claims(call.tenant, principal)
    return call.tenant.signer.sign(claims)


def _is_known_resource(call: Call, resource: str) -> bool:
    # Storage is in no service's audiences: it accepts keys and signatures, too, so it checks tokens itself.
    if any(tokens.audience_matches(resource, audience) for audience in {*call.tenant.audiences, *_STORAGE}):
        return True
    identifier = resource.rstrip("/").lower()
    apps = directory.list_applications(call.tenant)
    return any(identifier in {a["appId"], *(u.rstrip("/").lower() for u in a["identifierUris"])} for a in apps)


def _parse_date(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _raise_missing(parameter: str) -> NoReturn:
    text = f"The request body must contain the following parameter: '{parameter}'."
    raise _error("invalid_request", 900144, text)


def _error(kind: str, code: int, text: str, status: int = 400) -> AzureError:
    return AzureError(status=status, code=kind, message=f"AADSTS{code}: {text}", details={"codes": (code,)})
