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


def _leased(seconds: int = 60, lease_id: str = A) -> Document:
    """A lease that started at time 0."""
    return leases.acquire(leases.no_lease(), LeaseRequest(proposed_id=lease_id, duration_seconds=seconds), 0.0, "fresh")


def _error_code(operation: Callable[[], object]) -> str:
    """The error code that an operation raises."""
    with pytest.raises(AzureError) as caught:
        operation()
    return caught.value.code


def test_a_lease_without_a_proposed_id_gets_a_new_one() -> None:
    assert leases.acquire(leases.no_lease(), LeaseRequest(duration_seconds=15), 0.0, "fresh")["id"] == "fresh"


@pytest.mark.parametrize("seconds", [0, 14, 61, -2])
def test_a_lease_lasts_15_to_60_seconds_or_is_infinite(seconds: int) -> None:
    request = LeaseRequest(duration_seconds=seconds)
    assert _error_code(lambda: leases.acquire(leases.no_lease(), request, 0.0, A)) == "InvalidHeaderValue"
    assert leases.state(_leased(leases.INFINITE), 1e12) == "leased"


def test_an_active_lease_is_acquired_again_by_its_own_id_only() -> None:
    own, other = LeaseRequest(proposed_id=A, duration_seconds=60), LeaseRequest(proposed_id=B, duration_seconds=60)
    assert leases.acquire(_leased(15), own, 10.0, "x")["expires"] == 70.0
    assert _error_code(lambda: leases.acquire(_leased(), other, 10.0, "x")) == "LeaseAlreadyPresent"
    assert leases.acquire(_leased(15), other, 15.0, "x")["id"] == B


def test_a_lease_is_renewed_by_its_id_also_after_it_expired() -> None:
    assert leases.renew(_leased(15), LeaseRequest(lease_id=A), 100.0)["expires"] == 115.0
    assert (
        _error_code(lambda: leases.renew(_leased(), LeaseRequest(lease_id=B), 1.0))
        == "LeaseIdMismatchWithLeaseOperation"
    )
    free = leases.no_lease()
    assert _error_code(lambda: leases.renew(free, LeaseRequest(lease_id=A), 1.0)) == "LeaseNotPresentWithLeaseOperation"
    assert _error_code(lambda: leases.renew(free, LeaseRequest(), 1.0)) == "MissingRequiredHeader"


def test_a_change_may_be_repeated() -> None:
    request = LeaseRequest(lease_id=A, proposed_id=B)
    changed = leases.change(_leased(), request, 1.0)
    assert changed["id"] == B
    assert leases.change(changed, request, 1.0)["id"] == B
    mismatched = LeaseRequest(lease_id=C, proposed_id=A[::-1])
    assert _error_code(lambda: leases.change(_leased(), mismatched, 1.0)) == "LeaseIdMismatchWithLeaseOperation"


def test_a_released_lease_is_available_at_once() -> None:
    assert leases.state(leases.release(_leased(), LeaseRequest(lease_id=A), 1.0), 1.0) == "available"


@pytest.mark.parametrize(
    ("seconds", "period", "state", "left"),
    [(60, None, "breaking", 50), (60, 5, "breaking", 5), (60, 60, "breaking", 50), (60, 0, "broken", 0),
     (-1, None, "broken", 0), (-1, 30, "breaking", 30)],
)  # fmt: skip
def test_a_break_takes_the_shorter_of_break_period_and_remaining_time(
    seconds: int, period: int | None, state: str, left: int
) -> None:
    broken = leases.break_(_leased(seconds), LeaseRequest(break_seconds=period), 10.0)
    assert (leases.state(broken, 10.0), leases.remaining_seconds(broken, 10.0)) == (state, left)
    assert leases.state(broken, 10.0 + left) == "broken"


def test_a_breaking_lease_is_neither_renewed_nor_acquired() -> None:
    broken = leases.break_(_leased(), LeaseRequest(break_seconds=30), 0.0)
    assert _error_code(lambda: leases.renew(broken, LeaseRequest(lease_id=A), 1.0)) == "LeaseIsBrokenAndCannotBeRenewed"
    own, other = LeaseRequest(proposed_id=A, duration_seconds=60), LeaseRequest(proposed_id=B, duration_seconds=60)
    assert _error_code(lambda: leases.acquire(broken, own, 1.0, "x")) == "LeaseIsBreakingAndCannotBeAcquired"
    assert _error_code(lambda: leases.acquire(broken, other, 1.0, "x")) == "LeaseAlreadyPresent"
    assert leases.acquire(broken, other, 30.0, "x")["id"] == B


@pytest.mark.parametrize(
    ("is_leased", "lease_id", "expected"),
    [
        (True, None, "LeaseIdMissing"),
        (True, B, "LeaseIdMismatchWithContainerOperation"),
        (False, B, "LeaseNotPresentWithContainerOperation"),
    ],
)
def test_a_leased_resource_is_deleted_with_its_lease_id_only(
    lease_id: str | None, expected: str, *, is_leased: bool
) -> None:
    lease = _leased() if is_leased else leases.no_lease()
    assert _error_code(lambda: leases.check_lease_id(lease, lease_id, 1.0)) == expected
    leases.check_lease_id(_leased(), A, 1.0)
    leases.check_lease_id(leases.no_lease(), None, 1.0)
