"""Runs a command for several environments: so many at a time, each in a thread, and one table at the end.

The command knows nothing of it: it gets a command line that names one environment, and prints into a group (`group`).
What fails is the row of one environment; all others go on. A question is asked once, when every plan is there; a
signal ends every run as it ends one, so that each gives its lease back.
"""

from __future__ import annotations

import signal
import threading
import time
from argparse import Namespace
from collections import deque
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from provisioner.cli import diagnostics, show
from provisioner.cli.clouds import Clouds
from provisioner.cli.failures import INTERRUPTED, print_failure
from provisioner.cli.group import Ended, Group, printing_into
from provisioner.cli.opening import load_spec
from provisioner.cli.parser import WRITING
from provisioner.cli.several import is_single, references
from provisioner.cli.table import live_line, print_group, print_table
from provisioner.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager

    from provisioner.spec.model import Environment

    Command = Callable[[Namespace], int]

# From the mildest to the worst: nothing · not all could be read · changes pending, or expiring · a right or
# precondition is missing · partly applied · failed · interrupted.
SEVERITY = (0, 5, 2, 4, 3, 1, INTERRUPTED)


def run(command: Command, arguments: Namespace) -> int:
    """Run the command for each environment that the command line names. Returns the worst exit code."""
    if is_single(arguments):
        arguments.environment = arguments.environments[0]
        return command(arguments)
    named = references(arguments)
    clouds = Clouds(parallel=arguments.parallel, reading=arguments.verb not in WRITING, debug=arguments.debug)
    arguments = Namespace(**{**vars(arguments), "clouds": clouds})
    many = Many(command, arguments, clouds)
    began = time.perf_counter()
    try:
        with diagnostics.logging_requests(arguments.debug, ""), live_line(many.status, quiet=arguments.json) as resting:
            ended = many.run(named, resting)
    finally:
        clouds.close()
    code = max((one.code for one in ended), key=SEVERITY.index)
    if arguments.json:
        show.document({"environments": [_as_json(one) for one in ended], "exit_code": code})
    else:
        print_table(ended, time.perf_counter() - began)
    return code


def _as_json(one: Ended) -> dict[str, Any]:
    return {
        "environment": one.group.reference,
        "exit_code": one.code,
        "seconds": round(one.seconds, 3),
        "document": one.group.document,
    }


def _load_into_future(reference: str) -> Future[Environment]:
    """Load its spec now. The future has it, or the error, for the thread that runs the environment."""
    loaded = Future["Environment"]()
    try:
        loaded.set_result(load_spec(reference))
    except Exception as error:  # noqa: BLE001  # raised to the run of this environment
        loaded.set_exception(error)
    return loaded


class Many:
    """The runs. Only the main thread starts, asks, prints; the others tell it by `_events` what they have come to."""

    def __init__(self, command: Command, arguments: Namespace, clouds: Clouds) -> None:
        self._command, self._arguments, self._clouds = command, arguments, clouds
        self._events: SimpleQueue[Group | Ended | None] = SimpleQueue()
        self._waiting: deque[Callable[[], None]] = deque()  # each begins or goes on once there is room for it
        self._asking: list[Group] = []
        self._running: dict[str, None] = {}
        self._ended: dict[str, Ended] = {}
        self._named: list[str] = []
        self._question = False
        self._resting: Callable[[], AbstractContextManager[None]] = nullcontext

    def status(self) -> str:
        """How far it is, for the live line."""
        under_way = list(self._running)
        names = ", ".join(under_way[:3]) + (", …" if len(under_way) > 3 else "")
        return f"{len(self._ended)} of {len(self._named)} environments ended; under way: {names or 'none'}"

    def run(self, named: list[str], resting: Callable[[], AbstractContextManager[None]]) -> list[Ended]:
        """Run all of them. Returns what became of each, in that order. resting: hides the live line for a question."""
        self._named, self._resting = named, resting
        groups = [Group(one, asks=self._events.put, spec=_load_into_future(one)) for one in named]
        self._waiting.extend(partial(self._begin, group) for group in groups)
        with self._ended_by_signals():
            try:
                while len(self._ended) < len(named):
                    self._start_ask_or_take_event()
            except BaseException:  # nobody reads the output any more, for one: the runs end before it is said
                self._stop()
                raise
        return [self._ended[one] for one in named]

    def _start_ask_or_take_event(self) -> None:
        while self._waiting and len(self._running) < self._arguments.parallel:
            self._waiting.popleft()()
        if self._asking and not self._running:
            self._ask()
        else:
            self._take(self._events.get())

    def _stop(self) -> None:
        """End what runs as a signal does, and wait for it."""
        self._clouds.interrupted.set()
        for group in self._asking:
            self._go_on(group, agreed=None)
        while self._running:
            event = self._events.get()
            if isinstance(event, Ended):
                self._running.pop(event.group.reference, None)
            elif event is not None:
                event.answer(agreed=None)

    def _begin(self, group: Group) -> None:
        if self._clouds.interrupted.is_set():
            self._end_unstarted(group)  # nothing of it begins; its command is not even called
            return
        self._running[group.reference] = None
        threading.Thread(target=self._run_one, args=(group,), name=group.reference).start()

    def _run_one(self, group: Group) -> None:
        """One environment, in its thread."""
        arguments = Namespace(**{**vars(self._arguments), "environment": group.reference})
        began = time.perf_counter()
        with printing_into(group):
            try:
                code = self._command(arguments)
            except BaseException as error:  # noqa: BLE001  # whatever it is, it is the row of this environment
                code = print_failure(arguments, error)
        self._events.put(Ended(group, code, time.perf_counter() - began))

    def _end_unstarted(self, group: Group) -> None:
        """End an environment that has not begun, as interrupted."""
        with printing_into(group):
            code = print_failure(self._arguments, Interrupted(during=self._arguments.verb))
        self._events.put(Ended(group, code, 0.0))

    def _take(self, event: Group | Ended | None) -> None:
        """Note what an environment has come to; None: there was a signal."""
        if isinstance(event, Group):
            self._running.pop(event.reference)
            self._asking.append(event)
        elif isinstance(event, Ended):
            self._running.pop(event.group.reference, None)
            self._ended[event.group.reference] = event
            print_group(event.group, quiet=self._arguments.json)
        if self._clouds.interrupted.is_set():
            self._answer(agreed=None)

    def _ask(self) -> None:
        """Show every plan that needs a person's agreement, and ask once for all."""
        with self._resting():
            for group in self._asking:
                print_group(group, quiet=self._arguments.json)
            count = len(self._asking)
            question = f"Go on with all {count}?" if count > 1 else f"Go on with {self._asking[0].reference}?"
            try:
                self._question = True
                agreed = None if self._clouds.interrupted.is_set() else show.ask_yes_no(question)
            except KeyboardInterrupt:
                agreed = None
            finally:
                self._question = False
        self._answer(agreed=agreed)

    def _answer(self, *, agreed: bool | None) -> None:
        self._waiting.extend(partial(self._go_on, group, agreed=agreed) for group in self._asking)
        self._asking.clear()

    def _go_on(self, group: Group, *, agreed: bool | None) -> None:
        self._running[group.reference] = None
        group.answer(agreed=agreed)

    @contextmanager
    def _ended_by_signals(self) -> Generator[None]:
        """SIGINT, SIGTERM and SIGHUP end every run; not where they are ignored or have no handler."""
        from provisioner.engine.interrupts import SIGNALS

        def hear(_number: int, _frame: object) -> None:
            self._clouds.interrupted.set()
            self._events.put(None)
            if self._question:
                raise KeyboardInterrupt

        before = {number: handler for number in SIGNALS if callable(handler := signal.getsignal(number))}
        try:
            for number in before:
                signal.signal(number, hear)
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
