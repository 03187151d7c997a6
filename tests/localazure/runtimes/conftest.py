"""A local Azure with a real Flink behind its cluster, started once and not reset: tests name their jobs apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from localazure.app import process
from tests import emulator
from tests.emulator import ARM
from tests.localazure import lake as lakes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.emulator import Answer, LocalAzure
    from tests.localazure.lake import Lake

VERSION = "api-version=2024-05-01-preview"
CLUSTER = "/resourceGroups/flink-platform/providers/Microsoft.HDInsight/clusterpools/flink-pool/clusters/flink-cluster"
ROOT = Path(__file__).parents[3]
JARS = {
    "wordcount.jar": ROOT / "templates/jobs/wordcount/wordcount.jar",
    "endless.jar": Path(__file__).parent / "jobs/endless/endless.jar",
}
ROUNDS = 300  # of a tenth of a second at least


@dataclass(frozen=True, kw_only=True)
class Flink:
    """The cluster as a client of Azure sees it: jobs over ARM, their jars in a data lake."""

    azure: LocalAzure
    lake: Lake

    def call(self, method: str, path: str, body: Any = None, query: str = "") -> Answer:
        return self.azure.request(method, f"{ARM}{self.azure.subscription}{path}?{VERSION}{query}", body)

    def post(self, **properties: Any) -> Answer:
        return self.call("POST", f"{CLUSTER}/runJob", {"properties": {"jobType": "FlinkJob", **properties}})

    def act(self, action: str, name: str, **properties: Any) -> dict[str, Any]:
        """Ask for an action and follow its Location to the end; the job's properties then."""
        accepted = self.post(action=action, jobName=name, **properties)
        assert accepted.status == 202, accepted.json()
        while True:
            answer = self.azure.request("GET", accepted.headers["location"])
            if answer.status != 202:
                assert answer.status == 200, answer.json()
                return answer.json()["properties"] if answer.body else {}
            self.pause()

    def pause(self) -> None:
        """Let a moment pass: nothing changes in what is up, so the answer takes its time."""
        change = self.azure.control("GET", "/runtimes")["change"]
        self.azure.control("GET", f"/runtimes?after={change}&seconds=0.1")

    def new(self, name: str, jar: str, entry_class: str, args: str, **configuration: str) -> dict[str, Any]:
        return self.act("NEW", name, **self.job(jar, entry_class, args, **configuration))

    def job(self, jar: str, entry_class: str, args: str, **configuration: str) -> dict[str, Any]:
        return {
            "jobJarDirectory": f"abfs://jobs@{self.lake.name}.dfs.core.windows.net/jars",
            "jarName": jar,
            "entryClass": entry_class,
            "args": args,
            "flinkConfiguration": {"parallelism": "2", "savepoint.directory": self.savepoints, **configuration},
        }

    @property
    def savepoints(self) -> str:
        return f"abfs://jobs@{self.lake.name}.dfs.core.windows.net/savepoints"

    def shown(self, name: str) -> dict[str, Any]:
        found = self.call("GET", f"{CLUSTER}/jobs", query=f"&$filter=jobName eq {name}").json()["value"]
        return found[0]["properties"] if found else {}

    def until(self, name: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The job once that is so; a moment passes between two looks."""
        found: dict[str, Any] = {}
        for _ in range(ROUNDS):
            found = self.shown(name)
            if is_so(found):
                return found
            self.pause()
        raise AssertionError(found)


def up(azure: LocalAzure) -> dict[str, Any]:
    """The runtime that is up in the end, from the control endpoint's own list."""
    told = azure.control("POST", "/runtimes")
    while any(one["state"] not in process.SETTLED for one in told["runtimes"]):
        told = azure.control("GET", f"/runtimes?after={told['change']}&seconds=5")
    (flink,) = [one for one in told["runtimes"] if one["kind"] == "flink"]
    assert flink["state"] == "ready", flink["failure"]
    return flink


@pytest.fixture(scope="session")
def flink_azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAzure]:
    """A local Azure of its own: the others are reset before each test, and a reset ends what runs behind them."""
    state = tmp_path_factory.mktemp("flink")
    try:
        azure = emulator.start(state)
        up(azure)
        yield azure
    finally:
        process.stop(state)


@pytest.fixture(scope="session")
def flink(flink_azure: LocalAzure) -> Flink:
    """Its cluster."""
    return ready_with_jars(flink_azure)


def ready_with_jars(azure: LocalAzure) -> Flink:
    """The cluster, with jars in a data lake that it may read."""
    lake = lakes.create_lake(azure)
    made = Flink(azure=azure, lake=lake)
    token = azure.token(lakes.STORAGE)
    lake.call("PUT", f"{lake.dfs}/jobs?resource=filesystem", token=token)
    for name, jar in JARS.items():
        put(lake, f"jars/{name}", jar.read_bytes())
    profile = made.call("GET", CLUSTER).json()["properties"]["clusterProfile"]
    lake.grant(lakes.OWNER, str(profile["identityProfile"]["msiObjectId"]))
    return made


def put(lake: Lake, path: str, content: bytes) -> None:
    """A file in the data lake, as its REST API writes one."""
    token, url = lake.azure.token(lakes.STORAGE), f"{lake.dfs}/jobs/{path}"
    for method, query, body in (
        ("PUT", "resource=file", None),
        ("PATCH", "action=append&position=0", content),
        ("PATCH", f"action=flush&position={len(content)}", None),
    ):
        assert lake.call(method, f"{url}?{query}", body, token=token).status in {200, 201, 202}
