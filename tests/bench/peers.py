"""The tool beside `az` from PyPI on the same local Azure, in turns; nothing where `make bench-peers` has not put it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from localazure.app import process
from tests.bench.measured_runs import SPEC, TOP
from tests.bench.row import Row
from tests.clients.article_by_az import Article
from tests.clients.conftest import KEPT, Az
from tests.clients.environment import installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.measured_runs import Bench

LATENCIES_MS = (0, 100)
JAR = TOP / "templates" / "jobs" / "wordcount" / "wordcount.jar"
GIB, MIB = 1 << 30, 1 << 20
JAR_RUNS = 3
ACCOUNT, VAULT, SECRET = "stflinklocal", "kv-flink-local", "hdinsight-aks-variables-greeting"
MOST_OF_A_COMMAND, MOST_PER_BYTE, MOST_OF_AN_UPLOAD = 1.1, 1.0, 1.3
STORAGE_VERSION = "2021-12-02"


@dataclass(frozen=True, kw_only=True)
class Peer:
    """az, signed in as the operator of a bench's local Azure."""

    az: Az
    client_id: str
    folder: Path

    def seconds(self, *arguments: str) -> float:
        return _seconds(lambda: self.az(*arguments))


def peers(world: Bench, times: int) -> Iterator[Row]:
    """One command, the whole article, a large jar."""
    program = installed("az")
    if program is None:
        return
    with TemporaryDirectory(prefix="bench-az-") as folder:
        peer = _signed_in(world, program / "bin" / "az", Path(folder))
        yield from _whole_article(world, peer)
        world.control("POST", "/reset")
        world.run("provision", "--yes")
        yield from _one_command(world, peer, times)
        yield from _large_jar(world, peer)


def _one_command(world: Bench, peer: Peer, times: int) -> Iterator[Row]:
    ours, theirs = list[float](), list[float]()
    for _ in range(times):
        ours.append(world.run("plan").seconds)
        theirs.append(peer.seconds("keyvault", "secret", "show", "--vault-name", VAULT, "--name", SECRET))
    yield Row(what="az keyvault secret show", found=theirs, unit="s")
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    yield Row(what="  plan without changes against it", found=ratios, unit="x", most=MOST_OF_A_COMMAND)


def _whole_article(world: Bench, peer: Peer) -> Iterator[Row]:
    for latency_ms in LATENCIES_MS:
        world.control("POST", "/reset")
        world.control("PUT", "/faults", {"latency_ms": latency_ms})
        article = Article(az=peer.az, me=peer.client_id, folder=peer.folder)
        theirs = _seconds(article.follow)
        world.control("POST", "/reset")
        world.control("PUT", "/faults", {"latency_ms": latency_ms})
        ours = world.run("provision", "--yes").seconds
        yield Row(what=f"the article's steps by az, answers {latency_ms} ms late", found=[theirs], unit="s")
        yield Row(what="  first provision against them", found=[ours / theirs], unit="x", most=1.0)
    world.control("DELETE", "/faults")


def _large_jar(world: Bench, peer: Peer) -> Iterator[Row]:
    """Each time a small jar, then one of 1 GiB in its place, by both."""
    small, big = peer.folder / "small.jar", peer.folder / "big.jar"
    shutil.copy(JAR, small)
    with zipfile.ZipFile(shutil.copy(JAR, big), "a") as archive:
        with archive.open("ballast", "w", force_zip64=True) as ballast:
            for _ in range(GIB // MIB):
                ballast.write(bytes(MIB))
    ours, theirs = dict[Path, list[float]](), dict[Path, list[float]]()
    floor = list[float]()
    for _ in range(JAR_RUNS):
        for jar in (small, big):
            ours.setdefault(jar, []).append(world.run("provision", "--yes", spec=_spec(jar)).seconds)
            place = ("--account-name", ACCOUNT, "--file-system", "jobs", "--auth-mode", "login")
            upload = ("storage", "fs", "file", "upload", "--source", str(jar), "--path", "az.jar", "--overwrite")
            theirs.setdefault(jar, []).append(peer.seconds(*upload, *place))
        floor.append(_put_by_curl(peer, big))
    our, their = median(ours[big]), median(theirs[big])
    yield Row(what="provision with a new jar of 1 GiB", found=ours[big], unit="s")
    yield Row(what="  against az storage fs file upload", found=[our / their], unit="x", most=MOST_OF_AN_UPLOAD)
    per_byte = (our - median(ours[small])) / (their - median(theirs[small]))
    yield Row(what="  likewise, without what 4 KiB take", found=[per_byte], unit="x", most=MOST_PER_BYTE)
    yield Row(what="  against one PUT by curl", found=[our / median(floor)], unit="x")


def _put_by_curl(peer: Peer, file: Path) -> float:
    """One Put Blob, which takes up to 5,000 MiB: https://learn.microsoft.com/rest/api/storageservices/put-blob."""
    token = peer.az("account", "get-access-token", "--resource", "https://storage.azure.com")["accessToken"]
    headers = peer.folder / "headers"
    headers.write_text(f"Authorization: Bearer {token}\nx-ms-version: {STORAGE_VERSION}\nx-ms-blob-type: BlockBlob\n")
    url = f"https://{ACCOUNT}.blob.core.windows.net/jobs/curl.jar"
    command = ["curl", "--silent", "--show-error", "--fail", "--header", f"@{headers}", "--upload-file", file, url]
    trusted = peer.az.variables["REQUESTS_CA_BUNDLE"]
    variables = {**peer.az.variables, "CURL_CA_BUNDLE": trusted}
    return _seconds(lambda: subprocess.run(command, env=variables, check=True, capture_output=True))


def _spec(jar: Path) -> Path:
    """The local environment with another jar under the same name in the lake."""
    file = jar.with_suffix(".yaml")
    named = SPEC.read_text(encoding="utf-8").replace(f"../{JAR.relative_to(TOP)}", str(jar))
    file.write_text(named, encoding="utf-8")
    return file


def _signed_in(world: Bench, program: Path, folder: Path) -> Peer:
    own = {name: os.environ[name] for name in KEPT if name in os.environ}
    settings = process.client_environment(own, world.state)
    quiet = {"AZURE_CONFIG_DIR": str(folder / "az"), "AZURE_CORE_COLLECT_TELEMETRY": "no"}
    az = Az(program=program, variables={**settings, **quiet})
    client_id = settings["AZURE_CLIENT_ID"]
    who = ("-u", client_id, "-p", settings["AZURE_CLIENT_SECRET"], "--tenant", settings["AZURE_TENANT_ID"])
    az("login", "--service-principal", *who)
    return Peer(az=az, client_id=client_id, folder=folder)


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
