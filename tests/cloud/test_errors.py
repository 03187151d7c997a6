"""Azure's errors in our words. The bodies are Azure's own, of the pages that error_table.py names."""

from __future__ import annotations

import json
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.core.rest import HttpRequest
from azure.identity import CredentialUnavailableError

from provisioner.cloud.errors import refusal, translated
from provisioner.errors import (
    CloudError,
    Conflict,
    NotAuthorized,
    NotFound,
    NotYetVisible,
    Throttled,
    Unexpected,
    Unreachable,
)

WHO = "11111111-2222-3333-4444-555555555555"
VAULT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv"


class Answer:
    """An answer as both generations of azure-core show it."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self.status_code = status
        self.reason = ""
        self.headers = headers or {}
        self.request = HttpRequest("GET", "https://management.azure.com/")
        self._body = body

    def text(self) -> str:
        return self._body if isinstance(self._body, str) else json.dumps(self._body)


def arm(code: str, message: str = "") -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, arm("PrincipalNotFound"), NotYetVisible, "PrincipalNotFound"),
        (401, arm("InvalidAuthenticationToken"), NotAuthorized, "InvalidAuthenticationToken"),
        (403, {"error": {"code": "F", "innererror": {"code": "ForbiddenByRbac"}}}, NotAuthorized, "ForbiddenByRbac"),
        (403, {"error": {"code": "Forbidden", "innererror": {"code": "SecretDisabled"}}}, Conflict, "SecretDisabled"),
        (403, arm("Authorization_RequestDenied"), NotAuthorized, "Authorization_RequestDenied"),
        (404, arm("ResourceGroupNotFound"), NotFound, "ResourceGroupNotFound"),
        (409, arm("RoleAssignmentExists"), Conflict, "RoleAssignmentExists"),
        (409, {"code": "StorageAccountAlreadyTaken", "message": "m"}, Conflict, "StorageAccountAlreadyTaken"),
        (412, arm("ConditionNotMet"), Conflict, "ConditionNotMet"),
        (429, arm("TooManyRequests"), Throttled, "TooManyRequests"),
        (400, {"error": "invalid_client", "error_description": "AADSTS700016: x"}, NotYetVisible, "AADSTS700016"),
        (500, "<html>", Unexpected, ""),
        (404, "<?xml?><Error><Code>BlobNotFound</Code><Message>m</Message></Error>", NotFound, "BlobNotFound"),
    ],
)
def test_an_answer_is_told_by_status_and_code(status: int, body: Any, kind: type[CloudError], code: str) -> None:
    error = refusal(Answer(status, body), "GET it")
    assert (type(error), error.status, error.code) == (kind, status, code)


def test_a_head_without_a_body_has_its_code_in_a_header() -> None:
    error = refusal(Answer(404, "", {"x-ms-error-code": "BlobNotFound", "x-ms-request-id": "r"}), "HEAD it")
    assert (error.code, error.request_id) == ("BlobNotFound", "r")


def test_a_missing_right_names_action_scope_and_the_line_that_grants_it() -> None:
    message = (
        f"The client 'c' with object id '{WHO}' does not have authorization to perform action "
        f"'Microsoft.KeyVault/vaults/write' over scope '{VAULT}' or the scope is invalid."
    )
    told = refusal(Answer(403, arm("AuthorizationFailed", message)), "PUT vaults/kv").sentence()
    assert f"Microsoft.KeyVault/vaults/write on {VAULT}" in told
    assert f"az role assignment create --assignee {WHO} --role 'Contributor' --scope {VAULT}" in told


def test_a_missing_right_on_data_names_the_data_role() -> None:
    message = (
        "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role "
        f"definitions were changed recently, please observe propagation time.\r\nCaller: appid=a;oid={WHO};iss=i\r\n"
        f"Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\nResource: '{VAULT}/secrets/x'\r\n"
    )
    told = refusal(Answer(403, arm("Forbidden", message)), "GET secrets/x").sentence()
    assert "--role 'Key Vault Secrets Officer'" in told
    assert WHO in told


def test_a_graph_denial_names_the_least_permission() -> None:
    told = refusal(Answer(403, arm("Authorization_RequestDenied")), "PATCH applications").sentence()
    assert "Application.ReadWrite.OwnedBy" in told


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (CredentialUnavailableError(message="no credential"), NotAuthorized),
        (ClientAuthenticationError(message="AADSTS7000215: Invalid client secret"), NotAuthorized),
        (ServiceRequestError("no route"), Unreachable),
    ],
)
def test_what_has_no_answer_is_told_by_type(raised: Exception, kind: type[CloudError]) -> None:
    with pytest.raises(kind), translated("sign-in"):
        raise raised


def test_no_credential_says_how_to_get_one() -> None:
    with pytest.raises(NotAuthorized, match="az login"), translated("sign-in"):
        raise CredentialUnavailableError(message="no credential")
