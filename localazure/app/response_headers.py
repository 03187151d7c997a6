"""Headers that every response of a service has: request and correlation ids, rate limits, caching.

https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling and
https://learn.microsoft.com/rest/api/storageservices/common-rest-api-response-headers
"""

from __future__ import annotations

import re
from email.utils import format_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localazure.app.tenant import Tenant
    from localazure.app.wire import Request

_STORAGE = re.compile(r".*\.(blob|dfs)\.core\.windows\.net")
_SAFE = re.compile(r"[\x20-\x7e]{1,1024}")


def common_headers(request: Request, request_id: str, tenant: Tenant) -> dict[str, str]:
    """Return the headers that the service at the request's host adds to every response."""
    headers = {"date": format_datetime(tenant.clock.now(), usegmt=True), "x-ms-request-id": request_id}
    client_request_id = _echoed(request, "x-ms-client-request-id")
    if request.host == "management.azure.com":
        echoes = request.headers.get("x-ms-return-client-request-id", "").lower() == "true"
        return {**headers, **_arm_headers(request, request_id), **(client_request_id if echoes else {})}
    if request.host == "graph.microsoft.com":
        client_id = _echoed(request, "client-request-id") or {"client-request-id": request_id}
        return {**headers, "request-id": request_id, **client_id}
    if request.host.endswith(".vault.azure.net"):
        version = {"x-ms-keyvault-service-version": "1.9.2000.1"}
        return {**headers, **client_request_id, **version, "cache-control": "no-cache"}
    return {**headers, **client_request_id} if _STORAGE.fullmatch(request.host) else headers


def _arm_headers(request: Request, request_id: str) -> dict[str, str]:
    kind = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}.get(request.method, "writes")
    correlation = _echoed(request, "x-ms-correlation-request-id") or {"x-ms-correlation-request-id": request_id}
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


def _echoed(request: Request, name: str) -> dict[str, str]:
    """Return the request header as it was sent, or nothing if it is absent or not printable ASCII."""
    value = request.headers.get(name, "")
    return {name: value} if _SAFE.fullmatch(value) else {}
