"""The output of one of several environments, kept until it is printed as a whole.

`show` prints into the group of the thread that calls it; there is none where a command runs for one environment.
"""

from __future__ import annotations

import io
import sys
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from provisioner.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from concurrent.futures import Future

    from provisioner.spec.model import Environment


class _Stream(io.TextIOBase):
    """Appends what is written to the pieces of a group; takes colours where the real stream does."""

    def __init__(self, pieces: list[tuple[str, str]], name: str) -> None:
        super().__init__()
        self._pieces, self._name = pieces, name

    def write(self, text: str, /) -> int:
        self._pieces.append((self._name, text))
        return len(text)

    def isatty(self) -> bool:
        return getattr(sys, self._name).isatty()


@dataclass(eq=False)
class Group:
    """One environment. reference: as the command line names it; name: as its file does.

    spec: its file, or the error of reading it, which the main thread has done (`spec.bounds`). document: that of
    `--json`. summary: what it said of itself, in a line. asks: called with this group when a person has to agree to its
    plan, which it has printed; `answer` is called later.
    """

    reference: str
    asks: Callable[[Group], None]
    spec: Future[Environment]
    name: str = ""
    document: Mapping[str, Any] | None = None
    summary: str = ""
    pieces: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    _agreed: bool | None = None
    _answered: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.out, self.err = _Stream(self.pieces, "stdout"), _Stream(self.pieces, "stderr")

    def ask(self) -> bool:
        """Wait until a person has answered for all environments. Raises Interrupted if a signal came instead."""
        self._answered.clear()
        self.asks(self)
        self._answered.wait()
        if self._agreed is None:
            raise Interrupted(during="the question")
        return self._agreed

    def answer(self, *, agreed: bool | None) -> None:
        """Let the environment go on. agreed: None after a signal."""
        self._agreed = agreed
        self._answered.set()

    def take_output(self) -> list[tuple[str, str]]:
        """What it has printed since this was last called: name of the stream and lines, in order."""
        taken: list[tuple[str, str]] = []
        for name, text in self.pieces:
            if taken and taken[-1][0] == name:
                taken[-1] = (name, taken[-1][1] + text)
            else:
                taken.append((name, text))
        self.pieces.clear()
        return taken


@dataclass(frozen=True)
class Ended:
    """What became of one environment. code: its exit code."""

    group: Group
    code: int
    seconds: float


_CURRENT: ContextVar[Group | None] = ContextVar("group", default=None)


def current() -> Group | None:
    """The group of this thread."""
    return _CURRENT.get()


@contextmanager
def printing_into(group: Group) -> Generator[None]:
    """Let this thread print into the group inside."""
    token = _CURRENT.set(group)
    try:
        yield
    finally:
        _CURRENT.reset(token)
