"""What stands on loopback behind a service is passed on as it answers."""

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
    """One end of an ASGI call: what it got, when it leaves."""

    got: list[MutableMapping[str, Any]] = field(default_factory=list[Any])
    leaves: asyncio.Event = field(default_factory=asyncio.Event)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self) -> MutableMapping[str, Any]:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.got.append(message)
        self.heard.set()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.got)


@dataclass
class Server:
    """A server that says these pieces, each after `next` was set; what it was asked."""

    pieces: tuple[bytes, ...]
    asked: bytes = b""
    next: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(100))
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked = await reader.readuntil(b"\r\n\r\n")
        for piece in self.pieces:
            async with asyncio.timeout(SECONDS):
                await self.next.acquire()
            writer.write(piece)
        if self.pieces and self.pieces[-1] == b"...":
            await reader.read()
            self.left.set()
        writer.close()


def request(method: str = "GET", body: bytes = b"", **headers: str) -> Request:
    sent = {"host": "web.example", "authorization": "Bearer entra", "te": "trailers", **headers}
    return Request(
        method=method, host="web.example", path="/a b", query={}, headers=sent, body=body, target="/a%20b?x=%2F"
    )


async def passed(server: Server, asked: Request, client: Client, turn: asyncio.Lock | None = None) -> int:
    listening = await asyncio.start_server(server.answer, "127.0.0.1", 0)
    async with listening, asyncio.timeout(SECONDS):
        port = listening.sockets[0].getsockname()[1]
        headers = {"Authorization": Secret("Basic own"), "x-forwarded-proto": "https"}
        upstream = Upstream(port=port, silent=Reply(status=503), headers=headers, turn=turn)
        return await forward_request(asked, upstream, client.receive, client.send, {})


def test_head_and_body_are_passed_on_both_ways() -> None:
    async def story() -> None:
        answer = (
            (
                b"HTTP/1.1 201 Created\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Encoding: gzip\r\n"
                b"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
            ),
            b"3\r\n\x1f\x8b\x08\r\n0\r\n\r\n",
        )
        server, client = Server(answer), Client()
        status = await passed(server, request("POST", b"body", **{"content-type": "text/plain"}), client)
        assert status == 201
        head = {name: value for name, value in client.got[0]["headers"] if name != b"set-cookie"}
        assert head == {b"content-encoding": b"gzip"}
        cookies = [value for name, value in client.got[0]["headers"] if name == b"set-cookie"]
        assert cookies == [b"a=1", b"b=2"]
        assert client.body == b"\x1f\x8b\x08"
        asked = server.asked.decode().lower()
        assert asked.startswith("post /a%20b?x=%2f http/1.1")
        assert "host: web.example" in asked
        assert "authorization: basic own" in asked
        assert "content-length: 4" in asked
        assert not {word for word in ("entra", "te:") if word in asked}

    asyncio.run(story())


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_has_none(status: int) -> None:
    async def story() -> None:
        server, client = Server((f'HTTP/1.1 {status} X\r\nETag: "e"\r\n\r\n'.encode(),)), Client()
        assert await passed(server, request(), client) == status
        assert client.body == b""

    asyncio.run(story())


def test_a_body_is_passed_on_piece_by_piece_while_others_are_served() -> None:
    async def story() -> None:
        server, client = Server((b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", b"one", b"two")), Client()
        server.next = asyncio.Semaphore(2)
        passing = asyncio.ensure_future(passed(server, request(), client))
        async with asyncio.timeout(SECONDS):
            while client.body != b"one":
                client.heard.clear()
                await client.heard.wait()
        assert not passing.done()
        server.next.release()
        assert await passing == 200
        assert client.body == b"onetwo"

    asyncio.run(story())


def test_calls_that_share_a_turn_are_passed_on_one_after_the_other() -> None:
    async def story() -> None:
        turn, first, second = asyncio.Lock(), Client(), Client()
        busy = Server((b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", b"1"), next=asyncio.Semaphore(1))
        free = Server((b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", b"2"))
        passing = [asyncio.ensure_future(passed(busy, request("POST"), first, turn))]
        async with asyncio.timeout(SECONDS):
            await first.heard.wait()
            passing.append(asyncio.ensure_future(passed(free, request("POST"), second, turn)))
            assert await passed(Server(free.pieces), request(), Client()) == 200  # one without a turn waits for nobody
        assert (free.asked, turn.locked()) == (b"", True)
        busy.next.release()
        assert [await each for each in passing] == [200, 200]
        assert (first.body, second.body, turn.locked()) == (b"1", b"2", False)

    asyncio.run(story())


def test_a_client_that_leaves_ends_the_call_upstream() -> None:
    async def story() -> None:
        server, client = Server((b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"...")), Client()
        passing = asyncio.ensure_future(passed(server, request(), client))
        async with asyncio.timeout(SECONDS):
            await client.heard.wait()
            client.leaves.set()
            assert await passing == 0
            await server.left.wait()

    asyncio.run(story())


@pytest.mark.parametrize("said", [(), (b"no HTTP\r\n\r\n",)])
def test_an_upstream_that_does_not_answer_is_answered_for(said: tuple[bytes, ...]) -> None:
    async def story() -> None:
        client = Client()
        assert await passed(Server(said), request(), client) == 503
        assert client.got[0]["status"] == 503

    asyncio.run(story())


def test_a_body_that_breaks_off_is_not_finished() -> None:
    async def story() -> None:
        server, client = Server((b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", b"one")), Client()
        assert await passed(server, request(), client) == 200
        assert client.body == b"one"
        assert client.got[-1]["more_body"]

    asyncio.run(story())
