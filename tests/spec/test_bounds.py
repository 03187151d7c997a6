"""What runs within bounds ends at them, and the process goes on as before."""

from __future__ import annotations

import resource
import signal
import threading
import zipfile
from typing import TYPE_CHECKING

import pytest

from provisioner.spec import bounds, files
from provisioner.spec.bounds import OutOfBounds, bounded
from tests.environment_files import problems

if TYPE_CHECKING:
    from pathlib import Path

AMPLE = 1 << 40  # bytes


def test_what_takes_too_long_is_ended() -> None:
    before = signal.getsignal(signal.SIGVTALRM)

    def turn() -> None:
        while True:
            pass

    with pytest.raises(OutOfBounds), bounded(seconds=0.05, more_bytes=AMPLE):
        turn()
    assert signal.getsignal(signal.SIGVTALRM) == before
    assert signal.getitimer(signal.ITIMER_VIRTUAL)[0] == 0


def test_another_thread_has_no_bounds_since_they_would_be_those_of_all() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    inside = list[object]()

    def run() -> None:
        with bounded(seconds=1, more_bytes=AMPLE):
            inside.extend((signal.getitimer(signal.ITIMER_VIRTUAL)[0], resource.getrlimit(resource.RLIMIT_AS)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert inside == [0, before]


def test_without_proc_there_is_no_bound_on_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bounds, "STATM", tmp_path / "statm")
    before = resource.getrlimit(resource.RLIMIT_AS)
    with bounded(seconds=1, more_bytes=1):
        assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_a_jar_with_files_without_end_is_no_jar(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.jar", "w") as jar:
        for number in range(20_000):
            jar.writestr(f"{number}", b"")
    monkeypatch.setattr(files, "SECONDS", 0.01)
    assert problems(tmp_path, job="many.jar")["job.jar"].wrong == "lists more files than a jar has"
