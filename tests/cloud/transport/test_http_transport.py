"""What is logged of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.cloud.profile import LOCAL
from tests.cloud.clouds import GROUPS, group, open_cloud
from tests.tool_secret import tool_secret

if TYPE_CHECKING:
    import pytest

    from tests.emulator import LocalAzure


def test_debug_shows_requests_and_no_secret(azure: LocalAzure, caplog: pytest.LogCaptureFixture) -> None:
    cloud = open_cloud(azure, tool_secret(azure.operator_secret), debug=True)
    with caplog.at_level("INFO", logger="provisioner.http"):
        cloud.arm.find(group(azure), GROUPS)
        cloud.resource_groups.set_group(group(azure), location="westeurope", tags={"a": "hidden-body"})
    assert f"GET https://management.azure.com{group(azure)}" in caplog.text
    token = cloud.session.credential.get_token_info(LOCAL.arm_scope).token
    for secret in (tool_secret(azure.operator_secret).reveal(), token, "hidden-body", "Bearer"):
        assert secret not in caplog.text
