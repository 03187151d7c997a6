"""One run's way to Azure."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from provisioner.errors import (
    LeaseLost,
    NotAuthorized,
    NotYetVisible,
)
from provisioner.secret import Secret
from tests.cloud.clouds import GROUPS, group, open_cloud
from tests.tool_secret import tool_secret

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from provisioner.cloud.transport.session import WriteLease
    from tests.emulator import LocalAzure


def test_hostile_variables_do_not_matter_to_the_local_azure(azure: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, ".azure.net,.azure.com,.microsoftonline.com")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "/nonexistent.pem")
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://elsewhere.example.com")
    cloud = open_cloud(azure, tool_secret(azure.operator_secret))
    cloud.session.sign_in()
    assert cloud.arm.find(group(azure), GROUPS) is None
    cloud.resource_groups.set_group(group(azure), location="westeurope", tags={})
    assert cloud.arm.find(group(azure), GROUPS) is not None


def test_it_knows_who_signed_in_and_where(cloud: Cloud, azure: LocalAzure) -> None:
    session = cloud.session
    assert (session.tenant_id, session.caller_type) == (azure.tenant_id, "ServicePrincipal")
    assert session.caller_object_id == session.claims["oid"]
    assert "local Azure" in session.credential.how


def test_a_wrong_secret_says_how_to_sign_in(azure: LocalAzure) -> None:
    cloud = open_cloud(azure, Secret("not-it"))
    with pytest.raises((NotAuthorized, NotYetVisible), match="az login") as caught:
        cloud.session.sign_in()
    assert caught.value.code == "AADSTS7000215"


def test_a_secret_that_has_expired_signs_nobody_in(cloud: Cloud, azure: LocalAzure) -> None:
    client_id, secret = azure.new_client("app")
    azure.advance(3 * 365 * 86400)  # two years is what a secret lives unless told otherwise
    assert not cloud.session.can_sign_in(azure.tenant_id, client_id, tool_secret(secret))


class Waking:
    """Stands for a lease that is lost while a connection is made."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def require_seconds(self, _seconds: float, *, during: str) -> None:
        self.asked.append(during)
        if len(self.asked) == 2:
            raise LeaseLost(operation=during)

    def raise_if_lost(self, *, during: str) -> None:
        self.asked.append(during)


def test_a_write_is_not_sent_when_the_lease_is_lost_while_its_connection_is_made(azure: LocalAzure) -> None:
    cloud, lease = open_cloud(azure, tool_secret(azure.operator_secret)), Waking()
    cloud.session.sign_in()
    cloud.session.lease = cast("WriteLease", lease)

    with pytest.raises(LeaseLost, match="the environment's lease was lost"):
        cloud.resource_groups.set_group(group(azure), location="westeurope", tags={})

    assert len(lease.asked) == 2
    assert cloud.arm.find(group(azure), GROUPS) is None
    cloud.resource_groups.set_group(group(azure), location="westeurope", tags={})
    assert cloud.arm.find_now(group(azure), GROUPS) is not None
