"""Throttling: counts calls against each service's limits, whose figures are in service_limits.json.

Windows (`seconds`) begin at whole multiples on the local Azure's clock; token buckets (`per_second`) refill steadily. A
throttled call does not count. `PUT /settings/limits` of the control endpoint sets other maxima, by limit name:
`{"vault.create": 20}`.

- Key Vault, per vault and five times that per subscription; a PUT counts as creating:
  https://learn.microsoft.com/azure/key-vault/general/service-limits
- Resource Manager, per caller and subscription (or tenant):
  https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
- Graph, per application in a small tenant; each request counts as one unit:
  https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits
"""

from __future__ import annotations

import json
import math
import threading
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from localazure.app.call import AzureError
from localazure.app.tenant import TENANT_ID

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from localazure.app.call import Call

SETTINGS = "limits"
_DATA = Path(__file__).parent / "service_limits.json"
_KINDS = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}
_FABRIC = "api.fabric.microsoft.com"  # has no limits here, as none are published, but may be throttled by a fault
Key = tuple[str, str]  # the limit's name, and the vault, caller or application it is counted for


@dataclass(kw_only=True)
class _Usage:
    """Calls counted against one limit. since: when the window began, or the bucket was last updated (seconds)."""

    since: float
    used: float = 0.0


class Limits:
    """The usage of every limit, in memory only."""

    def __init__(self) -> None:
        self._usages: dict[Key, _Usage] = {}
        self._lock = threading.Lock()

    def count_or_throttle(self, call: Call) -> None:
        """Count the call, or raise the service's 429 if it would exceed one of its limits."""
        keys = tuple(_applicable_limits(call))
        if not keys:
            return
        settings, now = call.tenant.store.get("settings", SETTINGS) or {}, call.tenant.clock.timestamp()
        with self._lock:
            usages = [(key, self._update_usage(key, now, settings)) for key in keys]
            for key, usage in usages:
                if usage.used + 1 > _maximum(key[0], settings):
                    raise _limit_exceeded_error(call, key[0], _retry_after_seconds(key[0], usage, now, settings))
            for _, usage in usages:
                usage.used += 1

    def clear(self) -> None:
        """Reset the usage of all limits."""
        with self._lock:
            self._usages.clear()

    def _update_usage(self, limit_key: Key, now: float, settings: Mapping[str, float]) -> _Usage:
        """Bring a usage up to now and return it: a new window starts at zero, a bucket refills."""
        usage, figures = self._usages.setdefault(limit_key, _Usage(since=now)), _figures()[limit_key[0]]
        if "seconds" in figures:
            window_start = now - now % figures["seconds"]
            if usage.since < window_start or usage.since > now:
                usage.since, usage.used = now, 0.0
            return usage
        refilled = max(0.0, now - usage.since) * _refill_per_second(limit_key[0], settings)
        usage.since, usage.used = now, max(0.0, usage.used - refilled)
        return usage


@cache
def _figures() -> dict[str, dict[str, float]]:
    return json.loads(_DATA.read_text(encoding="utf-8"))


def _maximum(name: str, settings: Mapping[str, float]) -> float:
    return float(settings.get(name, _figures()[name]["most"]))


def _refill_per_second(name: str, settings: Mapping[str, float]) -> float:
    """Return a bucket's refill rate, in proportion to its maximum."""
    figures = _figures()[name]
    return figures["per_second"] * _maximum(name, settings) / figures["most"]


def _retry_after_seconds(name: str, usage: _Usage, now: float, settings: Mapping[str, float]) -> int:
    """Return whole seconds, at least 1, until one more call is within the limit."""
    seconds = _figures()[name].get("seconds")
    if seconds:
        return max(1, math.ceil(seconds - now % seconds))
    return max(1, math.ceil((usage.used + 1 - _maximum(name, settings)) / _refill_per_second(name, settings)))


def _applicable_limits(call: Call) -> Iterator[Key]:
    """Yield the limits against which a call counts."""
    if call.host.endswith(".vault.azure.net"):
        kind = "create" if call.method == "PUT" else "other"
        yield f"vault.{kind}", call.host
        yield f"vaults.{kind}", ""
    elif call.host == "management.azure.com" and call.caller is not None:
        segments = call.path.lower().split("/")
        scope = segments[2] if segments[1:2] == ["subscriptions"] and len(segments) > 2 else "tenant"
        yield f"arm.{_KINDS.get(call.method, 'writes')}", f"{scope}/{call.caller.object_id}"
    elif call.host == "graph.microsoft.com" and call.caller is not None:
        yield "graph.units", call.caller.app_id
        if call.method not in _KINDS or call.method == "DELETE":
            yield "graph.writes", call.caller.app_id


def throttle_error(call: Call, wait_seconds: float | None) -> AzureError:
    """Return the 429 with which a fault rule throttles a call, as the call's service words it.

    It has a `Retry-After` if there is a time to wait.
    """
    kind = _KINDS.get(call.method, "writes")
    names = {"management.azure.com": f"arm.{kind}", "graph.microsoft.com": "graph.units", _FABRIC: "fabric"}
    name = names.get(call.host, "vault.other")
    error = _limit_exceeded_error(call, name, f"{wait_seconds or 0:g}")
    return replace(error, headers={} if wait_seconds is None else {"Retry-After": f"{wait_seconds:g}"})


def _limit_exceeded_error(call: Call, limit_name: str, wait_seconds: int | str) -> AzureError:
    service, _, kind = limit_name.partition(".")
    headers = {"Retry-After": str(wait_seconds)}
    if service == "arm":
        scope = call.path.split("/")[2] if call.path.lower().startswith("/subscriptions/") else TENANT_ID
        message = (
            f"Number of {kind} for subscription '{scope}' exceeded the backend storage limit. Please try again after "
            f"'{wait_seconds}' seconds."
        )
        # https://learn.microsoft.com/troubleshoot/azure/azure-kubernetes/create-upgrade-delete/error-code-subscriptionrequeststhrottled
        return AzureError(status=429, code="SubscriptionRequestsThrottled", message=message, headers=headers)
    if service == "fabric":
        end = call.tenant.clock.now() + timedelta(seconds=float(wait_seconds))
        message = f"Request is blocked by the upstream service until: {end:%m/%d/%Y %I:%M:%S %p} (UTC)"
        return AzureError(status=429, code="RequestBlocked", message=message, headers=headers)
    if service == "graph":
        return AzureError(status=429, code="TooManyRequests", message="Too Many Requests", headers=headers)
    # A vault sends no Retry-After: https://github.com/dotnet/sign/issues/403 shows a whole response.
    message = "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached"
    return AzureError(status=429, code="Throttled", message=message)
