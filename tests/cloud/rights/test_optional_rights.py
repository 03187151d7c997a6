"""Which of the rights that a run can do without its caller lacks, as far as Azure says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provisioner.cloud.rights.permissions import can_read_applications
from provisioner.model import NeededRight
from tests.kinds.azure_setup import cloud_of
from tests.resource_manager import ROLES, Manager

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

READERS = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b"
EVERY_APP = "0997a1d0-0d1d-4acb-b408-d5ca73121e90"
APP = {"idtyp": "app", "wids": [EVERY_APP]}
OWNED_BY = "Application.ReadWrite.OwnedBy"


@pytest.fixture
def someone(azure: LocalAzure) -> Iterator[Cloud]:
    """Contributor of a group."""
    arm = Manager(azure=azure)
    caller = arm.someone()
    assert arm.grant(arm.group(), ROLES["Contributor"], caller.object_id).status == 201
    made = cloud_of(azure, (caller.app_id, caller.secret))
    yield made
    made.session.close()


def lacks(azure: LocalAzure, cloud: Cloud, role: str, path: str = "") -> bool | None:
    right = NeededRight(scope=f"{azure.subscription}{path}", where="", role=role, purpose="", optional="nothing")
    return cloud.caller_rights.lacks(right)


def test_a_role_that_another_one_includes_is_not_lacking(azure: LocalAzure, someone: Cloud) -> None:
    group = "/resourceGroups/rg-one"
    assert [lacks(azure, someone, role, group) for role in ("Reader", "Contributor")] == [False, False]
    assert [lacks(azure, someone, role) for role in ("Reader", "Contributor")] == [True, True]
    assert lacks(azure, someone, "A role of somebody") is None


def test_who_may_not_even_ask_lacks_the_roles_that_let_one_ask(azure: LocalAzure, someone: Cloud) -> None:
    azure.fault(fault="error", path="/permissions", status=403, code="AuthorizationFailed", times=None)
    assert lacks(azure, someone, "Reader") is True
    assert lacks(azure, someone, "Key Vault Purge Operator") is None


def test_an_answer_that_is_no_refusal_tells_nothing(azure: LocalAzure, someone: Cloud) -> None:
    assert lacks(azure, someone, "Reader", "/resourceGroups/none") is None


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({**APP, "roles": [OWNED_BY]}, False),
        ({**APP, "roles": [OWNED_BY, "Application.Read.All"]}, True),
        ({**APP, "roles": ["Application.ReadWrite.All"]}, True),
        ({**APP, "roles": [OWNED_BY], "wids": [EVERY_APP, READERS]}, None),  # a directory role may let it
        ({"scp": "Application.Read.All"}, None),  # a person
    ],
)
def test_a_token_tells_of_an_app_whether_it_may_read_those_of_others(
    claims: dict[str, Any], *, expected: bool | None
) -> None:
    assert can_read_applications(claims) is expected
