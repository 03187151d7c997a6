"""Carries out a plan and nothing else: independent steps in parallel; a failure blocks only what depends on it.

The only writer. Each write is read back and proven (`step_runner`) before anything that needs it begins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from provisioner.engine.interrupts import set_on_signals
from provisioner.engine.order import closure
from provisioner.engine.step_runner import StepRunner
from provisioner.errors import CloudError, Defect, Interrupted, ProvisionerError
from provisioner.model import Action, Address, Outcome, Plan, Result, Step, View

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from provisioner.engine.journal import Journal
    from provisioner.engine.step_runner import Kinds

THREADS = 16
Watch = Callable[[Step, Outcome | None], None]
NEW_KEY = (Action.CREATE, Action.ROTATE)
UNMET = (Result.FAILED, Result.BLOCKED, Result.DEFERRED, Result.INTERRUPTED)


@dataclass
class Apply:
    """One plan being carried out.

    deadline_seconds: how long a write may take to become visible and be proven. clock: a monotonic clock in seconds.
    watch: called with each step as it begins (no outcome yet) and ends. read_back: also what was created (ADR 0021).
    finishing: also after a signal. made: what this run has created, added to.
    """

    cloud: Cloud
    kinds: Kinds
    plan: Plan
    view: View
    journal: Journal
    deadline_seconds: float
    clock: Callable[[], float]
    watch: Watch
    read_back: bool = True
    finishing: bool = False
    made: set[Address] = field(default_factory=set[Address])
    _outcomes: dict[Address, Outcome] = field(default_factory=dict[Address, Outcome])
    _running: dict[Future[Outcome], Step] = field(default_factory=dict[Future[Outcome], Step])

    @cached_property
    def _runner(self) -> StepRunner:
        return StepRunner(
            self.cloud,
            self.kinds,
            self.plan,
            self.view,
            self.deadline_seconds,
            read_back=self.read_back,
            made=self.made,
        )

    @cached_property
    def _order(self) -> TopologicalSorter[Address]:
        here = {step.address for step in self.plan.steps}
        order = TopologicalSorter(
            {
                step.address: here.intersection((*step.after, *self._needs_of_new_key_holders(step)))
                for step in self.plan.steps
            }
        )
        order.prepare()
        return order

    @cached_property
    def _needs(self) -> dict[Address, tuple[Address, ...]]:
        return {step.address: step.after for step in self.plan.steps}

    @cached_property
    def _new_keys(self) -> frozenset[Address]:
        return frozenset(step.address for step in self.plan.steps if self._holders_of_new_key(step))

    @cached_property
    def _awaiting_later_pass(self) -> frozenset[Address]:
        """What cannot be read yet: a later pass decides about it, and about a key for it."""
        return frozenset(step.address for step in self.plan.steps if step.action is Action.DEFER and not step.dated)

    def _holders_of_new_key(self, step: Step) -> tuple[Address, ...]:
        """What this plan would give the new key of a credential to; empty for any other step."""
        if not self.kinds[step.address.kind].credential or step.action not in NEW_KEY:
            return ()
        return tuple(one for one in self.view.declared_holders.get(step.address, ()) if one in self._needs)

    def _needs_of_new_key_holders(self, step: Step) -> Iterator[Address]:
        """What the holders of a new key need besides new keys: a key is created once one of them can be written."""
        for holder in self._holders_of_new_key(step):
            yield from (one for one in self._needs[holder] if self._new_keys.isdisjoint(closure([one], self._needs)))

    def run(self) -> tuple[Outcome, ...]:
        """The outcome of every step, in the order of the plan.

        After a signal, calls under way finish, all waiting ends, no step starts, and every step that began is
        recorded in the journal.
        """
        interrupted = self.cloud.session.waits.interrupted
        steps, ready = {step.address: step for step in self.plan.steps}, deque[Address]()
        with (
            ThreadPoolExecutor(THREADS, thread_name_prefix="apply") as pool,
            set_on_signals(interrupted),
        ):
            while self._order.is_active():
                ready.extend(self._order.get_ready())
                if ready and len(self._running) < THREADS:
                    self._start(steps[ready.popleft()], pool)
                else:
                    self._collect()
        return tuple(self._outcomes[step.address] for step in self.plan.steps)

    def _start(self, step: Step, pool: ThreadPoolExecutor) -> None:
        """Start a step, or record its result if it is not to run. All steps before it have ended."""
        before = [self._outcomes[address] for address in step.after if address in self._outcomes]
        result = self._result_without_running(step, before)
        if result is None:
            self.journal.record_start(step)
            self.watch(step, None)
            new_access = any(o.step.access and o.result is Result.DONE for o in before)
            self._running[pool.submit(self._run_and_time, step, new_access)] = step
        else:
            self._settle(Outcome(step=step, result=result))

    def _result_without_running(self, step: Step, before: list[Outcome]) -> Result | None:
        """The result of a step that is not to run; None for one that is."""
        if step.action is Action.KEEP:
            return Result.UNCHANGED
        if step.action is Action.DEFER:
            return Result.DEFERRED
        if self.cloud.session.waits.interrupted.is_set() and not self.finishing:  # perhaps in an earlier pass
            return Result.INTERRUPTED
        if any(map(self._is_unmet, before)):
            return Result.BLOCKED
        if not self._is_useless(step):
            return None
        return (
            Result.DEFERRED if self._awaiting_later_pass.issuperset(self._holders_of_new_key(step)) else Result.BLOCKED
        )

    def _is_unmet(self, before: Outcome) -> bool:
        return (before.result in UNMET and not before.step.dated) or bool(before.step.remains)

    def _is_useless(self, step: Step) -> bool:
        """Whether this step creates a key that no holder can be given in this run: nobody could ever use it."""
        holders = self._holders_of_new_key(step)
        return bool(holders) and not any(self._can_be_written(holder) for holder in holders)

    def _can_be_written(self, holder: Address) -> bool:
        """Whether nothing that has ended so far keeps a holder from being written, nor what that in turn needs."""
        return holder not in self._awaiting_later_pass and not any(
            self._is_unmet(self._outcomes[one]) for one in closure([holder], self._needs) if one in self._outcomes
        )

    def _collect(self) -> None:
        finished, _ = wait(self._running, return_when=FIRST_COMPLETED)
        for future in finished:
            del self._running[future]
            self._settle(future.result())

    def _settle(self, outcome: Outcome) -> None:
        self._outcomes[outcome.step.address] = outcome
        if outcome.step.action not in (Action.KEEP, Action.DEFER):
            self.journal.record_outcome(outcome, self._runner.key_ids.get(outcome.step.address, {}))
        self.watch(outcome.step, outcome)
        self._order.done(outcome.step.address)

    def _run_and_time(self, step: Step, new_access: bool) -> Outcome:  # noqa: FBT001  # by a pool, which takes no names
        """Run one step and time it. Every error becomes its outcome; none is raised."""
        began = self.clock()
        error: Exception | None
        try:
            with self.cloud.session.waits.for_step(str(step.address)):
                result, error, note = Result.DONE, None, self._runner.run(step, new_access=new_access)
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
