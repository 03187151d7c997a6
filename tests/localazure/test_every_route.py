"""Every route of every service, with every invalid token: each is refused before anything is done."""

from __future__ import annotations

import base64
import http.client
import json
import re
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import HMACAlgorithm, RSAAlgorithm

from localazure.app.signing import Signer
from localazure.discovery import find_services
from tests.emulator import GRAPH
from tests.localazure import lake as lakes
from tests.localazure.fabric.workspace import WORKSPACE_ID
from tests.resource_manager import VAULT, Manager
from tests.sentinels.counts import tried

if TYPE_CHECKING:
    from localazure.app.service import Route, Service
    from tests.emulator import LocalAzure

WITHOUT_TOKEN = {"kubernetes_issuer", "login", "metadata"}  # signing in needs no token, nor does asking where to
NOTHING_THERE = ("airflow.svc.datafactory.azure.com", "azmk8s.io")  # no runtime or cluster has the example's host name
OTHER_ID = "00000000-1111-2222-3333-444444444444"
RUNTIME_HOST = "one.westeurope.airflow.svc.datafactory.azure.com"
STORAGE = {"blob", "dfs"}  # they look at tokens themselves: keys and signatures come there, too


def invalid_authorizations(azure: LocalAzure, audience: str) -> dict[str, str]:
    """Authorization headers by what is wrong with each; everything else about the token is valid."""
    signer = Signer(azure.state / "token-key.pem")
    valid = azure.token(audience)
    claims: dict[str, Any] = jwt.decode(valid, options={"verify_signature": False})
    head, body, signature = valid.split(".")
    forger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    names = {"kid": signer.key_id, "x5t": signer.key_id}
    confused = f"{_jwt_part({'alg': 'HS256', 'typ': 'JWT', **names})}.{body}"
    mac = HMACAlgorithm(HMACAlgorithm.SHA256).sign(confused.encode(), _public_key(azure))
    embedded = {**names, "jwk": RSAAlgorithm.to_jwk(forger.public_key(), as_dict=True)}
    tokens = {
        "another audience": signer.sign({**claims, "aud": "https://example.com"}),
        "no audience": signer.sign({name: value for name, value in claims.items() if name != "aud"}),
        "another tenant": signer.sign({**claims, "tid": OTHER_ID, "iss": f"https://sts.windows.net/{OTHER_ID}/"}),
        "expired": signer.sign({**claims, "nbf": 1, "iat": 1, "exp": claims["nbf"] - 86_400}),
        "not yet valid": signer.sign({**claims, "nbf": claims["exp"] + 86_400, "exp": claims["exp"] + 172_800}),
        "never valid": signer.sign({name: value for name, value in claims.items() if name not in {"nbf", "exp"}}),
        "of nobody": signer.sign({**claims, "oid": OTHER_ID}),
        "another key": jwt.encode(claims, forger, "RS256", headers=names),
        "a key of its own": jwt.encode(claims, forger, "RS256", headers=embedded),
        "no signature": f"{head}.{body}.",
        "alg none": f"{_jwt_part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        "alg None": f"{_jwt_part({'alg': 'None', 'typ': 'JWT', **names})}.{body}.{signature}",
        "HS256 with the public key": f"{confused}.{_base64(mac)}",
        "nonsense": "nonsense",
    }
    return {
        "none": "",
        "another scheme": f"Basic {valid}",
        **{name: f"Bearer {token}" for name, token in tokens.items()},
    }


def _public_key(azure: LocalAzure) -> bytes:
    """The public key of the local Entra, which everybody may have, in PEM."""
    own = serialization.load_pem_private_key((azure.state / "token-key.pem").read_bytes(), None)
    return own.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _jwt_part(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def token_audience(service: Service) -> str:
    """The audience of the service's tokens."""
    if service.name in STORAGE:
        return lakes.STORAGE
    host = service.hosts[0]
    if host.endswith(".vault.azure.net"):
        return VAULT
    if host.endswith("azmk8s.io") or "fabric" in host:
        return str((service.audiences or ("",))[0])
    return GRAPH if host.startswith("graph.") else "https://management.azure.com"


def example_host(service: Service, lake: str) -> str:
    """A host name that the service answers for."""
    examples = {"*.vault.azure.net": "kv-one.vault.azure.net", "*.*.airflow.svc.datafactory.azure.com": RUNTIME_HOST}
    return examples.get(service.hosts[0], service.hosts[0].replace("*", lake))


def path_and_query(azure: LocalAzure, route: Route) -> str:
    """Path and query of a request that the route matches."""
    group = f"{azure.subscription}/resourceGroups/rg-one"
    values = {"subscription": azure.subscription_id, "group": "rg-one", "container": "data", "version": "v1.0"}
    values |= {
        "workspace": WORKSPACE_ID,
        "scope": group,
        "resource": f"{group}/providers/Microsoft.KeyVault/vaults/kv-one",
    }
    path = re.sub(r"\{(\w+)(:path)?\}", lambda match: values.get(match[1], "kv-one"), route.path)
    query = {"api-version": "2021-04-01", **{name: value or "x" for name, value in route.query.items()}}
    return quote(path, safe="/()$'") + "?" + "&".join(f"{name}={quote(value)}" for name, value in query.items())


def expected_statuses(service: Service, problem: str) -> set[int]:
    """The statuses of a refusal. Storage answers 400 InvalidAuthenticationInfo to an unknown scheme."""
    return {400} if problem == "another scheme" and "core.windows.net" in service.hosts[0] else {401, 403}


class Connection:
    """One connection for many requests; reconnects when the server closes it."""

    def __init__(self, azure: LocalAzure, host: str) -> None:
        self._azure, self._host = azure, host
        self._line = azure.connect(host)

    def status(self, method: str, path: str, authorization: str) -> int:
        """The status of the response to one request."""
        headers = {"x-ms-version": "2021-06-08", **({"Authorization": authorization} if authorization else {})}
        body = b"{}" if method in {"PUT", "POST", "PATCH"} else None
        try:
            self._line.request(method, path, body, headers)
            response = self._line.getresponse()
        except (http.client.HTTPException, OSError):
            self.close()
            self._line = self._azure.connect(self._host)
            self._line.request(method, path, body, headers)
            response = self._line.getresponse()
        response.read()
        return response.status

    def close(self) -> None:
        self._line.close()


WITH_TOKEN = [service for service in find_services() if service.name not in WITHOUT_TOKEN]


@pytest.mark.parametrize("service", WITH_TOKEN, ids=lambda service: service.name)
def test_no_route_accepts_an_invalid_token(azure: LocalAzure, service: Service) -> None:
    lake = lakes.create_lake(azure)
    Manager(azure=azure).vault()
    tokens = invalid_authorizations(azure, token_audience(service))
    azure.control("DELETE", "/calls")
    with closing(Connection(azure, example_host(service, lake.name))) as connection:
        accepted = {
            (route.method, route.path, problem, status)
            for route in service.routes
            if route.needs_token
            for problem, header in tokens.items()
            if (status := connection.status(route.method, path_and_query(azure, route), header))
            not in expected_statuses(service, problem)
        }
    tried(len(tokens) * len(service.routes))
    assert accepted == set()


@pytest.mark.parametrize("service", WITH_TOKEN, ids=lambda service: service.name)
def test_no_route_with_an_action_accepts_a_caller_without_it(azure: LocalAzure, service: Service) -> None:
    arm, lake = Manager(azure=azure), lakes.create_lake(azure)
    arm.vault()
    nobody = arm.someone("nobody")
    allowed = {403, 404} if service.hosts[0].endswith(NOTHING_THERE) else {403}
    header = f"Bearer {azure.token(token_audience(service), nobody.app_id, nobody.secret)}"
    with closing(Connection(azure, example_host(service, lake.name))) as connection:
        accepted = {
            (route.method, route.path, status)
            for route in service.routes
            if route.action
            and (status := connection.status(route.method, path_and_query(azure, route), header)) not in allowed
        }
    tried(len(service.routes))
    assert accepted == set()
