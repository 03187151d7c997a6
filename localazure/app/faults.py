"""Injected faults: latency, replication lag, rules for chosen calls. Set through `control`, applied by `gateway`."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

Fault = Literal["latency", "throttle", "error", "reset", "lost", "cut", "stale", "kill", "interrupt", "hold"]


@dataclass(kw_only=True)
class Rule:
    """One fault for the calls that match: the first `skip` pass, then it applies to the next `times` (None: all).

    latency: the response takes `seconds` longer. throttle: 429 with Retry-After `retry_after` (None: without it).
    error: `status` and `code`; for both, the handler does not run. reset: the handler does not run and the connection
    is reset. cut: the handler runs and the response ends in the middle of its body. lost: the handler runs and the
    connection closes without a response. stale: a read is answered as `seconds` ago. kill: the client `pid` gets
    SIGKILL instead of the handler running, or `after` it; there is no response. interrupt: `pid` gets SIGINT before or
    `after` the handler runs; the call is answered. hold: the client `pid` is stopped (SIGSTOP), and the handler runs
    once all faults are removed; whoever does that lets the client go on (SIGCONT). seen, hit: calls that matched, and
    that the fault applied to.
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

    def count_and_test(self, method: str, host: str, path: str) -> bool:
        """Count a call if it matches. Returns whether the fault applies to it."""
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
    """All faults: rules, and lags for every call.

    latency_ms: added to every response. lag_seconds: every read is that old. grant_lag_seconds, secret_lag_seconds:
    until a new role assignment, and a new client secret, take effect. cleared: set when all faults are removed.
    """

    latency_ms: float = 0.0
    lag_seconds: float = 0.0
    grant_lag_seconds: float = 0.0
    secret_lag_seconds: float = 0.0
    rules: list[Rule] = field(default_factory=list[Rule])
    cleared: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def needs_history(self) -> bool:
        """Whether some fault answers calls from an earlier state of the store."""
        lags = self.lag_seconds or self.grant_lag_seconds or self.secret_lag_seconds
        return bool(lags) or any(rule.fault == "stale" for rule in self.rules)

    def count_and_match(self, method: str, host: str, path: str) -> list[Rule]:
        """Count a call and return the rules that apply to it, in the order they were added."""
        return [rule for rule in self.rules if rule.count_and_test(method, host, path)]

    def clear(self) -> None:
        """Remove all faults, and let the calls that a fault holds go on."""
        self.latency_ms = self.lag_seconds = self.grant_lag_seconds = self.secret_lag_seconds = 0.0
        self.rules.clear()
        self.cleared.set()
        self.cleared = asyncio.Event()


def parse_rule(members: dict[str, Any]) -> Rule:
    """Parse a rule from its JSON members. Raises ValueError, or re.error for a malformed pattern."""
    known = {f.name for f in fields(Rule)} - {"seen", "hit"}
    unknown = sorted(set(members) - known)
    if unknown:
        raise ValueError(f"unknown fields {unknown}; known are {sorted(known)}")
    if members.get("fault") not in get_args(Fault):
        raise ValueError(f"fault must be one of {get_args(Fault)}")
    rule = Rule(**members)
    for pattern in (rule.host, rule.path):
        re.compile(pattern)
    return rule
