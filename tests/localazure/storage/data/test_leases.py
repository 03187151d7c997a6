"""The lease of a container or blob, state by state, without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from localazure.app.call import AzureError
from localazure.storage.data import leases
from localazure.storage.data.leases import LeaseRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.store import Document

A, B, C = (f"{digit * 8}-0000-0000-0000-000000000000" for digit in "abc")


def _held(seconds: int = 60, lease_id: str = A) -> Document:
    return leases.acquire(leases.no_lease(), LeaseRequest(proposed_id=lease_id, duration_seconds=seconds), 0.0, "fresh")


def _code(step: Callable[[], object]) -> str:
    with pytest.raises(AzureError) as caught:
        step()
    return caught.value.code


def test_a_lease_without_a_proposed_id_gets_a_fresh_one() -> None:
    assert leases.acquire(leases.no_lease(), LeaseRequest(duration_seconds=15), 0.0, "fresh")["id"] == "fresh"


@pytest.mark.parametrize("seconds", [0, 14, 61, -2])
def test_a_lease_lasts_15_to_60_seconds_or_for_ever(seconds: int) -> None:
    wanted = LeaseRequest(duration_seconds=seconds)
    assert _code(lambda: leases.acquire(leases.no_lease(), wanted, 0.0, A)) == "InvalidHeaderValue"
    assert leases.state(_held(leases.INFINITE), 1e12) == "leased"


def test_a_held_lease_is_taken_again_by_its_own_id_only() -> None:
    own, other = LeaseRequest(proposed_id=A, duration_seconds=60), LeaseRequest(proposed_id=B, duration_seconds=60)
    assert leases.acquire(_held(15), own, 10.0, "x")["expires"] == 70.0
    assert _code(lambda: leases.acquire(_held(), other, 10.0, "x")) == "LeaseAlreadyPresent"
    assert leases.acquire(_held(15), other, 15.0, "x")["id"] == B


def test_a_lease_is_renewed_by_its_holder_also_after_it_ran_out() -> None:
    assert leases.renew(_held(15), LeaseRequest(lease_id=A), 100.0)["expires"] == 115.0
    assert _code(lambda: leases.renew(_held(), LeaseRequest(lease_id=B), 1.0)) == "LeaseIdMismatchWithLeaseOperation"
    free = leases.no_lease()
    assert _code(lambda: leases.renew(free, LeaseRequest(lease_id=A), 1.0)) == "LeaseNotPresentWithLeaseOperation"
    assert _code(lambda: leases.renew(free, LeaseRequest(), 1.0)) == "MissingRequiredHeader"


def test_a_change_may_be_repeated() -> None:
    wanted = LeaseRequest(lease_id=A, proposed_id=B)
    changed = leases.change(_held(), wanted, 1.0)
    assert changed["id"] == B
    assert leases.change(changed, wanted, 1.0)["id"] == B
    strange = LeaseRequest(lease_id=C, proposed_id=A[::-1])
    assert _code(lambda: leases.change(_held(), strange, 1.0)) == "LeaseIdMismatchWithLeaseOperation"


def test_a_released_lease_is_free_at_once() -> None:
    assert leases.state(leases.release(_held(), LeaseRequest(lease_id=A), 1.0), 1.0) == "available"


@pytest.mark.parametrize(
    ("seconds", "period", "state", "left"),
    [(60, None, "breaking", 50), (60, 5, "breaking", 5), (60, 60, "breaking", 50), (60, 0, "broken", 0),
     (-1, None, "broken", 0), (-1, 30, "breaking", 30)],
)  # fmt: skip
def test_a_break_takes_the_shorter_of_period_and_rest(seconds: int, period: int | None, state: str, left: int) -> None:
    broken = leases.break_(_held(seconds), LeaseRequest(break_seconds=period), 10.0)
    assert (leases.state(broken, 10.0), leases.remaining_seconds(broken, 10.0)) == (state, left)
    assert leases.state(broken, 10.0 + left) == "broken"


def test_a_breaking_lease_is_neither_renewed_nor_taken() -> None:
    broken = leases.break_(_held(), LeaseRequest(break_seconds=30), 0.0)
    assert _code(lambda: leases.renew(broken, LeaseRequest(lease_id=A), 1.0)) == "LeaseIsBrokenAndCannotBeRenewed"
    own, other = LeaseRequest(proposed_id=A, duration_seconds=60), LeaseRequest(proposed_id=B, duration_seconds=60)
    assert _code(lambda: leases.acquire(broken, own, 1.0, "x")) == "LeaseIsBreakingAndCannotBeAcquired"
    assert _code(lambda: leases.acquire(broken, other, 1.0, "x")) == "LeaseAlreadyPresent"
    assert leases.acquire(broken, other, 30.0, "x")["id"] == B


@pytest.mark.parametrize(
    ("held", "lease_id", "expected"),
    [
        (True, None, "LeaseIdMissing"),
        (True, B, "LeaseIdMismatchWithContainerOperation"),
        (False, B, "LeaseNotPresentWithContainerOperation"),
    ],
)
def test_what_is_leased_is_deleted_by_its_holder_only(held: bool, lease_id: str | None, expected: str) -> None:  # noqa: FBT001 - a parameter of the test
    lease = _held() if held else leases.no_lease()
    assert _code(lambda: leases.check_lease_id(lease, lease_id, 1.0)) == expected
    leases.check_lease_id(_held(), A, 1.0)
    leases.check_lease_id(leases.no_lease(), None, 1.0)
