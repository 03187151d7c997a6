"""A pytest plugin: no test may let a secret out, whatever it is about.

It looks at
- what pytest captured (output, logs at DEBUG) and what a test read of it, tracebacks,
- the command line of every process that the tests start, and what it answered on its pipes; every 50 ms the command
  lines of all that such a process has started,
- what the objects of a run show (tests/rotation/test_objects.py),
- every file below `tmp_path`, at the end the session's other folders and `.local/`.

A test that shows one on purpose says so: `@pytest.mark.shows_secrets("output", why="…")`.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.sentinels import descendants, places
from tests.sentinels.counts import COUNTS
from tests.sentinels.marks import Known, observe

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

ROOT = Path(__file__).parents[2]
MARK = "shows_secrets"
KINDS = ("command line", "files", "objects", "output")


@dataclass
class Watch:
    """What was searched and found in this process; allowed: where the test under way may show a secret."""

    known: Known = field(default_factory=Known)
    places: int = 0
    found: int = 0
    leaks: list[str] = field(default_factory=list[str])
    allowed: tuple[str, ...] = ()
    seen: set[Path] = field(default_factory=set[Path])
    turn: Any = field(default_factory=threading.Lock)

    def look(self, kind: str, where: str, content: str | bytes, *, issued_only: bool = False) -> None:
        """Search one place."""
        if kind in self.allowed or not content:
            return
        with self.turn:
            self.places += 1
        raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
        self.leaks.extend(f"{what} in {where}" for what in self.known.found(raw, issued_only=issued_only))

    def look_below(self, folder: Path, *, name: str) -> None:
        """Search every file; in a spec the user's own secrets stand, but none that Azure issued."""
        self.seen.add(folder)
        for path in places.files(folder):
            where = f"{name}/{path.relative_to(folder)}"
            self.look("files", where, places.content(path), issued_only=path.suffix in places.SPECS)

    def taken(self) -> list[str]:
        """The leaks since the last time."""
        leaks, self.leaks = sorted(set(self.leaks)), []
        self.found += len(leaks)
        return leaks

    def figures(self) -> dict[str, int]:
        """For `make reliability`."""
        return {"secrets found": self.found, "places searched": self.places, "bad inputs tried": COUNTS.bad_inputs}


WATCH = Watch()
DESCENDANTS = descendants.Watch(lambda line: WATCH.look("command line", "a command line", line))
TOTAL: Counter[str] = Counter()  # of all processes that ran tests
FIGURES = "--figures"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the figures go."""
    parser.addoption(FIGURES, type=Path, help="write what was searched, found and tried into this file, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to look."""
    config.addinivalue_line("markers", f"{MARK}(*kinds, why): it shows a secret there on purpose; kinds: {KINDS}")
    patch = pytest.MonkeyPatch()
    _see_what_is_read(patch)
    config.add_cleanup(patch.undo)
    observe(WATCH.known)


def _see_what_is_read(patch: pytest.MonkeyPatch) -> None:
    """What a test takes out of the capture, and what a child answers, pytest never reports."""
    read, communicate = pytest.CaptureFixture[Any].readouterr, subprocess.Popen[Any].communicate
    start = subprocess.Popen[Any].__init__

    def reading(self: pytest.CaptureFixture[Any]) -> Any:
        said: Sequence[str | bytes] = read(self)
        for each in said:
            WATCH.look("output", "what it printed", each)
        return said

    def communicating(self: subprocess.Popen[Any], *arguments: Any, **options: Any) -> Any:
        said = communicate(self, *arguments, **options)
        for each in said:
            WATCH.look("output", "what a child printed", each or "")
        return said

    def starting(self: subprocess.Popen[Any], args: Any, *arguments: Any, **options: Any) -> None:
        WATCH.look("command line", "a command line", _line(args))
        start(self, args, *arguments, **options)

    # Not an audit hook: while settrace calls one in Python, another thread may come in, whose settrace then fails.
    patch.setattr(subprocess.Popen, "__init__", starting)
    patch.setattr(pytest.CaptureFixture, "readouterr", reading)
    patch.setattr(subprocess.Popen, "communicate", communicating)


def _line(words: Any) -> bytes:
    """A command line; it may be one text or path."""
    each: Any = [words] if isinstance(words, str | bytes) or hasattr(words, "__fspath__") else words
    return b"\0".join(map(os.fsencode, each))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Each test has secrets of its own."""
    marker = item.get_closest_marker(MARK)
    WATCH.allowed = tuple(map(str, marker.args)) if marker else ()
    assert not marker or (marker.kwargs["why"] and set(WATCH.allowed) <= set(KINDS)), (
        f"{item.nodeid}: {MARK} says no why"
    )
    WATCH.known.forget()
    try:
        return (yield)
    finally:
        WATCH.allowed = ()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """After the teardown a test fails for what it let out."""
    report: pytest.TestReport = yield
    if call.excinfo is not None:  # its lines quote the test's source, in which written secrets stand
        WATCH.look("output", "a traceback", report.longreprtext, issued_only=True)
    if call.when == "teardown":
        for name, text in report.sections:
            WATCH.look("output", name, text)
        folder = getattr(item, "funcargs", {}).get("tmp_path")
        if folder is not None:
            WATCH.look_below(folder, name="tmp_path")
        DESCENDANTS.now()
        leaks = WATCH.taken()
        if leaks and report.passed:
            report.outcome, report.longrepr = "failed", "\n".join(["secrets found:", *leaks])
    return report


@pytest.fixture(scope="session", autouse=True)
def _rest_of_the_session(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[None]:
    """What no single test answers for: folders of session fixtures, `.local/`."""
    DESCENDANTS.begin()
    yield
    DESCENDANTS.end()
    for folder in tmp_path_factory.getbasetemp().iterdir():
        if folder.is_dir() and not folder.is_symlink() and folder not in WATCH.seen:
            WATCH.look_below(folder, name=folder.name)
    if getattr(request.config, "workerinput", {}).get("workerid", "gw0") == "gw0":
        WATCH.look_below(ROOT / ".local", name=".local")
    leaks = WATCH.taken()
    if leaks:
        pytest.fail("\n".join(["secrets found:", *leaks]), pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands its figures over; who runs the tests itself keeps them."""
    output = getattr(session.config, "workeroutput", None)
    if output is None:
        TOTAL.update(WATCH.figures())
    else:
        output["figures"] = WATCH.figures()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take them from a worker; one that died has none."""
    TOTAL.update(getattr(node, "workeroutput", {}).get("figures", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """One line, and the file that was asked for."""
    file: Path | None = config.getoption(FIGURES)
    if file is not None:
        file.write_text(json.dumps(TOTAL))
    terminalreporter.write_line(", ".join(f"{number} {name}" for name, number in TOTAL.items()))
