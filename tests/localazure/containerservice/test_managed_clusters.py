"""AKS clusters over ARM, their OIDC issuer, and the tokens of their service accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import pytest

from tests.emulator import TENANT
from tests.resource_manager import Manager, code

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure

AKS_SERVER = "6dae42f8-4368-4678-94ff-3960e28e3630"
POOL = {"name": "nodepool1", "count": 1, "vmSize": "Standard_D2s_v5", "mode": "System"}
BODY: dict[str, Any] = {"location": "westeurope", "properties": {"dnsPrefix": "one", "agentPoolProfiles": [POOL]}}
WITH_ISSUER = {**BODY, "properties": {**BODY["properties"], "oidcIssuerProfile": {"enabled": True}}}
SEEDED = "/resourceGroups/flink-platform/providers/Microsoft.ContainerService/managedClusters/aks-platform"


@pytest.fixture
def arm(azure: LocalAzure) -> Manager:
    return Manager(azure=azure, version="2025-10-01")


def path_of(arm: Manager, name: str = "aks-one") -> str:
    return f"{arm.group()}/providers/Microsoft.ContainerService/managedClusters/{name}"


def finish(arm: Manager, answer: Answer) -> str:
    """Poll an operation to its end; its status."""
    arm.azure.advance(1)
    return str(arm.azure.request("GET", answer.headers["azure-asyncoperation"]).json()["status"])


def test_a_cluster_is_created_shown_listed_and_deleted(arm: Manager) -> None:
    path = path_of(arm)
    created = arm("PUT", path, BODY)
    assert (created.status, created.json()["properties"]["provisioningState"]) == (201, "Creating")
    assert finish(arm, created) == "Succeeded"
    shown = arm("GET", path).json()
    assert shown["properties"]["provisioningState"] == "Succeeded"
    assert shown["properties"]["oidcIssuerProfile"] == {"enabled": False}
    assert not [name for name in shown if name.startswith("_")]
    group, whole = path.rpartition("/")[0], "/providers/Microsoft.ContainerService/managedClusters"
    assert [one["name"] for one in arm("GET", group).json()["value"]] == ["aks-one"]
    assert {one["name"] for one in arm("GET", whole).json()["value"]} == {"aks-one", "aks-platform"}
    assert arm("PATCH", path, {"tags": {"a": "b"}}).json()["tags"] == {"a": "b"}
    deleted = arm("DELETE", path)
    assert (deleted.status, finish(arm, deleted)) == (202, "Succeeded")
    assert arm.azure.request("GET", deleted.headers["location"]).status == 200
    assert code(arm("GET", path)) == (404, "ResourceNotFound")
    assert arm("DELETE", path).status == 204


@pytest.mark.parametrize(
    ("name", "body", "error"),
    [
        ("aks-one", {"location": "westeurope", "properties": {}}, (400, "InvalidParameter")),
        ("aks-one", {"properties": BODY["properties"]}, (400, "LocationRequired")),
        ("-aks", BODY, (400, "InvalidParameter")),
    ],
)
def test_a_wrong_cluster_is_refused(arm: Manager, name: str, body: Any, error: tuple[int, str]) -> None:
    assert code(arm("PUT", path_of(arm, name), body)) == error


def test_an_issuer_is_added_later_and_stays(arm: Manager) -> None:
    path = path_of(arm)
    arm("PUT", path, BODY)
    updated = arm("PUT", path, WITH_ISSUER)
    profile = updated.json()["properties"]["oidcIssuerProfile"]
    assert (updated.status, profile["enabled"]) == (200, True)
    assert profile["issuerURL"].startswith(f"https://westeurope.oic.prod-aks.azure.com/{TENANT}/")
    assert profile["issuerURL"].endswith("/")
    off = {**BODY, "properties": {**BODY["properties"], "oidcIssuerProfile": {"enabled": False}}}
    assert code(arm("PUT", path, off))[0] == 400
    assert arm("PUT", path, BODY).json()["properties"]["oidcIssuerProfile"] == profile


def test_the_issuer_publishes_the_key_of_its_service_accounts_tokens(arm: Manager) -> None:
    properties = arm("GET", SEEDED).json()["properties"]
    issuer = properties["oidcIssuerProfile"]["issuerURL"]
    document = arm.azure.request("GET", f"{issuer}.well-known/openid-configuration", token="").json()
    assert document["issuer"] == issuer
    (key,) = arm.azure.request("GET", document["jwks_uri"], token="").json()["keys"]
    url = f"https://{properties['fqdn']}/api/v1/namespaces/airflow/serviceaccounts/worker/token"
    body = {"spec": {"audiences": ["api://AzureADTokenExchange"], "expirationSeconds": 3600}}
    made = arm.azure.request("POST", url, body, token=arm.azure.token(AKS_SERVER))
    assert made.status == 201
    claims: dict[str, Any] = jwt.decode(
        made.json()["status"]["token"],
        jwt.PyJWK(key).key,
        algorithms=["RS256"],
        audience="api://AzureADTokenExchange",
        issuer=issuer,
    )
    assert claims["sub"] == "system:serviceaccount:airflow:worker"
    assert claims["exp"] - claims["iat"] == 3600


def test_an_issuer_that_is_none_and_an_api_server_that_is_none_are_not_found(arm: Manager) -> None:
    issuer = f"https://westeurope.oic.prod-aks.azure.com/{TENANT}/x/.well-known/openid-configuration"
    assert arm.azure.request("GET", issuer, token="").status == 404
    url = "https://other.hcp.westeurope.azmk8s.io/api/v1/namespaces/a/serviceaccounts/b/token"
    assert arm.azure.request("POST", url, {}, token=arm.azure.token(AKS_SERVER)).json()["reason"] == "NotFound"


def test_who_may_not_fetch_the_administrators_kubeconfig_gets_no_token(arm: Manager) -> None:
    someone = arm.someone()
    fqdn = arm("GET", SEEDED).json()["properties"]["fqdn"]
    url = f"https://{fqdn}/api/v1/namespaces/a/serviceaccounts/b/token"
    token = arm.azure.token(AKS_SERVER, someone.app_id, someone.secret)
    assert arm.azure.request("POST", url, {}, token=token).status == 403
    assert arm.azure.request("POST", url, {}, token="").json()["reason"] == "Unauthorized"
    short = {"spec": {"expirationSeconds": 60}}
    assert arm.azure.request("POST", url, short, token=arm.azure.token(AKS_SERVER)).status == 422
