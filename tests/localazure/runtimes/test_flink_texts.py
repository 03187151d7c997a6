"""Splitting a job's arguments, and finding the root cause in Flink's stack traces."""

from __future__ import annotations

import pytest

from localazure.runtimes.flink.actions import split_arguments
from localazure.runtimes.flink.cluster import causes_innermost_first

TRACE = """org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy
\tat org.apache.flink.runtime.executiongraph.failover.ExecutionFailureHandler.handleFailure(X.java:180)
Caused by: java.lang.RuntimeException: One or more fetchers have encountered exception
\tat org.apache.flink.connector.base.source.reader.fetcher.SplitFetcherManager.checkErrors(X.java:1)
\t... 14 more
Caused by: java.io.IOException: No space left on device
\tat java.base/java.io.FileOutputStream.write(Native Method)
"""


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", []),
        ("--input a  --output b", ["--input", "a", "--output", "b"]),
        ("--text 'a b' \"c d\" e'f", ["--text", "a b", "c d", "e'f"]),
    ],
)
def test_arguments_are_split_at_spaces_outside_quotes(text: str, arguments: list[str]) -> None:
    assert split_arguments(text) == arguments


def test_the_innermost_cause_comes_first_and_no_frame_is_shown() -> None:
    assert causes_innermost_first(TRACE).splitlines() == [
        "java.io.IOException: No space left on device",
        "org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy",
        "java.lang.RuntimeException: One or more fetchers have encountered exception",
    ]


@pytest.mark.parametrize(("trace", "cause"), [("", ""), ("java.lang.Error: x\n\tat y", "java.lang.Error: x")])
def test_a_single_exception_is_shown_once(trace: str, cause: str) -> None:
    assert causes_innermost_first(trace) == cause
