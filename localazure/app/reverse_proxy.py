"""A reverse proxy for browsers: `http://127.0.0.1:PORT/KEY/` shows the web page of the program with that key.

The programs require a client certificate, which no browser has. The key in the path replaces it; it is in a file that
only the user of this local Azure can read. Requests from pages of other sites are refused by their `Origin` and `Host`
as well. All of this is checked before a body is read.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from localazure.app import forward, wire
from localazure.app.call import Reply, Upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from localazure.app.program import WebPage


class ReverseProxy:
    """The ASGI application. `pages` returns the web pages that are available; it is called for each request."""

    def __init__(self, pages: Callable[[], Iterable[WebPage]]) -> None:
        self._pages = pages

    async def __call__(self, scope: wire.Scope, receive: wire.Receive, send: wire.Send) -> None:
        """Answer one request."""
        _, _, below = scope["raw_path"].decode("latin-1").partition("/")
        key, slash, path = below.partition("/")
        refusal = _cross_site_refusal(scope)
        page = None if refusal else self._find_page(key)
        if page is None or not slash:
            text = (
                refusal
                or "There is no such page. Run `provisioner local status` to see the addresses of those that are up.\n"
            )
            await wire.send_reply(send, Reply(status=403 if refusal else 404, body=text), {})
            return
        try:
            request = await wire.read_request(scope, receive)
        except wire.ClientDisconnected:
            return
        query = scope["query_string"].decode("latin-1")
        target = f"/{path}?{query}" if query else f"/{path}"
        unavailable = Reply(status=502, body="The program behind this page does not answer.\n")
        upstream = Upstream(port=page.port, unavailable=unavailable, tls_context=page.tls_context, target=target)
        await forward.forward_request(request, upstream, receive, send, {})

    def _find_page(self, key: str) -> WebPage | None:
        return next(
            (page for page in self._pages() if hmac.compare_digest(page.key.reveal().encode(), key.encode())), None
        )


def _cross_site_refusal(scope: wire.Scope) -> str:
    """Return why a request is refused as one of another site; empty if it is not."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    port = scope["server"][1]
    own = {f"127.0.0.1:{port}", f"localhost:{port}"}
    if headers.get(b"host", "") not in own:
        return "Refused: the request's Host header is not the address of this server.\n"
    if headers.get(b"origin", "") not in {"", *(f"http://{host}" for host in own)}:
        return "Refused: the request comes from a page of another site.\n"
    return ""
