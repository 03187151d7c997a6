"""A signed-in cloud with settings of the test's own, and a group for it to ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.cloud.cloud import Cloud
from provisioner.cloud.profile import LOCAL
from provisioner.cloud.transport.session import open_session
from provisioner.cloud.transport.sign_in import LocalSettings

if TYPE_CHECKING:
    from provisioner.secret import Secret
    from tests.emulator import LocalAzure

GROUPS = "2021-04-01"


def group(azure: LocalAzure, name: str = "rg-dev") -> str:
    return f"{azure.subscription}/resourceGroups/{name}"


def open_cloud(azure: LocalAzure, secret: Secret, *, debug: bool = False, bundle: str = "") -> Cloud:
    local = LocalSettings(
        proxy=azure.proxy,
        ca_bundle=bundle or azure.ca_bundle,
        tenant_id=azure.tenant_id,
        client_id=azure.operator_client_id,
        client_secret=secret,
    )
    return Cloud(open_session(LOCAL, subscription=azure.subscription_id, local=local, debug=debug))
