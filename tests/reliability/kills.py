"""Ends or cuts off a run at one of its calls, lets another run follow, and compares what stands then.

Every call of an undisturbed run is a point; each can be met in several ways.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cached_property
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from tests.child import KILLED
from tests.reliability.restorable_environment import Call

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.reliability.census import Census
    from tests.reliability.restorable_environment import CommandResult, RestorableEnvironment

T = TypeVar("T")
P = TypeVar("P")
R = TypeVar("R")
INTERRUPTED = 130


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a call goes wrong. fault: the rule's fields; codes: how the run may end then."""

    name: str
    fault: Mapping[str, Any]
    codes: tuple[int, ...]
    kills: bool = False


BEFORE = Way(name="killed before", fault={"fault": "kill"}, codes=(KILLED,), kills=True)
AFTER = Way(name="killed after", fault={"fault": "kill", "after": True}, codes=(KILLED,), kills=True)
LOST = Way(name="answer lost", fault={"fault": "lost"}, codes=(0,))
INTERRUPT = Way(name="interrupted", fault={"fault": "interrupt"}, codes=(INTERRUPTED, 0), kills=True)
THROTTLED = Way(name="throttled", fault={"fault": "throttle"}, codes=(0,))
UNAVAILABLE = Way(name="unavailable", fault={"fault": "error", "status": 503}, codes=(0,))

Choice = Callable[[Call], Iterable[Way]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A verb from a moment on. then: the runs after it; hours: what passes between them."""

    verb: str
    moment: str
    then: tuple[str, ...]
    hours: tuple[float, ...] = ()


PROVISION = Case(verb="provision", moment="empty", then=("provision",))
ROTATE = Case(verb="rotate", moment="due", then=("rotate",))
TEARDOWN = Case(verb="teardown", moment="provisioned", then=("teardown",))
CASES = (PROVISION, ROTATE, TEARDOWN)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What became of a run that met a fault. point: environment and call; reached: whether the fault met it at all.

    again: the call is not the first of its kind, so perhaps one that is made only where the first was turned away.

    wrong: why it counts as not survived; nothing if all is as if nothing had happened.
    """

    point: str
    way: Way
    reached: bool
    again: bool = False
    duplicates: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()

    @property
    def complaints(self) -> tuple[str, ...]:
        """What is not as it should be, each with where and how it came about."""
        found = (*self.duplicates, *self.orphans, *self.wrong)
        return tuple(f"{self.point}, {self.way.name}: {one}" for one in found)


@dataclass
class Trial:
    """One case on one ground."""

    ground: RestorableEnvironment
    case: Case
    made: list[Call] = field(default_factory=list[Call])

    @cached_property
    def wanted(self) -> Census:
        """What stands after the undisturbed run; notes its calls on the way."""
        self.ground.restore(self.case.moment)
        self.ground.done(self.case.verb)
        self.made = self.ground.calls()
        return self.ground.census()

    def calls(self) -> list[Call]:
        """Every call of the undisturbed run, once."""
        assert self.wanted.orphans == ()
        return self.made

    def point(self, call: Call) -> str:
        """Which call of which run it is."""
        return f"{self.case.verb} {self.ground.spec.stem}: {call}"

    def meet(self, call: Call, way: Way) -> Ended:
        """The run, which meets the fault at that call, and those after it."""
        wanted = self.wanted
        self.ground.restore(self.case.moment)
        ran, reached = self._disturbed(call, way)
        wrong = [] if ran.code in (way.codes if reached else (0,)) else [f"exit code {ran.code}: {ran.text}"]
        if ran.code != 0:
            wrong += self._after()
        found = self.ground.census()
        return Ended(
            point=self.point(call),
            way=way,
            reached=reached,
            again=call.nth > 0,
            duplicates=tuple(found.twice(wanted)),
            orphans=found.orphans,
            wrong=(*wrong, *found.lacking(wanted), *found.differing(wanted)),
        )

    def _disturbed(self, call: Call, way: Way) -> tuple[CommandResult, bool]:
        ground = self.ground
        run = ground.prepare(self.case.verb)
        rule = {"method": call.method, "host": f"^{re.escape(call.host)}$", "path": call.path_pattern}
        ground.azure.fault(**way.fault, **rule, skip=call.nth, **({"pid": run.pid} if way.kills else {}))
        ran = ground.ran(run.begin())
        (told,) = ground.azure.control("GET", "/faults")["rules"]
        ground.azure.control("DELETE", "/faults")
        return ran, bool(told["hit"])

    def _after(self) -> Iterator[str]:
        """The runs that follow, each of which must go well; nobody does anything by hand."""
        for number, verb in enumerate(self.case.then):
            hours = self.case.hours[number] if number < len(self.case.hours) else 0.0
            self.ground.wait_out_lease()
            self.ground.advance(hours * 3600.0)
            ran = self.ground.run(verb)
            if ran.code != 0:
                yield f"the {verb} after it ended with {ran.code}: {ran.text}"


def everywhere(grounds: list[RestorableEnvironment], case: Case, chosen: Choice, *, every: int = 1) -> Iterator[Ended]:
    """Every call, or each so-many-th, met in every chosen way, as many at once as there are grounds; as they end."""
    first = Trial(ground=grounds[0], case=case)
    points = [(call, way) for call in first.calls()[::every] for way in chosen(call)]

    def meet(trial: Trial, call: Call, way: Way) -> Ended:
        try:
            return trial.meet(call, way)
        except AssertionError as error:  # it hung, say: a finding like others, and the next points go on
            return Ended(point=trial.point(call), way=way, reached=True, wrong=(str(error),))

    return at_once([first, *(Trial(ground=ground, case=case) for ground in grounds[1:])], points, meet)


def at_once(trials: Sequence[T], points: Iterable[tuple[P, Way]], meet: Callable[[T, P, Way], R]) -> Iterator[R]:
    """Meet each point with a trial that is free, as many at once as there are trials; as they end."""
    free = SimpleQueue[T]()
    for trial in trials:
        free.put(trial)

    def met(point: P, way: Way) -> R:
        trial = free.get()
        try:
            return meet(trial, point, way)
        finally:
            free.put(trial)

    with ThreadPoolExecutor(len(trials)) as pool:
        try:
            for ended in as_completed([pool.submit(met, *each) for each in points]):
                yield ended.result()
        finally:
            pool.shutdown(cancel_futures=True)
