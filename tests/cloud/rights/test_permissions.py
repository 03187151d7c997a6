"""What a token for Graph allows its bearer."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.cloud.rights.permissions import can_register, may_change_only_owned

APP = {"idtyp": "app", "wids": ["0997a1d0-0d1d-4acb-b408-d5ca73121e90"]}
READERS = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b"
ADMINISTRATOR = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({**APP, "roles": ["Application.ReadWrite.OwnedBy"]}, True),
        ({**APP, "roles": ["Application.Read.All", "User.Read.All"]}, False),
        ({**APP, "wids": [*APP["wids"], READERS]}, False),
        ({**APP, "roles": ["Application.Read.All"], "wids": [*APP["wids"], ADMINISTRATOR]}, None),
        (APP, None),  # it was let read, and nothing in the token says why: a custom role
        ({"scp": "Application.Read.All", "roles": ["Application.Read.All"], "wids": []}, None),  # a person
    ],
)
def test_a_token_tells_of_an_app_whether_it_may_register_others(claims: dict[str, Any], *, told: bool | None) -> None:
    assert can_register(claims) is told


@pytest.mark.parametrize(
    ("claims", "owned_only"),
    [
        ({**APP, "roles": ["Application.ReadWrite.OwnedBy", "Application.Read.All"]}, True),
        ({**APP, "roles": ["Application.ReadWrite.OwnedBy", "Application.ReadWrite.All"]}, False),
        ({**APP, "roles": ["Application.ReadWrite.OwnedBy"], "wids": [ADMINISTRATOR]}, False),
        ({"scp": "Application.ReadWrite.All"}, False),  # a person
    ],
)
def test_a_token_tells_of_an_app_whether_it_must_own_what_it_changes(
    claims: dict[str, Any], *, owned_only: bool
) -> None:
    assert may_change_only_owned(claims) is owned_only
