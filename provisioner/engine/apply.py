"""Do what the plan says, and nothing else: independent steps at once, a failure blocks only what needs it.

The only writer. Each write is read back and proven (`doer`) before anything that needs it begins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from provisioner.engine.doer import Doer
from provisioner.engine.interrupts import heard
from provisioner.errors import CloudError, Defect, Interrupted, ProvisionerError
from provisioner.model import Action, Address, Outcome, Plan, Result, Step, View

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from provisioner.engine.doer import Kinds
    from provisioner.engine.journal import Journal

THREADS = 16
Watch = Callable[[Step, Outcome | None], None]
UNMET = (Result.FAILED, Result.BLOCKED, Result.DEFERRED, Result.INTERRUPTED)


@dataclass
class Apply:
    """One plan being carried out.

    deadline_seconds: how long a write may take to be seen and proven. clock: seconds, from anywhere. watch: told of
    each step as it begins (no outcome yet) and ends.
    """

    cloud: Cloud
    kinds: Kinds
    plan: Plan
    view: View
    journal: Journal
    deadline_seconds: float
    clock: Callable[[], float]
    watch: Watch
    _outcomes: dict[Address, Outcome] = field(default_factory=dict[Address, Outcome])
    _running: dict[Future[Outcome], Step] = field(default_factory=dict[Future[Outcome], Step])

    @cached_property
    def _doer(self) -> Doer:
        return Doer(self.cloud, self.kinds, self.plan, self.view, self.deadline_seconds)

    @cached_property
    def _turns(self) -> TopologicalSorter[Address]:
        here = {step.address for step in self.plan.steps}
        turns = TopologicalSorter({step.address: here.intersection(step.after) for step in self.plan.steps})
        turns.prepare()
        return turns

    def run(self) -> tuple[Outcome, ...]:
        """Every step's outcome, in the order of the plan.

        A signal lets running calls end, ends all waiting and starts no more; each step that began is written down.
        """
        interrupted = self.cloud.session.waits.interrupted
        steps, ready = {step.address: step for step in self.plan.steps}, deque[Address]()
        with (
            ThreadPoolExecutor(THREADS, thread_name_prefix="apply") as pool,
            heard(interrupted),
        ):
            while self._turns.is_active():
                ready.extend(self._turns.get_ready())
                if ready and len(self._running) < THREADS:
                    self._start(steps[ready.popleft()], pool)
                else:
                    self._collect()
        return tuple(self._outcomes[step.address] for step in self.plan.steps)

    def _start(self, step: Step, pool: ThreadPoolExecutor) -> None:
        """Settle or begin a step; all before it have ended."""
        before = [self._outcomes[address] for address in step.after if address in self._outcomes]
        at_once = self._at_once(step, before)
        if at_once is None:
            self.journal.intend(step)
            self.watch(step, None)
            let_in = any(o.step.access and o.result is Result.DONE for o in before)
            self._running[pool.submit(self._timed, step, let_in)] = step
        else:
            self._settle(Outcome(step=step, result=at_once))

    def _at_once(self, step: Step, before: list[Outcome]) -> Result | None:
        """The result of a step that is not to be done."""
        if step.action is Action.KEEP:
            return Result.UNCHANGED
        if step.action is Action.DEFER:
            return Result.DEFERRED
        if self.cloud.session.waits.interrupted.is_set():  # perhaps in an earlier pass
            return Result.INTERRUPTED
        unmet = any((o.result in UNMET and not o.step.dated) or self._holds(o.step) for o in before)
        return Result.BLOCKED if unmet else None

    def _holds(self, step: Step) -> bool:
        """Whether a step leaves something that goes on needing what it stands on; what no API deletes needs nothing."""
        return bool(step.remains) and self.kinds[step.address.kind].delete is not None

    def _collect(self) -> None:
        finished, _ = wait(self._running, return_when=FIRST_COMPLETED)
        for future in finished:
            del self._running[future]
            self._settle(future.result())

    def _settle(self, outcome: Outcome) -> None:
        self._outcomes[outcome.step.address] = outcome
        if outcome.step.action not in (Action.KEEP, Action.DEFER):
            self.journal.settle(outcome, self._doer.key_ids.get(outcome.step.address, {}))
        self.watch(outcome.step, outcome)
        self._turns.done(outcome.step.address)

    def _timed(self, step: Step, let_in: bool) -> Outcome:  # noqa: FBT001  # by a pool, which takes no names
        began = self.clock()
        error: Exception | None
        try:
            with self.cloud.session.waits.about(str(step.address)):
                result, error, note = Result.DONE, None, self._doer.do(step, let_in=let_in)
        except Interrupted as caught:
            result, error, note = Result.INTERRUPTED, caught, ""
        except ProvisionerError as caught:
            if isinstance(caught, CloudError):
                caught.address = caught.address or str(step.address)
            result, error, note = Result.FAILED, caught, ""
        except Exception as caught:  # noqa: BLE001  # the other steps' outcomes must not be lost with it
            result, error, note = Result.FAILED, Defect(caught), ""
        seconds = self.clock() - began
        return Outcome(step=step, result=result, error=error, seconds=seconds, note=note)
