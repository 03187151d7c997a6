"""What `provisioner local` says of the real programs behind services, out of the documents that it is told."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.cli.runtimes import failures, line, progress

PREPARING: dict[str, Any] = {
    "kind": "flink",
    "name": "one",
    "version": "1.2",
    "resource_id": "/clusters/one",
    "state": "preparing",
    "told": "downloading",
    "since_seconds": 1.0,
    "ready_seconds": None,
    "url": None,
    "shown": {},
    "listening": [],
    "memory_bytes": 0,
    "failure": None,
}
STARTING = {**PREPARING, "state": "starting", "told": "starting"}
READY = {
    **PREPARING,
    "state": "ready",
    "told": "",
    "ready_seconds": 3.1,
    "url": "http://127.0.0.1:1",
    "shown": {"password in": "/there"},
    "listening": ["127.0.0.1:1", "127.0.0.1:2"],
    "memory_bytes": 240 << 20,
}
FAILED = {**PREPARING, "state": "failed", "told": "It failed", "failure": "It failed.\nwhy\nDo this."}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (PREPARING, "flink 1.2 behind one: downloading"),
        (
            READY,
            "flink 1.2 behind one: ready in 3.1 s at http://127.0.0.1:1, password in /there (ports 1, 2; 240 MB)",
        ),
        (
            {**READY, "shown": {}, "listening": [], "memory_bytes": 0},  # where there is no /proc
            "flink 1.2 behind one: ready in 3.1 s at http://127.0.0.1:1 (ports unknown; unknown memory)",
        ),
        (FAILED, "flink 1.2 behind one: It failed.\nwhy\nDo this."),
    ],
)
def test_a_runtime_is_told_in_a_line(told: dict[str, Any], said: str) -> None:
    assert line(told) == said


def test_each_new_thing_that_a_runtime_does_is_told_once_and_a_failure_at_the_end() -> None:
    said: list[str] = []
    with progress(said.append, live=False) as watch:
        for told in (PREPARING, {**PREPARING, "since_seconds": 2.0}, STARTING, READY, {**READY, "memory_bytes": 1}):
            watch([told])
        watch([FAILED])
    assert said == [line(PREPARING), line(STARTING), line(READY)]
    assert failures([READY, FAILED]) == [line(FAILED)]


def test_on_a_terminal_the_same_lines_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    with progress(said.append, live=True) as watch:
        watch([STARTING])
        watch([READY])
    assert said == [line(STARTING), line(READY)]
    assert "Traceback" not in capsys.readouterr().err
