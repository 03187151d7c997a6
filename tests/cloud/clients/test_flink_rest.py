"""A job that is stopped with a savepoint on a real Flink: who starts from it loses nothing and counts nothing twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localazure.runtimes.flink import front
from provisioner.model import FlinkAccess
from tests.kinds.azure_setup import cloud_of
from tests.localazure.runtimes.conftest import flink_azure

if TYPE_CHECKING:
    from provisioner.cloud.clients.flink_rest import FlinkRest
    from tests.emulator import LocalAzure

__all__ = ["flink_azure"]

JAR = Path(__file__).parents[3] / "templates/jobs/runningtotal/runningtotal.jar"
URL = f"https://{front.HOST}{front.PREFIX}"
ACCESS = FlinkAccess(url=URL, headers={}, scope=f"api://{front.HOST}/.default")
NUMBERS = 20  # before it is stopped, and after


def flink(azure: LocalAzure, method: str, path: str, body: Any = None, **headers: str) -> Any:
    answer = azure.request(method, f"{URL}{path}", body, headers=headers, token=azure.token(f"api://{front.HOST}"))
    assert answer.status == 200, answer.body
    return answer.json()


def uploaded(azure: LocalAzure) -> str:
    """The id of the jar."""
    head = b'--x\r\nContent-Disposition: form-data; name="jarfile"; filename="total.jar"\r\n'
    body = head + b"Content-Type: application/java-archive\r\n\r\n" + JAR.read_bytes() + b"\r\n--x--\r\n"
    kind = "multipart/form-data; boundary=x"
    return str(flink(azure, "POST", "/jars/upload", body, Content_Type=kind)["filename"]).rpartition("/")[2]


def started(azure: LocalAzure, jar: str, output: Path, state: str = "") -> str:
    """The id of the job."""
    body = {"parallelism": 1, "programArgsList": ["--output", str(output)], "entryClass": "provisioner.RunningTotal"}
    return str(flink(azure, "POST", f"/jars/{jar}/run", body | ({"savepointPath": state} if state else {}))["jobid"])


def totals(azure: LocalAzure, output: Path, count: int) -> list[tuple[int, int]]:
    """The numbers that have been added, each with the total after it, once there are so many."""
    lines: list[str] = []
    while len(lines) < count:
        flink(azure, "GET", "/jobs/overview")
        lines = output.read_text().splitlines() if output.exists() else []
    return [(int(number), int(total)) for number, total in map(str.split, lines)]


def test_the_sum_is_exact_across_a_stop(flink_azure: LocalAzure, tmp_path: Path) -> None:
    cloud = cloud_of(flink_azure)
    client: FlinkRest = cloud.client("flink_rest")
    jar, output = uploaded(flink_azure), tmp_path / "total"
    job = started(flink_azure, jar, output)
    before = len(totals(flink_azure, output, NUMBERS))

    where = client.stop_with_savepoint(ACCESS, job, f"file://{tmp_path}/states/{job}-0")

    assert (
        client.stop_with_savepoint(ACCESS, job, f"file://{tmp_path}/states/{job}-0") == where
    )  # as after a lost answer
    later = started(flink_azure, jar, output, where)
    added = totals(flink_azure, output, before + NUMBERS)
    client.cancel(ACCESS, later)
    cloud.session.close()
    assert [number for number, _ in added] == [*range(1, len(added) + 1)], json.dumps(added)
    assert all(total == number * (number + 1) // 2 for number, total in added)
