"""The tool beside `az` from PyPI on the same local Azure, in turns; nothing where `make bench-peers` has not put it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from localazure.app import process
from tests.bench.row import Row
from tests.clients.article_by_az import Article
from tests.clients.conftest import KEPT, Az
from tests.clients.environment import installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.measured_runs import Bench

LATENCIES_MS = (0, 100)
VAULT, SECRET = "kv-flink-local", "hdinsight-aks-variables-greeting"
MOST = 1.1


@dataclass(frozen=True, kw_only=True)
class Peer:
    """az, signed in as the operator of a bench's local Azure."""

    az: Az
    client_id: str
    folder: Path

    def seconds(self, *arguments: str) -> float:
        return seconds(lambda: self.az(*arguments))


def peers(world: Bench, times: int) -> Iterator[Row]:
    """The whole article, and one command."""
    with TemporaryDirectory(prefix="bench-az-") as folder:
        peer = signed_in(world, Path(folder))
        if peer is not None:
            yield from _whole_article(world, peer)
            world.control("POST", "/reset")
            world.run("provision", "--yes")
            yield from _one_command(world, peer, times)


def _one_command(world: Bench, peer: Peer, times: int) -> Iterator[Row]:
    ours, theirs = list[float](), list[float]()
    for _ in range(times):
        ours.append(world.run("plan").seconds)
        theirs.append(peer.seconds("keyvault", "secret", "show", "--vault-name", VAULT, "--name", SECRET))
    yield Row(what="az keyvault secret show", found=theirs, unit="s")
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    yield Row(what="  plan without changes against it", found=ratios, unit="x", most=MOST)


def _whole_article(world: Bench, peer: Peer) -> Iterator[Row]:
    for latency_ms in LATENCIES_MS:
        world.control("POST", "/reset")
        world.control("PUT", "/faults", {"latency_ms": latency_ms})
        article = Article(az=peer.az, me=peer.client_id, folder=peer.folder)
        theirs = seconds(article.follow)
        world.control("POST", "/reset")
        world.control("PUT", "/faults", {"latency_ms": latency_ms})
        ours = world.run("provision", "--yes").seconds
        yield Row(what=f"every step of the article by az, answers {latency_ms} ms late", found=[theirs], unit="s")
        yield Row(what="  first provision against them", found=[ours / theirs], unit="x", most=1.0)
    world.control("DELETE", "/faults")


def signed_in(world: Bench, folder: Path) -> Peer | None:
    """`az` with its configuration in a folder; None where it is not installed."""
    place = installed("az")
    if place is None:
        return None
    own = {name: os.environ[name] for name in KEPT if name in os.environ}
    settings = process.with_client_variables(own, world.state)
    quiet = {"AZURE_CONFIG_DIR": str(folder / "az"), "AZURE_CORE_COLLECT_TELEMETRY": "no"}
    az = Az(program=place / "bin" / "az", variables={**settings, **quiet})
    client_id = settings["AZURE_CLIENT_ID"]
    who = ("-u", client_id, "-p", settings["AZURE_CLIENT_SECRET"], "--tenant", settings["AZURE_TENANT_ID"])
    az("login", "--service-principal", *who)
    return Peer(az=az, client_id=client_id, folder=folder)


def seconds(call: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
