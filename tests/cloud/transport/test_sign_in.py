"""Which credential is used, and why."""

from __future__ import annotations

import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.transport import RequestsTransport

from provisioner.cloud.profile import PROFILES
from provisioner.cloud.transport.retries import Retry
from provisioner.cloud.transport.session import open_session
from provisioner.cloud.transport.sign_in import choose_credential
from provisioner.errors import Conflict, NotAuthorized
from tests.http_server import listening

if TYPE_CHECKING:
    from collections.abc import Iterator

TENANT = "5f0e5b43-3b0c-4f43-9a8d-6a1d3f1c0a01"


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No variable of Azure is set, nor of a platform that vouches for its jobs."""
    for name in [name for name in os.environ if name.startswith(("AZURE", "ACTIONS_", "SYSTEM_"))]:
        monkeypatch.delenv(name)
    return monkeypatch


def test_a_client_secret_in_the_environment_is_used(env: pytest.MonkeyPatch) -> None:
    for name, value in {"TENANT_ID": TENANT, "CLIENT_ID": "app-7", "CLIENT_SECRET": "not-shown"}.items():
        env.setenv(f"AZURE_{name}", value)
    chosen = choose_credential(PROFILES["public"], None, None)
    assert (type(chosen.credential).__name__, "app-7" in chosen.how) == ("ClientSecretCredential", True)
    assert "not-shown" not in repr(chosen)


def test_a_workload_identity_is_used(env: pytest.MonkeyPatch) -> None:
    for name, value in {"TENANT_ID": TENANT, "CLIENT_ID": "app-7", "FEDERATED_TOKEN_FILE": "/token"}.items():
        env.setenv(f"AZURE_{name}", value)
    assert type(choose_credential(PROFILES["china"], None, None).credential).__name__ == "WorkloadIdentityCredential"


def test_without_variables_the_machine_is_asked(env: pytest.MonkeyPatch) -> None:
    assert env is not None
    chosen = choose_credential(PROFILES["usgovernment"], TENANT, None)
    assert (type(chosen.credential).__name__, "az" in chosen.how) == ("DefaultAzureCredential", True)


def test_an_empty_variable_counts_as_not_set(env: pytest.MonkeyPatch) -> None:
    for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET"):
        env.setenv(f"AZURE_{name}", "")
    assert type(choose_credential(PROFILES["public"], None, None).credential).__name__ == "DefaultAzureCredential"


def test_variables_that_make_no_credential_are_told(env: pytest.MonkeyPatch) -> None:
    for name, value in {"TENANT_ID": TENANT, "CLIENT_ID": "app-7", "CLIENT_CERTIFICATE_PATH": "/none.pem"}.items():
        env.setenv(f"AZURE_{name}", value)
    with pytest.raises(NotAuthorized, match="az login"):
        choose_credential(PROFILES["public"], None, None)


class Platform(HTTPServer):
    """Vouches for a job once, then refuses."""

    asked: list[tuple[str, str, str | None]]


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer({"value": "a-vouch"})

    def do_POST(self) -> None:
        self.answer({"oidcToken": "a-vouch"})

    def answer(self, body: dict[str, str]) -> None:
        server: Any = self.server
        server.asked.append((self.command, self.path, self.headers["Authorization"]))
        content = json.dumps(body).encode()
        self.send_response(200 if len(server.asked) == 1 else 403)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Say nothing."""


@pytest.fixture
def platform(env: pytest.MonkeyPatch) -> Iterator[tuple[Platform, str]]:
    env.setenv("NO_PROXY", "127.0.0.1")
    server = Platform(("127.0.0.1", 0), _Answers)
    server.asked = []
    with listening(server):
        yield server, f"http://127.0.0.1:{server.server_port}"


def test_github_actions_vouches_for_its_job_anew_each_time(
    env: pytest.MonkeyPatch, platform: tuple[Platform, str]
) -> None:
    server, url = platform
    for name, value in {
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": "app-7",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{url}/oidc?api-version=2.0",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "not-shown",
    }.items():
        env.setenv(name, value)
    with RequestsTransport() as transport:
        chosen = choose_credential(PROFILES["usgovernment"], None, None, transport=transport, retry_policy_class=Retry)
        credential: Any = chosen.credential
        assert (type(credential).__name__, "GitHub" in chosen.how) == ("ClientAssertionCredential", True)
        vouch = credential._func
        assert vouch() == "a-vouch"
        with pytest.raises(ClientAuthenticationError, match="GitHub gives this job no identity"):
            vouch()
    where = "/oidc?api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchangeUSGov"
    assert server.asked == [("GET", where, "Bearer not-shown")] * 2
    assert "not-shown" not in repr(chosen)


def in_a_pipeline(env: pytest.MonkeyPatch, url: str) -> None:
    """As a task of Azure Pipelines sees the world."""
    for name, value in {
        "AZURESUBSCRIPTION_TENANT_ID": TENANT,
        "AZURESUBSCRIPTION_CLIENT_ID": "app-7",
        "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "connection-3",
        "SYSTEM_ACCESSTOKEN": "not-shown",
        "SYSTEM_OIDCREQUESTURI": f"{url}/oidc",
    }.items():
        env.setenv(name, value)


def test_azure_pipelines_vouches_for_its_job(env: pytest.MonkeyPatch, platform: tuple[Platform, str]) -> None:
    server, url = platform
    in_a_pipeline(env, url)
    with RequestsTransport() as transport:
        chosen = choose_credential(PROFILES["public"], None, None, transport=transport, retry_policy_class=Retry)
        credential: Any = chosen.credential
        assert credential._get_oidc_token() == "a-vouch"
    assert "Azure Pipelines" in chosen.how
    where = "/oidc?api-version=7.1&serviceConnectionId=connection-3"
    assert server.asked == [("POST", where, "Bearer not-shown")]


class _Lost:
    """A lease that lets nothing be written."""

    def require_seconds(self, _seconds: float, *, during: str) -> None:
        raise Conflict(operation=during)


def test_a_vouch_is_fetched_whatever_the_lease_says_since_renewing_that_takes_a_token(
    env: pytest.MonkeyPatch, platform: tuple[Platform, str]
) -> None:
    _, url = platform
    in_a_pipeline(env, url)
    session = open_session(PROFILES["public"], subscription="s")
    lost: Any = _Lost()
    session.lease = lost
    credential: Any = choose_credential(
        PROFILES["public"], None, None, transport=session.sign_in_transport()
    ).credential

    assert credential._get_oidc_token() == "a-vouch"
    session.close()


def test_a_platform_that_vouches_for_nobody_named_is_passed_over(env: pytest.MonkeyPatch) -> None:
    env.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "https://github.invalid/oidc")
    env.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "not-shown")
    env.setenv("SYSTEM_ACCESSTOKEN", "not-shown")
    assert type(choose_credential(PROFILES["public"], TENANT, None).credential).__name__ == "DefaultAzureCredential"
