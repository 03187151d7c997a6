"""Which credential a run uses: the local Azure's operator, else the environment's, else whoever is signed in here.

Only the credential that is needed is created; azure-identity's chain asks the machine (az, IMDS) one by one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from provisioner.cloud.remedies import SIGN_IN_REMEDY
from provisioner.errors import NotAuthorized

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from azure.core.credentials import TokenCredential

    from provisioner.cloud.profile import Profile
    from provisioner.cloud.transport.client_secret import ClientSecretSignIn
    from provisioner.secret import Secret

# az takes seconds to start, and is asked for all audiences at once; azure-identity gives it ten.
PROCESS_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class LocalSettings:
    """How to reach the embedded local Azure, and the credential of its operator."""

    proxy: str
    ca_bundle: str
    tenant_id: str
    client_id: str
    client_secret: Secret


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """A credential. how: for people, what it is and why it was chosen."""

    credential: TokenCredential | ClientSecretSignIn
    how: str


def choose_credential(profile: Profile, tenant: str | None, local: LocalSettings | None, **options: Any) -> SignIn:
    """The credential of this run; `options` go to azure-identity (transport, retry policy). Fetches no token.

    Order of the environment's variables as in EnvironmentCredential:
    https://learn.microsoft.com/python/api/azure-identity/azure.identity.environmentcredential

    Raises NotAuthorized for variables that make no credential.
    """
    options.update(_authority(profile))
    if local is not None:
        return _operator(local, options)
    try:
        return (
            _from_variables(os.environ, tenant, options)
            or _from_pipeline(profile, os.environ, tenant, options)
            or _default_credential(os.environ, tenant, options)
        )
    except (ValueError, OSError) as error:
        raise NotAuthorized(operation="sign-in", message=str(error), remedy=SIGN_IN_REMEDY) from error


def _authority(profile: Profile) -> dict[str, Any]:
    """The authority is from our own table, so MSAL need not look it up."""
    return {"authority": urlsplit(profile.authority).netloc, "disable_instance_discovery": True}


def _operator(local: LocalSettings, options: Mapping[str, Any]) -> SignIn:
    from azure.identity import ClientSecretCredential

    secret = local.client_secret.reveal()
    credential = ClientSecretCredential(local.tenant_id, local.client_id, secret, **options)
    return SignIn(credential=credential, how="the operator of the embedded local Azure")


def _from_variables(env: Mapping[str, str], tenant: str | None, options: Mapping[str, Any]) -> SignIn | None:
    client = env.get("AZURE_CLIENT_ID")
    home = tenant or env.get("AZURE_TENANT_ID")
    if not client or not home:
        return None
    if secret := env.get("AZURE_CLIENT_SECRET"):
        from azure.identity import ClientSecretCredential

        credential: TokenCredential = ClientSecretCredential(home, client, secret, **options)
        return SignIn(credential=credential, how=f"client secret of {client} (AZURE_CLIENT_SECRET)")
    if path := env.get("AZURE_CLIENT_CERTIFICATE_PATH"):
        from azure.identity import CertificateCredential

        password = env.get("AZURE_CLIENT_CERTIFICATE_PASSWORD")
        credential = CertificateCredential(home, client, path, password=password, **options)
        return SignIn(credential=credential, how=f"certificate of {client} (AZURE_CLIENT_CERTIFICATE_PATH)")
    if path := env.get("AZURE_FEDERATED_TOKEN_FILE"):
        from azure.identity import WorkloadIdentityCredential

        credential = WorkloadIdentityCredential(tenant_id=home, client_id=client, token_file_path=path, **options)
        return SignIn(credential=credential, how=f"workload identity {client} (AZURE_FEDERATED_TOKEN_FILE)")
    return None


def _from_pipeline(
    profile: Profile, env: Mapping[str, str], tenant: str | None, options: Mapping[str, Any]
) -> SignIn | None:
    """The federated identity of a job in GitHub Actions or Azure Pipelines, whose assertions are valid for minutes.

    https://docs.github.com/actions/reference/security/oidc and
    https://learn.microsoft.com/python/api/azure-identity/azure.identity.azurepipelinescredential
    """
    client, home = env.get("AZURE_CLIENT_ID"), tenant or env.get("AZURE_TENANT_ID")
    url, bearer = env.get("ACTIONS_ID_TOKEN_REQUEST_URL"), env.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    if client and home and url and bearer:
        from azure.identity import ClientAssertionCredential

        assertion = _github_assertion(f"{url}&audience={quote(profile.federation_audience, safe='')}", bearer, options)
        credential: TokenCredential = ClientAssertionCredential(home, client, assertion, **options)
        return SignIn(credential=credential, how=f"workload identity {client} (GitHub Actions)")
    client = env.get("AZURESUBSCRIPTION_CLIENT_ID")
    home = tenant or env.get("AZURESUBSCRIPTION_TENANT_ID")
    connection, bearer = env.get("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"), env.get("SYSTEM_ACCESSTOKEN")
    if client and home and connection and bearer:
        from azure.identity import AzurePipelinesCredential

        credential = AzurePipelinesCredential(
            tenant_id=home, client_id=client, service_connection_id=connection, system_access_token=bearer, **options
        )
        return SignIn(credential=credential, how=f"workload identity {client} (Azure Pipelines)")
    return None


def _github_assertion(url: str, bearer: str, options: Mapping[str, Any]) -> Callable[[], str]:
    """A function that fetches the job's assertion from GitHub. It raises what azure-core raises."""
    from azure.core.exceptions import ClientAuthenticationError
    from azure.core.pipeline import Pipeline
    from azure.core.rest import HttpRequest, HttpResponse

    policies = [kind() for kind in (options.get("retry_policy_class"),) if kind]

    def fetch() -> str:
        request = HttpRequest("GET", url, headers={"Authorization": f"Bearer {bearer}"})
        response = Pipeline[HttpRequest, HttpResponse](options["transport"], policies).run(request).http_response
        if response.status_code != 200:
            raise ClientAuthenticationError("GitHub gives this job no identity", response=response)
        return str(response.json()["value"])

    return fetch


def _default_credential(env: Mapping[str, str], tenant: str | None, options: Mapping[str, Any]) -> SignIn:
    """Whoever is signed in on this machine. Skips the variables, of which azure-identity takes empty ones, too.

    https://learn.microsoft.com/azure/developer/python/sdk/authentication/credential-chains
    """
    from azure.identity import DefaultAzureCredential

    tenants = {"additionally_allowed_tenants": [tenant]} if tenant else {}
    identity = env.get("AZURE_CLIENT_ID") or None
    # The chain gives its probe of the machine's identity a retry policy of its own, and takes none besides.
    options = {name: value for name, value in options.items() if name != "retry_policy_class"}
    credential = DefaultAzureCredential(
        exclude_environment_credential=True,
        managed_identity_client_id=identity,
        process_timeout=PROCESS_SECONDS,
        **tenants,
        **options,
    )
    return SignIn(credential=credential, how="DefaultAzureCredential (managed identity, az, azd, as found here)")
