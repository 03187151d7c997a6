"""Sign-in with the token of a Kubernetes service account, as azure-identity does it, and each refusal with its code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from azure.identity import WorkloadIdentityCredential
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.emulator import ARM, LOGIN, TENANT
from tests.resource_manager import Manager

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator import Answer, LocalAzure

AKS_SERVER = "6dae42f8-4368-4678-94ff-3960e28e3630"
AUDIENCE = "api://AzureADTokenExchange"
CLUSTER = "/resourceGroups/flink-platform/providers/Microsoft.ContainerService/managedClusters/aks-platform"
SUBJECT = "system:serviceaccount:airflow:Worker"


@dataclass(frozen=True, kw_only=True)
class Trusting:
    """An application that trusts a service account of the cluster."""

    azure: LocalAzure
    app_id: str
    object_id: str
    cluster: dict[str, Any]

    @property
    def issuer(self) -> str:
        return str(self.cluster["oidcIssuerProfile"]["issuerURL"])

    def trust(self, **changed: Any) -> None:
        credential = {"name": "main", "issuer": self.issuer, "subject": SUBJECT, "audiences": [AUDIENCE], **changed}
        path = f"applications/{self.object_id}/federatedIdentityCredentials(name='main')"
        assert self.azure.graph("PATCH", path, credential, Prefer="create-if-missing").status in {201, 204}

    def token(self, name: str = "Worker", audience: str = AUDIENCE) -> str:
        url = f"https://{self.cluster['fqdn']}/api/v1/namespaces/airflow/serviceaccounts/{name}/token"
        body = {"spec": {"audiences": [audience]}}
        made = self.azure.request("POST", url, body, token=self.azure.token(AKS_SERVER))
        return str(made.json()["status"]["token"])

    def sign_in(self, assertion: str, **changed: str) -> Answer:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.app_id,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
            "scope": f"{ARM}/.default",
            **changed,
        }
        return self.azure.post_form(f"{LOGIN}/{TENANT}/oauth2/v2.0/token", form)

    def refusal(self, assertion: str, **changed: str) -> int:
        answer = self.sign_in(assertion, **changed)
        (number,) = answer.json()["error_codes"]
        assert answer.json()["error_description"].startswith(f"AADSTS{number}: ")
        return int(number)


@pytest.fixture
def app(azure: LocalAzure) -> Trusting:
    made = azure.graph("POST", "applications", {"displayName": "one"}).json()
    assert azure.graph("POST", "servicePrincipals", {"appId": made["appId"]}).status == 201
    cluster = Manager(azure=azure, version="2025-10-01")("GET", CLUSTER).json()["properties"]
    trusting = Trusting(azure=azure, app_id=made["appId"], object_id=made["id"], cluster=cluster)
    trusting.trust()
    return trusting


def test_azure_identity_signs_in_with_the_token_in_a_file(
    app: Trusting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in app.azure.env.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "token").write_text(app.token())
    file = str(tmp_path / "token")
    with WorkloadIdentityCredential(tenant_id=TENANT, client_id=app.app_id, token_file_path=file) as credential:
        token = credential.get_token(f"{ARM}/.default").token
    (tmp_path / "token").unlink()
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    assert claims["appid"] == app.app_id


def test_issuer_subject_and_audience_are_compared_byte_for_byte(app: Trusting) -> None:
    app.trust(issuer=app.issuer.rstrip("/"))
    assert app.refusal(app.token()) == 700211
    app.trust(subject=SUBJECT.lower())
    assert app.refusal(app.token()) == 7002138
    app.trust(subject=f"{SUBJECT}-2")
    assert app.refusal(app.token()) == 700213
    app.trust(audiences=["api://other"])
    assert app.refusal(app.token()) == 700212
    app.trust()
    assert app.sign_in(app.token()).status == 200
    assert app.refusal(app.token(audience="api://other")) == 700212


def test_a_token_that_has_ended_is_refused(app: Trusting) -> None:
    token = app.token()
    app.azure.advance(3601)
    assert app.refusal(token) == 700024


def test_a_token_of_somebody_elses_key_is_refused(app: Trusting) -> None:
    claims: dict[str, Any] = jwt.decode(app.token(), options={"verify_signature": False})
    kid = jwt.get_unverified_header(app.token())["kid"]
    forger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for headers in ({"kid": kid}, {"kid": "other"}):
        assert app.refusal(jwt.encode(claims, forger, "RS256", headers=headers)) == 7000272
    app.trust(issuer="https://issuer.example/")
    foreign = jwt.encode({**claims, "iss": "https://issuer.example/"}, forger, "RS256")
    assert app.refusal(foreign) == 50166


@pytest.mark.parametrize("changed", [{"exp": "soon"}, {"exp": 1e300}, {"nbf": -1e300}, {"nbf": None}])
def test_a_token_whose_times_are_no_moments_is_malformed(app: Trusting, changed: dict[str, Any]) -> None:
    claims: dict[str, Any] = jwt.decode(app.token(), options={"verify_signature": False})
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert app.refusal(jwt.encode({**claims, **changed}, key, "RS256")) == 50027


def test_a_request_that_says_too_little_is_refused(app: Trusting) -> None:
    assert app.refusal("x.y.z") == 50027
    assert app.refusal(app.token(), client_assertion_type="other") == 900144
    path = f"applications/{app.object_id}/federatedIdentityCredentials/main"
    assert app.azure.graph("DELETE", path).status == 204
    assert app.refusal(app.token()) == 70025


def test_a_trust_takes_effect_when_it_has_spread(app: Trusting) -> None:
    app.trust(subject="other")
    app.azure.advance(5)
    app.azure.control("PUT", "/faults", {"secret_lag_seconds": 3})
    app.trust()
    assert app.refusal(app.token()) == 700213
    app.azure.advance(4)
    assert app.sign_in(app.token()).status == 200


def test_a_managed_identity_signs_in_by_its_own_federated_credentials(app: Trusting) -> None:
    arm = Manager(azure=app.azure, version="2023-01-31")
    path = f"{arm.group()}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-airflow"
    identity = arm("PUT", path, {"location": "westeurope"}).json()["properties"]
    client = {"client_id": identity["clientId"]}
    assert app.refusal(app.token(), **client) == 70025
    trust = f"{path}/federatedIdentityCredentials/worker"
    properties = {"issuer": app.issuer, "subject": SUBJECT, "audiences": [AUDIENCE]}
    assert arm("PUT", trust, {"properties": properties}).status == 201

    signed_in = app.sign_in(app.token(), **client)

    claims = jwt.decode(signed_in.json()["access_token"], options={"verify_signature": False})
    assert (claims["oid"], claims["appid"]) == (identity["principalId"], identity["clientId"])
    assert app.refusal(app.token("another"), **client) == 700213
    assert arm("DELETE", trust).status == 200
    assert app.refusal(app.token(), **client) == 70025
