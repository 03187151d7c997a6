"""How many calls each service takes in a time: figures in data/service_limits.json, here what counts as what.

Windows (`seconds`) begin at whole multiples on the local Azure's clock; buckets (`per_second`) fill steadily. A call
that is turned away does not count. `PUT /settings/limits` of the control endpoint sets other figures, by name:
`{"vault.create": 20}`.

- Key Vault, per vault and five times that per subscription; creating is what PUT does:
  https://learn.microsoft.com/azure/key-vault/general/service-limits
- Resource Manager, per caller and subscription (or tenant):
  https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
- Graph, per application in a small tenant; each request is taken for one unit:
  https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits
"""

from __future__ import annotations

import json
import math
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from localazure.app.call import AzureError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from localazure.app.call import Call

SETTINGS = "limits"
_DATA = Path(__file__).parent / "service_limits.json"
_KINDS = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}
Claim = tuple[str, str]  # the limit's name, whose it is


@dataclass(kw_only=True)
class _Use:
    """since: when the window began, or when the bucket was last looked at. used: of its figure."""

    since: float
    used: float = 0.0


class Limits:
    """What was used of every limit; forgotten when the process ends."""

    def __init__(self) -> None:
        self._uses: dict[Claim, _Use] = {}
        self._lock = threading.Lock()

    def check(self, call: Call) -> None:
        """Count the call, or raise the service's 429 if one of its limits is used up."""
        claims = tuple(_claims(call))
        if not claims:
            return
        settings, now = call.world.store.get("settings", SETTINGS) or {}, call.world.clock.timestamp()
        with self._lock:
            uses = [(claim, self._use(claim, now, settings)) for claim in claims]
            for claim, use in uses:
                if use.used + 1 > _most(claim[0], settings):
                    raise _refusal(call, claim[0], _wait(claim[0], use, now, settings))
            for _, use in uses:
                use.used += 1

    def clear(self) -> None:
        """Nothing is used."""
        with self._lock:
            self._uses.clear()

    def _use(self, claim: Claim, now: float, settings: Mapping[str, float]) -> _Use:
        """What is used of it by now."""
        use, figures = self._uses.setdefault(claim, _Use(since=now)), _figures()[claim[0]]
        if "seconds" in figures:
            begun = now - now % figures["seconds"]
            if use.since < begun or use.since > now:
                use.since, use.used = now, 0.0
            return use
        filled = max(0.0, now - use.since) * _rate(claim[0], settings)
        use.since, use.used = now, max(0.0, use.used - filled)
        return use


@cache
def _figures() -> dict[str, dict[str, float]]:
    return json.loads(_DATA.read_text(encoding="utf-8"))


def _most(name: str, settings: Mapping[str, float]) -> float:
    return float(settings.get(name, _figures()[name]["most"]))


def _rate(name: str, settings: Mapping[str, float]) -> float:
    """Of a bucket, per second: one that is smaller fills as much slower."""
    figures = _figures()[name]
    return figures["per_second"] * _most(name, settings) / figures["most"]


def _wait(name: str, use: _Use, now: float, settings: Mapping[str, float]) -> int:
    """Whole seconds until one more may come."""
    seconds = _figures()[name].get("seconds")
    left = seconds - now % seconds if seconds else (use.used + 1 - _most(name, settings)) / _rate(name, settings)
    return max(1, math.ceil(left))


def _claims(call: Call) -> Iterator[Claim]:
    """The limits that a call counts for."""
    if call.host.endswith(".vault.azure.net"):
        kind = "create" if call.method == "PUT" else "other"
        yield f"vault.{kind}", call.host
        yield f"vaults.{kind}", ""
    elif call.host == "management.azure.com" and call.caller is not None:
        parts = call.path.lower().split("/")
        where = parts[2] if parts[1:2] == ["subscriptions"] and len(parts) > 2 else "tenant"
        yield f"arm.{_KINDS.get(call.method, 'writes')}", f"{where}/{call.caller.object_id}"
    elif call.host == "graph.microsoft.com" and call.caller is not None:
        yield "graph.units", call.caller.app_id
        if call.method not in _KINDS or call.method == "DELETE":
            yield "graph.writes", call.caller.app_id


def _refusal(call: Call, name: str, wait_seconds: int) -> AzureError:
    service, _, kind = name.partition(".")
    after = {"Retry-After": str(wait_seconds)}
    if service == "arm":
        where = (
            call.path.split("/")[2]
            if call.path.lower().startswith("/subscriptions/")
            else call.authenticated_caller.tenant_id
        )
        message = (
            f"Number of {kind} for subscription '{where}' exceeded the backend storage limit. Please try again after "
            f"'{wait_seconds}' seconds."
        )
        return AzureError(status=429, code="SubscriptionRequestsThrottled", message=message, headers=after)
    if service == "graph":
        return AzureError(status=429, code="TooManyRequests", message="Too Many Requests", headers=after)
    # A vault does not say how long: https://github.com/dotnet/sign/issues/403 shows a whole answer.
    message = "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached"
    return AzureError(status=429, code="Throttled", message=message)
