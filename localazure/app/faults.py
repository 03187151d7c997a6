"""What is asked to go wrong: latency, lag, rules that hit chosen calls. Set through `control`, read by `gateway`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

Fault = Literal["latency", "throttle", "error", "reset", "lost", "cut", "stale", "kill", "interrupt"]


@dataclass(kw_only=True)
class Rule:
    """One fault for the calls that match; the first `skip` of them pass, the next `times` (None: all) are hit.

    latency: `seconds` more. throttle: 429 with Retry-After `retry_after` (None: without). error: `status`, `code`;
    both only answer, the handler does not run. reset: nor does it, and the connection is reset. cut: the handler runs,
    the answer ends in the middle of its body. lost: the handler runs, the connection closes without an answer.
    stale: a read answers as `seconds` ago. kill: `pid` gets SIGKILL instead of the handler running, or `after` it; the
    call gets no answer. interrupt: `pid` gets SIGINT before or `after` the handler runs; the call is answered.
    """

    fault: Fault
    method: str = ""  # "" is any; several with commas between them
    host: str = ""  # regular expressions, searched
    path: str = ""
    skip: int = 0
    times: int | None = 1
    seconds: float = 0.0
    retry_after: float | None = None
    status: int = 503
    code: str = "ServiceUnavailable"
    message: str = "The service is not available now; try again."
    pid: int = 0
    after: bool = False
    seen: int = 0
    hit: int = 0

    def takes(self, method: str, host: str, path: str) -> bool:
        """Count a call that matches; says whether it is hit."""
        if not self._matches(method, host, path):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.times is not None and self.hit >= self.times):
            return False
        self.hit += 1
        return True

    def _matches(self, method: str, host: str, path: str) -> bool:
        return (
            (not self.method or method in self.method.upper().split(","))
            and re.search(self.host, host, re.IGNORECASE) is not None
            and re.search(self.path, path, re.IGNORECASE) is not None
        )


@dataclass(kw_only=True)
class Faults:
    """Everywhere: `latency_ms` on every answer, reads `lag_seconds` old, grants and new client secrets likewise."""

    latency_ms: float = 0.0
    lag_seconds: float = 0.0
    grant_lag_seconds: float = 0.0
    secret_lag_seconds: float = 0.0
    rules: list[Rule] = field(default_factory=list[Rule])

    @property
    def need_history(self) -> bool:
        """Whether something must be answered as of earlier."""
        lags = self.lag_seconds or self.grant_lag_seconds or self.secret_lag_seconds
        return bool(lags) or any(parse_rule.fault == "stale" for parse_rule in self.rules)

    def hits(self, method: str, host: str, path: str) -> list[Rule]:
        """The rules that hit this call, in the order they were added."""
        return [parse_rule for parse_rule in self.rules if parse_rule.takes(method, host, path)]

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self.latency_ms = self.lag_seconds = self.grant_lag_seconds = self.secret_lag_seconds = 0.0
        self.rules.clear()


def parse_rule(given: dict[str, Any]) -> Rule:
    """A rule from JSON; ValueError says what is wrong with it."""
    known = {f.name for f in fields(Rule)} - {"seen", "hit"}
    unknown = sorted(set(given) - known)
    if unknown:
        raise ValueError(f"unknown fields {unknown}; known are {sorted(known)}")
    if given.get("fault") not in get_args(Fault):
        raise ValueError(f"fault must be one of {get_args(Fault)}")
    made = Rule(**given)
    for pattern in (made.host, made.path):
        re.compile(pattern)
    return made
