"""A jar of 1 GiB in place of a small one: seconds, memory, and the same by `az` and by curl where az is installed."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.bench.measured_runs import SPEC, TOP, Run
from tests.bench.peers import seconds, signed_in
from tests.bench.row import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.measured_runs import Bench
    from tests.bench.peers import Peer

JAR = TOP / "templates" / "jobs" / "wordcount" / "wordcount.jar"
GIB, MIB = 1 << 30, 1 << 20
TIMES = 3
LAKE = ("--account-name", "stflinklocal", "--file-system", "jobs", "--auth-mode", "login")
TARGET = ("--path", "az.jar", "--overwrite")
MOST_MIB, MOST_PER_BYTE, MOST_OF_AN_UPLOAD = 150, 1.0, 1.3
STORAGE_VERSION = "2021-12-02"
STORAGE = "https://storage.azure.com"


def uploading(world: Bench, _times: int) -> Iterator[Row]:
    """In turns; everything else stays as it is."""
    world.control("POST", "/reset")
    with TemporaryDirectory(prefix="bench-jar-") as folder:
        peer = signed_in(world, Path(folder))
        small, big = _jar(Path(folder) / "small", MIB), _jar(Path(folder) / "big", GIB)
        world.run("provision", "--yes", spec=_spec(small))
        ours, theirs = dict[Path, list[Run]](), dict[Path, list[float]]()
        floor = list[float]()
        for _ in range(TIMES):
            for jar in (big, small):
                ours.setdefault(jar, []).append(world.run("provision", "--yes", spec=_spec(jar)))
                if peer:
                    upload = ("storage", "fs", "file", "upload", "--source", str(jar), *TARGET, *LAKE)
                    theirs.setdefault(jar, []).append(peer.seconds(*upload))
            if peer:
                floor.append(_put_by_curl(peer, big))
    of_big, of_small = ([run.seconds for run in ours[jar]] for jar in (big, small))
    yield Row(what="provision with a new jar of 1 GiB", found=of_big, unit="s")
    peak = [run.peak_bytes / MIB for run in ours[big]]
    yield Row(what="  peak memory of the process", found=peak, unit="MiB", most=MOST_MIB)
    if peer:
        whole, rest = median(of_big), median(of_big) - median(of_small)
        ratio, per_byte = whole / median(theirs[big]), rest / (median(theirs[big]) - median(theirs[small]))
        yield Row(what="  against az storage fs file upload", found=[ratio], unit="x", most=MOST_OF_AN_UPLOAD)
        yield Row(what="  likewise, without what a small jar takes", found=[per_byte], unit="x", most=MOST_PER_BYTE)
        yield Row(what="  against one PUT by curl", found=[whole / median(floor)], unit="x")


def _jar(folder: Path, size: int) -> Path:
    """One that is a little larger, in a folder of its own: both have one name in the lake."""
    folder.mkdir()
    jar = Path(shutil.copy(JAR, folder))
    with zipfile.ZipFile(jar, "a") as archive, archive.open("ballast", "w", force_zip64=True) as ballast:
        for _ in range(size // MIB):
            ballast.write(bytes(MIB))
    return jar


def _spec(jar: Path) -> Path:
    """The local environment with that jar."""
    file = jar.with_name("environment.yaml")
    named = SPEC.read_text(encoding="utf-8").replace(f"../{JAR.relative_to(TOP)}", str(jar))
    file.write_text(named, encoding="utf-8")
    return file


def _put_by_curl(peer: Peer, file: Path) -> float:
    """One Put Blob, which takes up to 5,000 MiB: https://learn.microsoft.com/rest/api/storageservices/put-blob."""
    token = peer.az("account", "get-access-token", "--resource", STORAGE)["accessToken"]
    headers = peer.folder / "headers"
    headers.write_text(f"Authorization: Bearer {token}\nx-ms-version: {STORAGE_VERSION}\nx-ms-blob-type: BlockBlob\n")
    url = "https://stflinklocal.blob.core.windows.net/jobs/curl.jar"
    command = ["curl", "--silent", "--show-error", "--fail", "--header", f"@{headers}", "--upload-file", file, url]
    variables = {**peer.az.variables, "CURL_CA_BUNDLE": peer.az.variables["REQUESTS_CA_BUNDLE"]}
    return seconds(lambda: subprocess.run(command, env=variables, check=True, capture_output=True))
