"""Tokens are checked on every call: audience, expiry, tenant, signature, and that the caller still exists."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from localazure.app.signing import Signer
from tests.emulator import ARM, GRAPH, TENANT

if TYPE_CHECKING:
    from tests.emulator import Answer, LocalAzure

URL = f"{ARM}/subscriptions?api-version=2022-12-01"


def _code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json()["error"]["code"]


def test_a_call_without_a_token_is_a_401_with_a_challenge(azure: LocalAzure) -> None:
    answer = azure.request("GET", URL, token="")
    assert _code(answer) == (401, "AuthenticationFailed")
    assert TENANT in answer.headers["www-authenticate"]


def test_a_token_for_another_audience_is_refused(azure: LocalAzure) -> None:
    assert _code(azure.request("GET", URL, token=azure.token(GRAPH))) == (401, "InvalidAuthenticationTokenAudience")


@pytest.mark.parametrize("resource", [ARM, f"{ARM}/", "https://management.core.windows.net/"])
def test_an_audience_is_accepted_with_and_without_a_trailing_slash(azure: LocalAzure, resource: str) -> None:
    assert azure.request("GET", URL, token=azure.token(resource)).status == 200


def test_a_token_expires_by_the_local_azure_s_clock(azure: LocalAzure) -> None:
    token = azure.token()
    azure.advance(3500)
    assert azure.request("GET", URL, token=token).status == 200
    azure.advance(100)
    assert _code(azure.request("GET", URL, token=token)) == (401, "ExpiredAuthenticationToken")


def test_a_token_is_rejected_before_its_not_before_time(azure: LocalAzure) -> None:
    azure.advance(7200)
    token = azure.token()
    azure.control("PUT", "/clock", {"offset_seconds": 0})
    assert azure.request("GET", URL, token=token).status == 401


def test_a_changed_claim_breaks_the_signature(azure: LocalAzure) -> None:
    head, body, signature = azure.token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    forged = base64.urlsafe_b64encode(json.dumps(claims | {"oid": "other"}).encode()).rstrip(b"=").decode()
    assert _code(azure.request("GET", URL, token=f"{head}.{forged}.{signature}")) == (401, "InvalidAuthenticationToken")


def test_a_token_signed_by_another_key_is_refused(azure: LocalAzure) -> None:
    claims = jwt.decode(azure.token(), options={"verify_signature": False})
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert azure.request("GET", URL, token=jwt.encode(claims, other, "RS256")).status == 401


def test_a_token_without_signature_is_refused(azure: LocalAzure) -> None:
    claims = jwt.decode(azure.token(), options={"verify_signature": False})
    assert azure.request("GET", URL, token=jwt.encode(claims, "", "none")).status == 401


@pytest.mark.parametrize("claim", ["exp", "nbf"])
def test_a_time_that_is_no_number_makes_a_token_malformed(azure: LocalAzure, claim: str) -> None:
    claims = jwt.decode(azure.token(), options={"verify_signature": False})
    token = Signer(azure.state / "token-key.pem").sign({**claims, claim: "soon"})
    assert _code(azure.request("GET", URL, token=token)) == (401, "InvalidAuthenticationToken")


def test_a_malformed_token_is_refused(azure: LocalAzure) -> None:
    assert _code(azure.request("GET", URL, token="nonsense")) == (401, "InvalidAuthenticationToken")


def test_the_claims_are_entra_s(azure: LocalAzure) -> None:
    claims = jwt.decode(azure.token(f"{ARM}/"), options={"verify_signature": False})
    assert claims["iss"] == f"https://sts.windows.net/{TENANT}/"
    assert claims["aud"] == f"{ARM}/"
    assert claims["oid"] == claims["sub"]
    assert (claims["appid"], claims["tid"]) == (azure.operator_client_id, TENANT)
    assert (claims["ver"], claims["idtyp"]) == ("1.0", "app")
    assert "roles" not in claims
    graph = jwt.decode(azure.token(GRAPH), options={"verify_signature": False})
    assert graph["roles"] == ["Application.ReadWrite.OwnedBy"]


def test_the_published_key_verifies_a_token(azure: LocalAzure) -> None:
    keys = azure.request("GET", f"https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys", token="").json()
    named = jwt.get_unverified_header(azure.token())["kid"]
    key = next(jwt.PyJWK(each, "RS256") for each in keys["keys"] if each["kid"] == named)
    assert jwt.decode(azure.token(), key.key, algorithms=["RS256"], audience=ARM)["tid"] == TENANT


def test_the_token_of_a_deleted_principal_is_refused(azure: LocalAzure) -> None:
    client_id, secret = azure.new_client("goes")
    token = azure.token(client_id=client_id, secret=secret)
    assert azure.request("GET", URL, token=token).status == 200
    assert azure.graph("DELETE", f"applications(appId='{client_id}')").status == 204
    assert azure.request("GET", URL, token=token).status == 401
