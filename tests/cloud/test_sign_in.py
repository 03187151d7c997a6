"""Which credential is used, and why."""

from __future__ import annotations

import os

import pytest

from provisioner.cloud.profile import PROFILES
from provisioner.cloud.sign_in import sign_in
from provisioner.errors import NotAuthorized

TENANT = "5f0e5b43-3b0c-4f43-9a8d-6a1d3f1c0a01"


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No variable of Azure is set."""
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)
    return monkeypatch


def test_a_client_secret_in_the_environment_is_used(env: pytest.MonkeyPatch) -> None:
    for name, value in {"TENANT_ID": TENANT, "CLIENT_ID": "app-7", "CLIENT_SECRET": "not-shown"}.items():
        env.setenv(f"AZURE_{name}", value)
    chosen = sign_in(PROFILES["public"], None, None)
    assert (type(chosen.credential).__name__, "app-7" in chosen.how) == ("ClientSecretCredential", True)
    assert "not-shown" not in repr(chosen)


def test_a_workload_identity_is_used(env: pytest.MonkeyPatch) -> None:
    for name, value in {"TENANT_ID": TENANT, "CLIENT_ID": "app-7", "FEDERATED_TOKEN_FILE": "/token"}.items():
        env.setenv(f"AZURE_{name}", value)
    assert type(sign_in(PROFILES["china"], None, None).credential).__name__ == "WorkloadIdentityCredential"


def test_without_variables_the_machine_is_asked(env: pytest.MonkeyPatch) -> None:
    assert env is not None
    chosen = sign_in(PROFILES["usgovernment"], TENANT, None)
    assert (type(chosen.credential).__name__, "az" in chosen.how) == ("DefaultAzureCredential", True)


def test_an_empty_variable_counts_as_not_set(env: pytest.MonkeyPatch) -> None:
    for name in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET"):
        env.setenv(f"AZURE_{name}", "")
    assert type(sign_in(PROFILES["public"], None, None).credential).__name__ == "DefaultAzureCredential"


def test_variables_that_make_no_credential_are_told(env: pytest.MonkeyPatch) -> None:
    for name, value in {"TENANT_ID": TENANT, "CLIENT_ID": "app-7", "CLIENT_CERTIFICATE_PATH": "/none.pem"}.items():
        env.setenv(f"AZURE_{name}", value)
    with pytest.raises(NotAuthorized, match="az login"):
        sign_in(PROFILES["public"], None, None)
