"""The job's jar through its life."""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from provisioner.cloud.clients.data_lake.upload import SMALL_BYTES
from provisioner.errors import Conflict, Refused
from provisioner.kinds.job_jar import KIND, JobJar, ObservedJobJar, Scope
from provisioner.model import Change, Request, View
from tests.kinds.azure_setup import ENVIRONMENT, OTHER
from tests.kinds.lakes import ACCOUNT, content, lake, make_account, make_filesystem, names, write_file
from tests.kinds.lifecycle import Example

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure

SCOPE = Scope(account=ACCOUNT, filesystem="jobs", environment=ENVIRONMENT)
JAR = "jobs/flink/wordcount.jar"
LARGE = SMALL_BYTES + 1


def declare(azure: LocalAzure) -> JobJar:
    """A small jar."""
    make_account(azure)
    make_filesystem(azure, "jobs")
    return JobJar(
        account=ACCOUNT,
        filesystem="jobs",
        path="flink/wordcount.jar",
        file=jar(azure, "one.jar", b"a jar"),
        environment=ENVIRONMENT,
    )


def change(azure: LocalAzure, desired: JobJar) -> JobJar:
    """Another jar."""
    return replace(desired, file=jar(azure, "two.jar", b"another jar"))


def jar(azure: LocalAzure, name: str, content: bytes) -> str:
    """A file on this machine."""
    path = azure.state.parent / name
    path.write_bytes(content)
    return str(path)


EXAMPLE = Example(name=JAR, declare=declare, change=change, scope=lambda _desired: SCOPE)


@pytest.fixture
def desired(azure: LocalAzure, tmp_path: Path) -> JobJar:
    """A jar of three pieces, for a filesystem that is there."""
    make_account(azure)
    make_filesystem(azure, "jobs")
    file = tmp_path / "wordcount.jar"
    file.write_bytes(os.urandom(17 * 1024 * 1024))
    return JobJar(
        account=ACCOUNT, filesystem="jobs", path="flink/wordcount.jar", file=str(file), environment=ENVIRONMENT
    )


def read(cloud: Cloud, desired: JobJar) -> ObservedJobJar:
    cloud.session.reads.new_pass()
    found = KIND.read(cloud, desired)
    assert found is not None
    return found


def diff(cloud: Cloud, desired: JobJar) -> dict[str, Change]:
    view = View(now=cloud.session.clock.decision_time(), environment_id=ENVIRONMENT)
    return {change.field: change for change in KIND.diff(desired, read(cloud, desired), view)}


def create(cloud: Cloud, desired: JobJar) -> None:
    assert KIND.create is not None
    KIND.create(cloud, desired)


def update(cloud: Cloud, desired: JobJar) -> None:
    assert KIND.update is not None
    KIND.update(cloud, desired, read(cloud, desired))


def delete(cloud: Cloud, observed: ObservedJobJar) -> None:
    assert KIND.delete is not None
    KIND.delete(cloud, observed)


def rewrite(desired: JobJar, text: bytes) -> None:
    from pathlib import Path

    Path(desired.file).write_bytes(text)


def marked(environment: str) -> str:
    from base64 import b64encode

    return f"provisioner_environment={b64encode(environment.encode()).decode()},provisioner_kind=am9iX2phcg=="


def test_it_is_absent_then_uploaded_then_as_declared_then_gone(
    cloud: Cloud, azure: LocalAzure, desired: JobJar
) -> None:
    assert KIND.read(cloud, desired) is None
    create(cloud, desired)
    observed = read(cloud, desired)
    assert observed.owned
    assert diff(cloud, desired) == {}
    assert KIND.publish(observed, None).known() == {
        "url": f"abfss://jobs@{ACCOUNT}.dfs.core.windows.net/flink/wordcount.jar"
    }
    assert hashlib.sha256(content(azure, JAR)).hexdigest() == observed.sha256
    create(cloud, desired)
    delete(cloud, observed)
    delete(cloud, observed)
    assert names(azure, "jobs") == []


def test_an_unchanged_jar_sends_no_bytes(cloud: Cloud, desired: JobJar) -> None:
    create(cloud, desired)
    before = dict(cloud.session.request_counts)
    assert diff(cloud, desired) == {}
    after = cloud.session.request_counts
    assert {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name)} == {
        f"HEAD {ACCOUNT}.dfs.core.windows.net": 1
    }


def test_a_changed_jar_takes_the_place_of_the_old_one(cloud: Cloud, azure: LocalAzure, desired: JobJar) -> None:
    create(cloud, desired)
    lake(azure, "PATCH", f"{JAR}?action=setProperties", x_ms_properties=f"{marked(ENVIRONMENT)},team=Ymx1ZQ==")
    rewrite(desired, b"newer")
    assert set(diff(cloud, desired)) == {"sha256", "size"}
    update(cloud, desired)
    assert diff(cloud, desired) == {}
    assert content(azure, JAR) == b"newer"
    assert "team=" in lake(azure, "HEAD", JAR).headers["x-ms-properties"]


def test_a_jar_written_by_hand_is_drift_and_becomes_ours(cloud: Cloud, azure: LocalAzure, desired: JobJar) -> None:
    write_file(azure, JAR, b"by hand")
    assert diff(cloud, desired)["sha256"].reason == "it was not uploaded by this tool"
    update(cloud, desired)
    assert read(cloud, desired).owned
    assert diff(cloud, desired) == {}


def test_a_jar_of_another_environment_is_refused_and_one_that_is_the_same_used_only_by_a_migration(
    cloud: Cloud, azure: LocalAzure, desired: JobJar
) -> None:
    write_file(azure, JAR, b"theirs", x_ms_properties=marked(OTHER))
    assert OTHER in str(diff(cloud, desired)["path"].before)
    sha256 = hashlib.sha256(b"theirs").hexdigest()
    rewrite(desired, b"theirs")
    same = f"{marked(OTHER)},provisioner_sha256={b64encode(sha256.encode()).decode()}"
    write_file(azure, JAR, b"theirs", x_ms_properties=same)
    assert OTHER in str(diff(cloud, desired)["path"].before)
    view = View(now=cloud.session.clock.decision_time(), environment_id=ENVIRONMENT, request=Request(predecessor=OTHER))
    assert KIND.diff(desired, read(cloud, desired), view) == ()
    delete(cloud, read(cloud, desired))
    assert content(azure, JAR) == b"theirs"


def test_a_jar_that_the_spec_no_longer_names_is_found_by_its_mark(
    cloud: Cloud, azure: LocalAzure, desired: JobJar
) -> None:
    create(cloud, desired)
    write_file(azure, "jobs/theirs.jar", b"theirs", x_ms_properties=marked(OTHER))
    write_file(azure, "jobs/flink/.old.jar.provisioner-0123abcd.tmp", b"half", x_ms_properties=marked(ENVIRONMENT))
    assert not isinstance(KIND.owned, str)
    cloud.session.reads.new_pass()
    found = {one.name: one.observed for one in KIND.owned(cloud, SCOPE)}
    assert set(found) == {"jobs/flink/wordcount.jar", "jobs/flink/old.jar"}
    view = View(now=cloud.session.clock.decision_time(), environment_id=ENVIRONMENT)
    for observed in found.values():
        assert isinstance(observed, ObservedJobJar)
        assert KIND.diff(desired, observed, view) == ()
        delete(cloud, observed)
    assert names(azure, "jobs") == ["theirs.jar"]


def test_what_an_unfinished_upload_left_goes_with_the_next_one(
    cloud: Cloud, azure: LocalAzure, desired: JobJar
) -> None:
    rest = "jobs/flink/.wordcount.jar.provisioner-0123abcd.tmp"
    write_file(azure, rest, b"half", x_ms_properties=marked(ENVIRONMENT))
    write_file(azure, rest.replace("0123", "4567"), b"half", x_ms_properties=marked(OTHER))
    write_file(azure, "jobs/flink/beside.jar", b"theirs")
    create(cloud, desired)
    left = ["flink", "flink/.wordcount.jar.provisioner-4567abcd.tmp", "flink/beside.jar", "flink/wordcount.jar"]
    assert names(azure, "jobs") == left
    delete(cloud, read(cloud, desired))
    assert names(azure, "jobs") == left[:-1]


def test_a_directory_that_we_made_stays_while_something_is_in_it(
    cloud: Cloud, azure: LocalAzure, desired: JobJar
) -> None:
    create(cloud, desired)
    write_file(azure, "jobs/flink/theirs.jar", b"theirs")
    delete(cloud, read(cloud, desired))
    assert names(azure, "jobs") == ["flink", "flink/theirs.jar"]


def test_a_file_that_changes_while_it_is_read_leaves_the_target_as_it_was(cloud: Cloud, desired: JobJar) -> None:
    create(cloud, desired)
    observed = read(cloud, desired)
    place = (ACCOUNT, "jobs", "flink/wordcount.jar")
    metadata = cloud.data_lake.owner_metadata(ENVIRONMENT, "job_jar", "0" * 64)
    with pytest.raises(Refused, match="changed while it was read"):
        cloud.data_lake.upload(place, lambda: [b"other"], size=5, metadata=metadata, etag=observed.version)
    assert read(cloud, desired).sha256 == observed.sha256


def test_a_missing_jar_is_told_by_its_path(cloud: Cloud, desired: JobJar) -> None:
    from pathlib import Path

    Path(desired.file).unlink()
    with pytest.raises(Refused, match="No such file"):
        create(cloud, desired)
    Path(desired.file).mkdir()
    with pytest.raises(Refused, match="directory"):
        create(cloud, desired)


def test_what_somebody_writes_meanwhile_is_not_overwritten(cloud: Cloud, azure: LocalAzure, desired: JobJar) -> None:
    create(cloud, desired)
    rewrite(desired, b"newer")
    observed = read(cloud, desired)
    write_file(azure, JAR, b"by hand")
    assert KIND.update is not None
    with pytest.raises(Conflict):
        KIND.update(cloud, desired, observed)
    with pytest.raises(Conflict):
        create(cloud, desired)
    assert content(azure, JAR) == b"by hand"


@pytest.mark.parametrize("size", [5, LARGE])
@pytest.mark.parametrize("way", [r"PUT \.tmp$", r"PATCH \.tmp$", r"PUT wordcount\.jar$"])
def test_a_lost_answer_changes_nothing(cloud: Cloud, azure: LocalAzure, desired: JobJar, way: str, size: int) -> None:
    """A large file is made, filled and renamed; a small one is put in its place at once."""
    rewrite(desired, bytes(size))
    method, path = way.split()
    azure.fault(fault="lost", method=method, path=path)
    create(cloud, desired)
    assert diff(cloud, desired) == {}
    (rule,) = azure.control("GET", "/faults")["rules"]
    assert bool(rule["hit"]) is (size == LARGE or "jar" in path)
    assert names(azure, "jobs") == ["flink", "flink/wordcount.jar"]


def test_a_shorter_upload_is_not_renamed_into_place(cloud: Cloud, azure: LocalAzure, desired: JobJar) -> None:
    rewrite(desired, bytes(LARGE))
    azure.fault(fault="stale", method="HEAD", path=r"\.tmp$", seconds=3600)
    with pytest.raises(Conflict, match=f"{LARGE} bytes were sent"):
        create(cloud, desired)
    assert KIND.read(cloud, desired) is None
