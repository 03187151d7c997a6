"""Forwarding a request to a server on loopback, and its response to the client."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from localazure.app.call import Reply, Upstream
from localazure.app.forward import forward_request
from localazure.app.secret import Secret
from localazure.app.wire import Request

if TYPE_CHECKING:
    from collections.abc import MutableMapping

SECONDS = 20


@dataclass
class Client:
    """The client's end of an ASGI call: the messages that it received, and when it disconnects."""

    messages: list[MutableMapping[str, Any]] = field(default_factory=list[Any])
    disconnects: asyncio.Event = field(default_factory=asyncio.Event)
    received: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self) -> MutableMapping[str, Any]:
        await self.disconnects.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.messages.append(message)
        self.received.set()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)


@dataclass
class Server:
    """A server that sends these chunks, each after acquiring `next`; it keeps the head of the request."""

    chunks: tuple[bytes, ...]
    request_head: bytes = b""
    next: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(100))
    client_left: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.request_head = await reader.readuntil(b"\r\n\r\n")
        for chunk in self.chunks:
            async with asyncio.timeout(SECONDS):
                await self.next.acquire()
            writer.write(chunk)
        if self.chunks and self.chunks[-1] == b"...":
            await reader.read()
            self.client_left.set()
        writer.close()


def request(method: str = "GET", body: bytes = b"", **headers: str) -> Request:
    sent = {"host": "web.example", "authorization": "Bearer entra", "te": "trailers", **headers}
    return Request(
        method=method, host="web.example", path="/a b", query={}, headers=sent, body=body, target="/a%20b?x=%2F"
    )


async def forward(server: Server, forwarded: Request, client: Client, lock: asyncio.Lock | None = None) -> int:
    server_socket = await asyncio.start_server(server.answer, "127.0.0.1", 0)
    async with server_socket, asyncio.timeout(SECONDS):
        port = server_socket.sockets[0].getsockname()[1]
        headers = {"Authorization": Secret("Basic own"), "x-forwarded-proto": "https"}
        upstream = Upstream(port=port, unavailable=Reply(status=503), headers=headers, lock=lock)
        return await forward_request(forwarded, upstream, client.receive, client.send, {})


def test_head_and_body_are_forwarded_in_both_directions() -> None:
    async def scenario() -> None:
        answer = (
            (
                b"HTTP/1.1 201 Created\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Encoding: gzip\r\n"
                b"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
            ),
            b"3\r\n\x1f\x8b\x08\r\n0\r\n\r\n",
        )
        server, client = Server(answer), Client()
        status = await forward(server, request("POST", b"body", **{"content-type": "text/plain"}), client)
        assert status == 201
        head = {name: value for name, value in client.messages[0]["headers"] if name != b"set-cookie"}
        assert head == {b"content-encoding": b"gzip"}
        cookies = [value for name, value in client.messages[0]["headers"] if name == b"set-cookie"]
        assert cookies == [b"a=1", b"b=2"]
        assert client.body == b"\x1f\x8b\x08"
        head_sent = server.request_head.decode().lower()
        assert head_sent.startswith("post /a%20b?x=%2f http/1.1")
        assert "host: web.example" in head_sent
        assert "authorization: basic own" in head_sent
        assert "content-length: 4" in head_sent
        assert not {word for word in ("entra", "te:") if word in head_sent}

    asyncio.run(scenario())


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_without_a_body_has_none(status: int) -> None:
    async def scenario() -> None:
        server, client = Server((f'HTTP/1.1 {status} X\r\nETag: "e"\r\n\r\n'.encode(),)), Client()
        assert await forward(server, request(), client) == status
        assert client.body == b""

    asyncio.run(scenario())


def test_a_body_is_forwarded_chunk_by_chunk_while_other_calls_are_served() -> None:
    async def scenario() -> None:
        server, client = Server((b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", b"one", b"two")), Client()
        server.next = asyncio.Semaphore(2)
        forwarding = asyncio.ensure_future(forward(server, request(), client))
        async with asyncio.timeout(SECONDS):
            while client.body != b"one":
                client.received.clear()
                await client.received.wait()
        assert not forwarding.done()
        server.next.release()
        assert await forwarding == 200
        assert client.body == b"onetwo"

    asyncio.run(scenario())


def test_calls_that_share_a_lock_are_forwarded_one_after_the_other() -> None:
    async def scenario() -> None:
        lock, first, second = asyncio.Lock(), Client(), Client()
        busy = Server((b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", b"1"), next=asyncio.Semaphore(1))
        free = Server((b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", b"2"))
        forwarding = [asyncio.ensure_future(forward(busy, request("POST"), first, lock))]
        async with asyncio.timeout(SECONDS):
            await first.received.wait()
            forwarding.append(asyncio.ensure_future(forward(free, request("POST"), second, lock)))
            assert await forward(Server(free.chunks), request(), Client()) == 200  # a call without a lock does not wait
        assert (free.request_head, lock.locked()) == (b"", True)
        busy.next.release()
        assert [await each for each in forwarding] == [200, 200]
        assert (first.body, second.body, lock.locked()) == (b"1", b"2", False)

    asyncio.run(scenario())


def test_a_client_that_disconnects_ends_the_call_to_the_upstream() -> None:
    async def scenario() -> None:
        server, client = Server((b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"...")), Client()
        forwarding = asyncio.ensure_future(forward(server, request(), client))
        async with asyncio.timeout(SECONDS):
            await client.received.wait()
            client.disconnects.set()
            assert await forwarding == 0
            await server.client_left.wait()

    asyncio.run(scenario())


@pytest.mark.parametrize("chunks", [(), (b"no HTTP\r\n\r\n",)])
def test_without_a_response_of_the_upstream_the_client_gets_the_reply_for_that(chunks: tuple[bytes, ...]) -> None:
    async def scenario() -> None:
        client = Client()
        assert await forward(Server(chunks), request(), client) == 503
        assert client.messages[0]["status"] == 503

    asyncio.run(scenario())


def test_a_body_that_the_upstream_breaks_off_stays_incomplete() -> None:
    async def scenario() -> None:
        server, client = Server((b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", b"one")), Client()
        assert await forward(server, request(), client) == 200
        assert client.body == b"one"
        assert client.messages[-1]["more_body"]

    asyncio.run(scenario())
