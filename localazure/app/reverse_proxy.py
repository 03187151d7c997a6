"""A reverse proxy for people's browsers: `http://127.0.0.1:PORT/KEY/` shows the web page that has that key.

Programs behind it ask for a client certificate, which no browser has; the key in the path stands for it, and it lies in
a file that only the user of this local Azure can read. A page of another site knows no key, and is refused by its
`Origin` and `Host` besides. All of that is checked before a body is read.
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
    """The ASGI application; `pages` are asked for with each request."""

    def __init__(self, pages: Callable[[], Iterable[WebPage]]) -> None:
        self._pages = pages

    async def __call__(self, scope: wire.Scope, receive: wire.Receive, send: wire.Send) -> None:
        """Answer one request."""
        _, _, below = scope["raw_path"].decode("latin-1").partition("/")
        key, slash, path = below.partition("/")
        refusal = _refusal(scope)
        page = None if refusal else self._page(key)
        if page is None or not slash:
            text = refusal or "There is no such page; `provisioner local status` names those that are up.\n"
            await wire.send_reply(send, Reply(status=403 if refusal else 404, body=text), {})
            return
        try:
            request = await wire.read_request(scope, receive)
        except wire.ClientDisconnected:
            return
        query = scope["query_string"].decode("latin-1")
        target = f"/{path}?{query}" if query else f"/{path}"
        silent = Reply(status=502, body="The program behind this page does not answer.\n")
        upstream = Upstream(port=page.port, silent=silent, context=page.context, target=target)
        await forward.forward_request(request, upstream, receive, send, {})

    def _page(self, key: str) -> WebPage | None:
        return next(
            (page for page in self._pages() if hmac.compare_digest(page.key.reveal().encode(), key.encode())), None
        )


def _refusal(scope: wire.Scope) -> str:
    """Why a request comes from elsewhere; empty if it does not."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    port = scope["server"][1]
    own = {f"127.0.0.1:{port}", f"localhost:{port}"}
    if headers.get(b"host", "") not in own:
        return "This address is not where these pages are.\n"
    if headers.get(b"origin", "") not in {"", *(f"http://{host}" for host in own)}:
        return "Pages of other sites may not call this one.\n"
    return ""
