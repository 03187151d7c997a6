"""Headers that every answer of a service has: the ids by which client and service find a call in their logs.

https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling and
https://learn.microsoft.com/rest/api/storageservices/common-rest-api-response-headers
"""

from __future__ import annotations

import re
from email.utils import format_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localazure.app.wire import Request
    from localazure.app.world import World

_STORAGE = re.compile(r".*\.(blob|dfs)\.core\.windows\.net")
_SAFE = re.compile(r"[\x20-\x7e]{1,1024}")


def common_headers(request: Request, request_id: str, world: World) -> dict[str, str]:
    """The headers to add to an answer of the request's host."""
    shown = {"date": format_datetime(world.clock.now(), usegmt=True), "x-ms-request-id": request_id}
    given = _given(request, "x-ms-client-request-id")
    if request.host == "management.azure.com":
        wanted = request.headers.get("x-ms-return-client-request-id", "").lower() == "true"
        return {**shown, **_of_arm(request, request_id), **(given if wanted else {})}
    if request.host == "graph.microsoft.com":
        asked = _given(request, "client-request-id") or {"client-request-id": request_id}
        return {**shown, "request-id": request_id, **asked}
    if request.host.endswith(".vault.azure.net"):
        return {**shown, **given, "x-ms-keyvault-service-version": "1.9.2000.1", "cache-control": "no-cache"}
    return {**shown, **given} if _STORAGE.fullmatch(request.host) else shown


def _of_arm(request: Request, request_id: str) -> dict[str, str]:
    kind = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}.get(request.method, "writes")
    correlation = _given(request, "x-ms-correlation-request-id") or {"x-ms-correlation-request-id": request_id}
    return {
        **correlation,
        f"x-ms-ratelimit-remaining-subscription-{kind}": "199" if kind != "reads" else "249",
        "x-ms-routing-request-id": f"WESTEUROPE:{request_id}",
        "cache-control": "no-cache",
        "pragma": "no-cache",
        "expires": "-1",
        "strict-transport-security": "max-age=31536000; includeSubDomains",
        "x-content-type-options": "nosniff",
    }


def _given(request: Request, name: str) -> dict[str, str]:
    """The header as it was sent, if it can be sent back."""
    value = request.headers.get(name, "")
    return {name: value} if _SAFE.fullmatch(value) else {}
