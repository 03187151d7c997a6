"""A local Azure with a real Flink behind its cluster, started once and not reset, so tests use different job names."""

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
POLLS = 300  # a tenth of a second apart, at least


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
        """Run an action and poll its Location until it is done. Returns the job's properties."""
        accepted = self.post(action=action, jobName=name, **properties)
        assert accepted.status == 202, accepted.json()
        while True:
            answer = self.azure.request("GET", accepted.headers["location"])
            if answer.status != 202:
                assert answer.status == 200, answer.json()
                return answer.json()["properties"] if answer.body else {}
            self.pause()

    def pause(self) -> None:
        """Wait a tenth of a second: the control endpoint responds when a runtime changes, or then."""
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

    def job_properties(self, name: str) -> dict[str, Any]:
        """Return the properties of a job; empty if there is none."""
        jobs = self.call("GET", f"{CLUSTER}/jobs", query=f"&$filter=jobName eq {name}").json()["value"]
        return jobs[0]["properties"] if jobs else {}

    def wait_until(self, name: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until a job fulfils the condition. Returns its properties."""
        properties: dict[str, Any] = {}
        for _ in range(POLLS):
            properties = self.job_properties(name)
            if condition(properties):
                return properties
            self.pause()
        raise AssertionError(properties)


def start_flink(azure: LocalAzure) -> dict[str, Any]:
    """Start the runtimes and wait until Flink is ready. Returns its status."""
    listing = azure.control("POST", "/runtimes")
    while any(one["state"] not in process.SETTLED for one in listing["runtimes"]):
        listing = azure.control("GET", f"/runtimes?after={listing['change']}&seconds=5")
    (flink,) = [one for one in listing["runtimes"] if one["kind"] == "flink"]
    assert flink["state"] == "ready", flink["failure"]
    return flink


@pytest.fixture(scope="session")
def flink_azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAzure]:
    """A local Azure of its own: the others are reset before each test, and a reset stops their runtimes."""
    state = tmp_path_factory.mktemp("flink")
    try:
        azure = emulator.start(state)
        start_flink(azure)
        yield azure
    finally:
        process.stop(state)


@pytest.fixture(scope="session")
def flink(flink_azure: LocalAzure) -> Flink:
    """The Flink cluster in `flink_azure`."""
    return connect_with_jars(flink_azure)


def connect_with_jars(azure: LocalAzure) -> Flink:
    """Return the cluster, with jars in a data lake that it may read."""
    lake = lakes.create_lake(azure)
    flink = Flink(azure=azure, lake=lake)
    token = azure.token(lakes.STORAGE)
    lake.call("PUT", f"{lake.dfs}/jobs?resource=filesystem", token=token)
    for name, jar in JARS.items():
        write_file(lake, f"jars/{name}", jar.read_bytes())
    profile = flink.call("GET", CLUSTER).json()["properties"]["clusterProfile"]
    lake.grant(lakes.OWNER, str(profile["identityProfile"]["msiObjectId"]))
    return flink


def write_file(lake: Lake, path: str, content: bytes) -> None:
    """Write a file to the data lake through its REST API."""
    token, url = lake.azure.token(lakes.STORAGE), f"{lake.dfs}/jobs/{path}"
    for method, query, body in (
        ("PUT", "resource=file", None),
        ("PATCH", "action=append&position=0", content),
        ("PATCH", f"action=flush&position={len(content)}", None),
    ):
        assert lake.call(method, f"{url}?{query}", body, token=token).status in {200, 201, 202}
