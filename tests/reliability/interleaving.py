"""Lets a run stop before one of its writes, another run go from its beginning to its end, and the first one go on.

The two are of one environment, or of two that share group, vault, account and data factory.
"""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING

from tests.child import LONGEST_SECONDS
from tests.reliability.holders import unusable
from tests.reliability.leases import neighbour, turned_away

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.child import Child
    from tests.reliability.census import Census
    from tests.reliability.restorable_environment import CommandResult, RestorableEnvironment

WRITE = {
    "method": "PUT,POST,PATCH,DELETE",
    "host": r"^(?!login\.)",
    "path": "^(?!.*(/lease|/checkNameAvailability|/checkPolicyRestrictions)$)",
}
DONE, PARTLY = 0, 3
OVERWRITTEN = "an entry in a role assignment was overwritten"
NEEDED_TOO = "this environment needs it, too"  # the reason of the step that restores it
NAME_KEPT = "a deleted vault of another owner keeps the name"  # whose remedy is to purge it
TORN_DOWN = "enabled version of kv-flink-local/second-"
LOST = "was not sent, the environment's lease was lost"  # it stood still for longer than a lease lasts


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two runs. moment: where they begin. shared: of two environments in the same containers, not of one.

    begin: the first write to stop at.
    """

    first: str
    second: str
    moment: str
    shared: bool
    begin: int = 0

    def __str__(self) -> str:
        other = "of another environment" if self.shared else "of the same environment"
        return f"{self.first}, then a {self.second} {other}"


def pairs() -> tuple[Pair, ...]:
    """Each verb with itself; where they share containers, also a teardown with what needs them."""
    alone = (("provision", "empty"), ("rotate", "due"), ("teardown", "provisioned"))
    both = (("provision", "empty"), ("rotate", "both-due"), ("teardown", "both"))
    # Before its first write a provision would come after the teardown, whose deleted vault keeps the name.
    mixed = (
        ("teardown", "rotate", "both-due", 0),
        ("rotate", "teardown", "both-due", 0),
        ("provision", "teardown", "second", 1),
    )
    return (
        *(Pair(first=verb, second=verb, moment=moment, shared=False) for verb, moment in alone),
        *(Pair(first=verb, second=verb, moment=moment, shared=True) for verb, moment in both),
        *(Pair(first=one, second=two, moment=moment, shared=True, begin=begin) for one, two, moment, begin in mixed),
    )


@dataclass(frozen=True, kw_only=True)
class Met:
    """What became of two runs. reached: the first made so many writes. refused: the second found the lease taken.

    partly: how many of two teardowns ended with 3. overwritten: one run's write took the other's entry out of a role
    assignment that both need (docs/known-flaws.md); its next provision puts it in again. wrong: what does not hold.
    """

    point: str
    reached: bool
    refused: bool = False
    partly: int = 0
    overwritten: bool = False
    wrong: tuple[str, ...] = ()


@dataclass
class Interleaving:
    """Pairs on one ground. wanted: what stands after both, one after the other, by pair.

    purged: the deleted vault was purged on the way, and with it the deleted secrets of who was torn down.
    """

    ground: RestorableEnvironment
    wanted: dict[Pair, Census] = field(default_factory=dict[Pair, "Census"])
    purged: bool = False

    def save_moments(self) -> None:
        """`second`: only the other environment is there; `both`, and `both-due` a month later."""
        ground, day = self.ground, 86_400.0
        if "both-due" in ground.moments:
            return
        second = neighbour(ground, shared=True)
        ground.restore("empty")
        self._done("provision", second)
        ground.save("second")
        self._done("provision", ground.spec)
        ground.save("both")
        ground.advance(30 * day + 3600.0)
        ground.save("both-due")

    def count_writes(self, pair: Pair) -> int:
        """How many writes the first run makes, undisturbed; notes what stands after the second one, too."""
        first, second = self._specs(pair)
        self.ground.restore(pair.moment)
        self.ground.azure.fault(fault="latency", seconds=0.0, times=None, **WRITE)
        self._done(pair.first, first)
        (rule,) = self.ground.azure.control("GET", "/faults")["rules"]
        self.ground.azure.control("DELETE", "/faults")
        self._finish(pair.second, second)
        self._finish(pair.first, first)
        self.wanted[pair] = self.ground.census()
        return int(rule["hit"])

    def meet(self, pair: Pair, number: int) -> Met:
        """The first run stops before its write of this number, from 0."""
        if pair not in self.wanted:
            self.count_writes(pair)
        first, second = self._specs(pair)
        self.purged = False
        self.ground.restore(pair.moment)
        held = self.ground.prepare(pair.first, spec=first)
        self.ground.azure.fault(fault="hold", pid=held.pid, skip=number, **WRITE)
        path = self._stopped_at(held.begin())
        beside = self.ground.run(pair.second, spec=second)
        self.ground.azure.control("DELETE", "/faults")
        with suppress(ProcessLookupError):  # it has ended already
            os.kill(held.pid, signal.SIGCONT)
        went_on = self.ground.ran(held)
        ended = ((pair.first, first, went_on), (pair.second, second, beside))
        lacking = tuple(self._lacking(ended)) if pair.shared else ()
        return Met(
            point=f"{pair}, before write {number + 1}",
            reached=path,
            refused=turned_away(beside),
            partly=sum(ran.code == PARTLY for verb, _, ran in ended if verb == "teardown"),
            overwritten=OVERWRITTEN in lacking,
            wrong=(*(one for one in lacking if one != OVERWRITTEN), *self._wrong(pair, ended)),
        )

    def _wrong(self, pair: Pair, ended: Iterable[tuple[str, Path, CommandResult]]) -> Iterator[str]:
        yield from unusable(self.ground)
        for verb, _, ran in ended:
            if ran.code not in {DONE, PARTLY} and not turned_away(ran) and LOST not in ran.text:
                yield f"the {verb} ended with {ran.code}: {ran.text}"
        for verb, spec, _ in ended:
            self._finish(verb, spec)
        for verb, spec, _ in ended:  # once more: what one of two teardowns kept for the other goes now
            last = self._finish(verb, spec)
            if last.code not in self._last_codes(pair, verb):
                yield f"the {verb} after it ended with {last.code}: {last.text}"
        yield from unusable(self.ground)
        found, wanted = self.ground.census(), self.wanted[pair]
        lacking = (one for one in found.lacking(wanted) if not (self.purged and TORN_DOWN in one))
        yield from (*found.orphans, *found.twice(wanted), *lacking)

    def _lacking(self, ended: Iterable[tuple[str, Path, CommandResult]]) -> Iterator[str]:
        """What a run that ended well lacks afterwards: OVERWRITTEN for an entry in a role assignment."""
        for verb, spec, ran in ended:
            if ran.code == DONE and verb != "teardown":
                printed = self.ground.run("plan", "--json", spec=spec).text
                planned, _ = json.JSONDecoder().raw_decode(printed, printed.index("{"))
                pending = [one for one in planned["steps"] if one["action"] not in {"keep", "defer"}]
                if pending and {one["reason"] for one in pending} == {NEEDED_TOO}:
                    yield OVERWRITTEN
                elif pending:
                    yield f"the {verb} ended well, and then lacked something: {pending}"

    def _stopped_at(self, child: Child) -> bool:
        """Whether the run has stopped at its write; else it has ended."""
        until = time.monotonic() + LONGEST_SECONDS
        while child.process.is_alive():
            assert time.monotonic() < until, child.text
            if self.ground.azure.control("GET", "/faults")["rules"][0]["hit"]:
                return True
            child.process.join(0.02)
        return False

    def _finish(self, verb: str, spec: Path) -> CommandResult:
        """Runs of the verb until one has nothing left to do. Returns the last."""
        ran = self.ground.run(verb, spec=spec)
        if NAME_KEPT in ran.text:  # the other environment's vault went before anything of this one was in it
            self.ground.purge_vault()
            self.purged = True
        return ran if ran.code == DONE else self.ground.run(verb, spec=spec)

    def _last_codes(self, pair: Pair, verb: str) -> set[int]:
        """A teardown keeps a container in which another environment still is."""
        kept = verb == "teardown" and pair.shared and {pair.first, pair.second} != {"teardown"}
        return {DONE, PARTLY} if kept else {DONE}

    def _done(self, verb: str, spec: Path) -> None:
        ran = self.ground.run(verb, spec=spec)
        assert ran.code == DONE or (verb == "teardown" and ran.code == PARTLY), ran.text

    def _specs(self, pair: Pair) -> tuple[Path, Path]:
        first = self.ground.spec
        return first, neighbour(self.ground, shared=True) if pair.shared else first


def everywhere(
    grounds: list[RestorableEnvironment], pair: Pair, *, every: int = 1, points: Iterable[int] = ()
) -> Iterator[Met]:
    """The pair at each write, or each so-many-th, as many at once as there are grounds; as they end.

    points: these instead, as parts of all writes from 0 to 99.
    """
    free = SimpleQueue[Interleaving]()
    each = [Interleaving(ground=ground) for ground in grounds]
    for one in each:
        one.save_moments()
    count = each[0].count_writes(pair)
    for one in each:
        one.wanted = {pair: each[0].wanted[pair]}
        free.put(one)
    numbers = sorted({max(count * point // 100, pair.begin) for point in points}) or range(pair.begin, count, every)

    def meet(number: int) -> Met:
        interleaving = free.get()
        try:
            return interleaving.meet(pair, number)
        except AssertionError as error:  # it hung, say: a finding like others
            return Met(point=f"{pair}, before write {number + 1}", reached=True, wrong=(str(error),))
        finally:
            free.put(interleaving)

    with ThreadPoolExecutor(len(grounds)) as pool:
        try:
            for met in as_completed([pool.submit(meet, number) for number in numbers]):
                yield met.result()
        finally:
            pool.shutdown(cancel_futures=True)
