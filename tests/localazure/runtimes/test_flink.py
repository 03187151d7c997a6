"""Jobs on a real Flink, run as any client of HDInsight on AKS does, over raw HTTP through the proxy."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from localazure.runtimes.flink import front
from tests.localazure import lake as lakes
from tests.localazure.runtimes.conftest import JARS, ROOT

if TYPE_CHECKING:
    from tests.localazure.runtimes.conftest import Flink

WORDCOUNT = ("wordcount.jar", "provisioner.WordCount")
ENDLESS = ("endless.jar", "provisioner.Endless")
RUNNING = "RUNNING"
METADATA = "_metadata"


def start_numbers(file: Path) -> list[int]:
    """Return the number from which each start of an endless job continued."""
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def wait_for_starts(flink: Flink, name: str, file: Path, times: int = 1) -> list[int]:
    """Wait until the job has started that often and is shown as running. Returns its start numbers."""
    flink.wait_until(name, lambda job: job["status"] == RUNNING and len(start_numbers(file)) == times)
    return start_numbers(file)


def front_call(flink: Flink, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """Return what the REST API of the same Flink answers at its front."""
    token = flink.azure.token(f"api://{front.HOST}")
    answer = flink.azure.request(
        method, f"https://{front.HOST}{front.PREFIX}{path}", body, headers=headers, token=token
    )
    assert answer.status < 300, answer.body
    return answer.json()


def multipart(file: Path) -> bytes:
    """Return a form with a jar, with the boundary x."""
    head = f'--x\r\nContent-Disposition: form-data; name="jarfile"; filename="{file.name}"\r\n'
    return f"{head}Content-Type: application/java-archive\r\n\r\n".encode() + file.read_bytes() + b"\r\n--x--\r\n"


def read_counts(folder: Path) -> Counter[str]:
    """Return the word counts that a job wrote."""
    lines = [line for file in folder.glob("*/part-*") for line in file.read_text().splitlines()]
    return Counter({word: int(count) for word, count in (line.split(" ") for line in lines)})


def test_a_job_counts_the_words_of_a_text(flink: Flink, tmp_path: Path) -> None:
    text, output = ROOT / "README.md", tmp_path / "counted"
    started = flink.new("wordcount-1", *WORDCOUNT, f"--input {text} --output {output}")
    assert started["actionResult"] == "SUCCESS", started["jobOutput"]
    assert re.fullmatch("[0-9a-f]{32}", started["jobId"])
    finished = flink.wait_until("wordcount-1", lambda job: job["status"] == "FINISHED")
    assert finished["jobId"] == started["jobId"]
    words = re.split(r"\W+", text.read_text().lower(), flags=re.ASCII)
    assert read_counts(output) == Counter(word for word in words if word)


def test_a_job_counts_the_text_in_its_jar_by_default(flink: Flink, tmp_path: Path) -> None:
    flink.new("wordcount-2", *WORDCOUNT, f"--output '{tmp_path}/with space'")
    flink.wait_until("wordcount-2", lambda job: job["status"] == "FINISHED")
    text = (ROOT / "templates/jobs/wordcount/wordcount.txt").read_text().lower()
    assert read_counts(tmp_path / "with space") == Counter(re.findall(r"\w+", text, re.ASCII))


def test_the_output_of_a_failed_job_begins_with_its_root_cause(flink: Flink, tmp_path: Path) -> None:
    flink.new("wordcount-3", *WORDCOUNT, f"--input {tmp_path}/nowhere --output {tmp_path}/none")
    failed = flink.wait_until("wordcount-3", lambda job: job["status"] == "FAILED")
    first, *around = failed["jobOutput"].splitlines()
    assert first.startswith("java.io.FileNotFoundException: ")
    assert "nowhere" in first
    assert around
    assert "\tat " not in failed["jobOutput"]


@pytest.mark.parametrize(
    ("entry_class", "args", "message"),
    [
        ("provisioner.Nobody", "", "ClassNotFoundException: provisioner.Nobody"),
        ("provisioner.WordCount", "--output", "IllegalArgumentException: --output needs a value"),
    ],
)
def test_a_job_that_cannot_start_is_a_failed_action(flink: Flink, entry_class: str, args: str, message: str) -> None:
    name = f"nobody-{len(args)}"
    failed = flink.new(name, "wordcount.jar", entry_class, args)
    assert (failed["actionResult"], failed["status"]) == ("FAILED", "FAILED")
    assert message in failed["jobOutput"].splitlines()[0], failed["jobOutput"]


def test_a_job_fails_unless_the_cluster_s_identity_may_read_its_jar(flink: Flink) -> None:
    other = lakes.create_lake(flink.azure, "otherlake1")
    elsewhere = {"jobJarDirectory": f"abfs://jobs@{other.name}.dfs.core.windows.net/jars"}
    failed = flink.act("NEW", "unreadable", **{**flink.job(*WORDCOUNT, ""), **elsewhere})
    assert (failed["actionResult"], "jobId" in failed) == ("FAILED", False)
    assert '"This request is not authorized' in failed["jobOutput"]
    assert "403" in failed["jobOutput"]


def test_a_job_stops_with_a_savepoint_and_restarts_from_it(flink: Flink, tmp_path: Path) -> None:
    name, file = "endless-1", tmp_path / "starts"
    done = flink.new(name, *ENDLESS, str(file))
    assert (done["actionResult"], wait_for_starts(flink, name, file)) == ("SUCCESS", [1])
    assert flink.post(action="NEW", jobName=name, **flink.job(*ENDLESS, str(file))).status == 409
    saved = flink.act("SAVEPOINT", name)
    assert (saved["actionResult"], saved["status"]) == ("SUCCESS", RUNNING)
    assert saved["jobOutput"] == f"Savepoint completed. Path: {saved['lastSavePoint']}"
    stopped = flink.act("STOP", name)
    assert (stopped["actionResult"], stopped["status"]) == ("SUCCESS", "STOPPED")
    assert stopped["lastSavePoint"].startswith(f"{flink.savepoints}/savepoint-{done['jobId'][:6]}-")
    assert flink.job_properties(name)["status"] == "STOPPED"
    listed = flink.act("LIST_SAVEPOINT", name)["jobOutput"].splitlines()
    assert {saved["lastSavePoint"], stopped["lastSavePoint"]} <= set(listed)
    assert flink.act("STOP", name)["jobOutput"] == "The job is not running; STOP is not possible."

    started = flink.act("START", name)
    assert (started["actionResult"], started["jobId"] != done["jobId"]) == ("SUCCESS", True)
    _, second = wait_for_starts(flink, name, file, 2)
    assert second > 1
    assert flink.act("START", name)["jobOutput"] == "The job is running; START is not possible."
    assert flink.act("STOP", name)["actionResult"] == "SUCCESS"
    flink.act("START", name, savePointName=saved["lastSavePoint"].rpartition("/")[2])
    *_, third = wait_for_starts(flink, name, file, 3)
    assert 1 < third <= second
    assert flink.act("CANCEL", name)["status"] == "CANCELED"


def savepoints_in_the_lake(flink: Flink) -> set[str]:
    """Return the URIs of those whose metadata lies in the data lake."""
    url = f"{flink.lake.dfs}/jobs?resource=filesystem&recursive=true&directory=savepoints"
    listed = flink.lake.call("GET", url, token=flink.azure.token(lakes.STORAGE)).json()["paths"]
    names = (str(one["name"]).rpartition("/") for one in listed if int(one.get("contentLength", 0)))
    return {f"{flink.savepoints}/{folder.removeprefix('savepoints/')}" for folder, _, name in names if name == METADATA}


def test_savepoints_lie_in_the_lake_where_another_way_to_flink_finds_them(flink: Flink, tmp_path: Path) -> None:
    name, file = "endless-6", tmp_path / "starts"
    flink.new(name, *ENDLESS, str(file))
    wait_for_starts(flink, name, file)
    saved, stopped = flink.act("SAVEPOINT", name), flink.act("STOP", name)
    assert {saved["lastSavePoint"], stopped["lastSavePoint"]} <= savepoints_in_the_lake(flink)

    form = multipart(JARS["endless.jar"])
    uploaded = front_call(flink, "POST", "/jars/upload", form, Content_Type="multipart/form-data; boundary=x")
    where = uploaded["filename"].rpartition("/")[2]
    body = {"entryClass": ENDLESS[1], "programArgsList": [str(file)], "savepointPath": stopped["lastSavePoint"]}
    job = front_call(flink, "POST", f"/jars/{where}/run", body)["jobid"]
    while len(start_numbers(file)) < 2:
        flink.pause()
    assert start_numbers(file)[1] > 1
    front_call(flink, "PATCH", f"/jobs/{job}?mode=cancel")


def test_no_savepoint_is_written_unless_the_cluster_s_identity_may(flink: Flink, tmp_path: Path) -> None:
    other, name, file = lakes.create_lake(flink.azure, "otherlake2"), "endless-7", tmp_path / "starts"
    other.call("PUT", f"{other.dfs}/jobs?resource=filesystem", token=flink.azure.token(lakes.STORAGE))
    directory = f"abfs://jobs@{other.name}.dfs.core.windows.net/savepoints"
    flink.new(name, *ENDLESS, str(file), **{"savepoint.directory": directory})
    wait_for_starts(flink, name, file)
    failed = flink.act("STOP", name)
    assert (failed["actionResult"], failed["status"]) == ("FAILED", RUNNING)
    assert '"This request is not authorized' in failed["jobOutput"]
    flink.act("CANCEL", name)


def test_a_job_is_updated_with_its_state_and_without(flink: Flink, tmp_path: Path) -> None:
    name, file = "endless-2", tmp_path / "starts"
    flink.new(name, *ENDLESS, f"{file} 100")
    wait_for_starts(flink, name, file)
    updated = flink.act("UPDATE", name)
    assert (updated["actionResult"], wait_for_starts(flink, name, file, 2)[1] > 1) == ("SUCCESS", True), updated
    fresh = flink.act("STATELESS_UPDATE", name, args=f"{file} 50")
    assert (fresh["actionResult"], fresh["args"], wait_for_starts(flink, name, file, 3)[2]) == (
        "SUCCESS",
        f"{file} 50",
        1,
    )
    flink.wait_until(name, lambda _: has_checkpoint(flink))
    last = flink.act("LAST_STATE_UPDATE", name)
    assert (last["actionResult"], wait_for_starts(flink, name, file, 4)[3] > 1) == ("SUCCESS", True), last
    broken = flink.act("UPDATE", name, entryClass="provisioner.Nobody")
    assert (broken["actionResult"], broken["status"]) == ("FAILED", "STOPPED")
    assert "provisioner.Nobody" in broken["jobOutput"].splitlines()[0]
    assert broken["lastSavePoint"] not in {updated["lastSavePoint"], fresh["lastSavePoint"]}
    again = flink.act("RE_LAUNCH", name, entryClass="provisioner.Endless")
    assert (again["actionResult"], wait_for_starts(flink, name, file, 5)[4]) == ("SUCCESS", 1)
    assert flink.act("DELETE", name)["actionResult"] == "FAILED"
    assert flink.act("CANCEL", name)["actionResult"] == "SUCCESS"
    assert flink.act("UPDATE", name)["jobOutput"] == "The job is not running; UPDATE is not possible."
    flink.act("DELETE", name)
    assert flink.job_properties(name) == {}


def has_checkpoint(flink: Flink) -> bool:
    (status,) = (one for one in flink.azure.control("GET", "/runtimes")["runtimes"] if one["kind"] == "flink")
    return any(Path(status["log"]).parent.glob("checkpoints/*/chk-*/_metadata"))


def test_a_job_without_checkpoints_has_no_last_state(flink: Flink, tmp_path: Path) -> None:
    name, file = "endless-3", tmp_path / "starts"
    flink.new(name, *ENDLESS, str(file))
    wait_for_starts(flink, name, file)
    failed = flink.act("LAST_STATE_UPDATE", name)
    assert (failed["actionResult"], failed["status"]) == ("FAILED", RUNNING)
    assert "no completed checkpoint" in failed["jobOutput"]
    assert flink.act("CANCEL", name)["status"] == "CANCELED"


def test_a_savepoint_outside_the_data_lake_is_refused(flink: Flink, tmp_path: Path) -> None:
    name, file = "endless-4", tmp_path / "starts"
    flink.new(name, *ENDLESS, str(file), **{"savepoint.directory": f"file://{tmp_path}"})
    wait_for_starts(flink, name, file)
    failed = flink.act("STOP", name)
    assert (failed["actionResult"], failed["status"]) == ("FAILED", RUNNING)
    assert "is no abfs://" in failed["jobOutput"]
    flink.act("CANCEL", name)


def test_the_local_azure_answers_while_flink_works(flink: Flink, tmp_path: Path) -> None:
    name = "endless-5"
    accepted = flink.post(action="NEW", jobName=name, **flink.job(*ENDLESS, str(tmp_path / "starts")))
    first = flink.azure.request("GET", accepted.headers["location"])
    assert first.status == 202
    assert flink.job_properties(name)["actionResult"] == "IN_PROGRESS"
    assert flink.post(action="CANCEL", jobName=name).status == 409
    flink.wait_until(name, lambda job: job["actionResult"] == "SUCCESS")
    flink.act("CANCEL", name)


def test_flink_listens_on_loopback_only_and_uses_little_memory(flink: Flink) -> None:
    (status,) = (one for one in flink.azure.control("GET", "/runtimes")["runtimes"] if one["kind"] == "flink")
    assert status["listening"]
    assert all(address.startswith("127.0.0.1:") for address in status["listening"])
    assert status["memory_bytes"] < 700 << 20
