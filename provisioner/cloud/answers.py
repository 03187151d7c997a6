"""What an HTTP answer says, or an exception of azure-core in place of one: codes, pauses, ids. Decides nothing.

Both generations of azure-core's responses are read: of azure.core.rest and of the older transports.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

from azure.core.exceptions import AzureError, HttpResponseError, IncompleteReadError

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_SECONDS = 60.0
SIGN_IN_CODE = re.compile(r"AADSTS\d+")


def body_text(response: Any) -> str:
    """The body of an answer; a streamed one is read first. Empty if it cannot be read."""
    try:
        if hasattr(response, "read"):
            response.read()
        return str(response.text())
    except (AzureError, ValueError, AttributeError):
        return ""


def error_codes(response: Any) -> tuple[str, str, str]:
    """Outer code, inner code and message of an answer with an error.

    ARM, Graph, Key Vault, dfs (`error`), Entra (`error` is a word), blob (XML), Airflow (`title` and `detail`), and
    those that name it `errorCode`.
    """
    body = _body(response)
    if isinstance(body, str):
        match = re.search(r"<Code>([^<]*)</Code>\s*<Message>([^<]*)", body)
        return (match.group(1), "", match.group(2)) if match else ("", "", "")
    error: Any = body.get("error", body)
    if isinstance(error, str):
        text = str(body.get("error_description", ""))
        match = SIGN_IN_CODE.search(text)
        return match.group() if match else error, "", text
    if not isinstance(error, dict):
        return "", "", str(error)
    outer: dict[str, Any] = {**error}
    details: Any = outer.get("details")
    inner: Any = outer.get("innererror") or outer.get("innerError") or {}
    if "code" not in inner and isinstance(details, list) and details and isinstance(details[0], dict):
        inner = cast("dict[str, Any]", details[0])
    code = outer.get("code") or outer.get("title") or outer.get("errorCode")
    message = outer.get("message") or outer.get("detail")
    return str(code or ""), str(inner.get("code", "")), str(message or "")


def retry_after(response: Any) -> float | None:
    """Seconds that the service asks for (`Retry-After`, and `x-ms-retry-after-ms` of some), at most a minute.

    None without one, or where it is a date.

    https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
    """
    for header, unit in (("retry-after-ms", 1000.0), ("x-ms-retry-after-ms", 1000.0), ("Retry-After", 1.0)):
        value: str = response.headers.get(header, "")
        if value.strip().isdigit():
            return min(int(value) / unit, LONGEST_SECONDS)
    return None


def request_id(response: Any) -> str:
    """What Azure's support asks for; each service has its own header."""
    for header in ("x-ms-request-id", "request-id", "x-ms-correlation-request-id", "RequestId"):
        if found := response.headers.get(header):
            return found
    return ""


def is_incomplete(error: BaseException) -> bool:
    """Whether an answer ended in its midst; azure-core takes that for an answer with an error."""
    return isinstance(error, IncompleteReadError) or (type(error) is HttpResponseError and error.response is None)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all it was made of: in args and `reason` (requests, urllib3), in `inner_exception` (azure-core)."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        cause = waiting.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        more = (cause.__cause__, getattr(cause, "inner_exception", None))
        waiting.extend((*more, getattr(cause, "reason", None), *cause.args))


def _body(response: Any) -> str | dict[str, Any]:
    """A JSON object, else the text as it is."""
    text = body_text(response)
    try:
        read: Any = json.loads(text)
    except ValueError:
        return text
    return {**read} if isinstance(read, dict) else text
