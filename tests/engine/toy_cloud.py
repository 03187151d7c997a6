"""What toy kinds stand in: things in a dict, and what goes wrong with them. A cloud that no stage looks into."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Any, cast

from provisioner.cloud.transport.waits import Waits
from provisioner.errors import NotAuthorized, NotYetVisible
from provisioner.model import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provisioner.cloud.cloud import Cloud
    from provisioner.errors import CloudError

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class ToyReadCache:
    """Counts."""

    def __init__(self) -> None:
        self.passes = 0

    def new_pass(self) -> None:
        self.passes += 1


class ToyClock:
    """It stands."""

    def decision_time(self) -> datetime:
        return NOW

    refresh = decision_time


class ToyWaits(Waits):
    """Time passes only when somebody waits."""

    def until(self, check: Callable[[], bool], *, what: str, deadline_seconds: float | None = None) -> None:
        for _ in range(int(deadline_seconds or 1)):
            if check():
                return
        raise NotYetVisible(operation=what)


class ToySession:
    """Of a run that speaks to no cloud."""

    def __init__(self) -> None:
        self.reads = ToyReadCache()
        self.clock = ToyClock()
        self.waits = ToyWaits()


@dataclass
class ToyCloud:
    """What there is and what goes wrong, by address text.

    overwritten: what somebody else writes after us. usages: what readers of a slot show, one after the other. errors:
    raised when it is read or searched. unseen: no reading shows them. displaced: what these stand in is gone, or goes
    before they are proven. early: what answers their first writes. slow: answered only after such an error was,
    or after unmanaged contents were listed. calls: in order.
    """

    things: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    errors: dict[str, Exception] = field(default_factory=dict[str, Exception])
    write_errors: Mapping[str, BaseException] = field(default_factory=dict[str, BaseException])
    unseen: set[str] = field(default_factory=set[str])
    displaced: set[str] = field(default_factory=set[str])
    slow: set[str] = field(default_factory=set[str])
    answered: Event = field(default_factory=Event)
    early: dict[str, list[CloudError]] = field(default_factory=dict[str, "list[CloudError]"])
    denials: dict[str, int] = field(default_factory=dict[str, int])
    unproven: set[str] = field(default_factory=set[str])
    overwritten: dict[str, str] = field(default_factory=dict[str, str])
    usages: dict[str, list[Usage]] = field(default_factory=dict[str, list[Usage]])
    calls: list[str] = field(default_factory=list[str])
    session: ToySession = field(default_factory=ToySession)

    def as_cloud(self) -> Cloud:
        """The engine passes it on unseen."""
        return cast("Cloud", self)

    def write(self, verb: str, name: str) -> None:
        self.calls.append(f"{verb} {name}")
        if self.denials.get(name, 0) > 0:
            self.denials[name] -= 1
            raise denied()
        if self.early.get(name):
            raise self.early[name].pop()
        if name in self.write_errors:
            raise self.write_errors[name]


def toy_cloud_of(cloud: Cloud) -> ToyCloud:
    return cast("ToyCloud", cloud)


def denied() -> CloudError:
    return NotAuthorized(operation="GET toy", status=403, code="Forbidden")
