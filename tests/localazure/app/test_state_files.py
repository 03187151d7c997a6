"""What is said and done if files of the state folder are lost, damaged or cannot be deleted."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from localazure.app import process
from localazure.app.certificates import Certificates
from localazure.app.secret import Secret
from localazure.app.state_files import DamagedStateError, find_damaged, read_secret, write_private
from tests import emulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

ROOT = Path(__file__).parents[3]
FILES = ("operator-secret", "control-token", "token-key.pem", "tls/ca.pem", "tls/ca.key", "store/store.sqlite")
TOGETHER = {"tls/ca.pem": ["ca.pem", "ca.key"], "tls/ca.key": ["ca.pem", "ca.key"]}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state folder of a local Azure that ran and is stopped."""
    folder = tmp_path_factory.mktemp("azure")
    emulator.start(folder).token()  # which creates the key that signs tokens
    process.stop(folder)
    yield folder
    process.stop(folder)


def test_a_private_file_is_on_the_disk_before_it_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    called = list[object]()

    def note(_frame: FrameType, event: str, function: object) -> None:
        if event == "c_call" and function in {os.fsync, os.replace}:
            called.append(function)

    sys.setprofile(note)
    try:
        write_private(tmp_path / "key", b"first")
    finally:
        sys.setprofile(None)
    assert called == [os.fsync, os.replace]
    assert [(file.name, file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [("key", 0o600)]


def test_a_private_file_that_cannot_be_written_whole_stays_as_it_was(tmp_path: Path) -> None:
    write_private(tmp_path / "key", b"first")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3, hard))  # as if the disk were full after three bytes
    try:
        with pytest.raises(OSError, match="too large"):
            write_private(tmp_path / "key", b"second")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "key").read_bytes() == b"first"


@pytest.mark.parametrize("damage", ["empty", "half", "other bytes"])
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named(stopped: Path, name: str, damage: str) -> None:
    path = stopped / name
    content = path.read_bytes()
    path.write_bytes({"empty": b"", "half": content[: len(content) // 2], "other bytes": b"\xff" * 4096}[damage])
    try:
        with pytest.raises(DamagedStateError) as refused:
            process.start(stopped)
        assert [path.name for path in refused.value.paths] == TOGETHER.get(name, [path.name])
        assert str(path) in str(refused.value)
    finally:
        path.write_bytes(content)


def test_a_reset_replaces_what_is_damaged_and_keeps_the_rest(stopped: Path) -> None:
    for name in ("operator-secret", "tls/ca.key", "store/store.sqlite"):
        (stopped / name).write_bytes(b"")
    token_key = (stopped / "token-key.pem").read_bytes()
    replaced = process.reset(stopped)
    assert [path.name for path in replaced] == ["operator-secret", "ca.pem", "ca.key", "store.sqlite"]
    assert process.start(stopped)["running"]
    assert find_damaged(stopped) == []
    assert (stopped / "token-key.pem").read_bytes() == token_key
    secret = process.client_variables(stopped)["AZURE_CLIENT_SECRET"]
    assert isinstance(secret, Secret)
    assert secret.reveal() == read_secret(stopped / "operator-secret")


@pytest.mark.parametrize("name", FILES)
def test_a_reset_mends_each_file(stopped: Path, name: str) -> None:
    process.stop(stopped)
    (stopped / name).write_bytes(b"\xff" * 4096)
    assert stopped / name in process.reset(stopped)
    assert process.start(stopped)["running"]
    process.stop(stopped)
    assert find_damaged(stopped) == []


@pytest.mark.parametrize("name", ["operator-secret", "control-token"])
def test_a_secret_that_is_lost_while_the_server_runs_is_named_and_replaced_by_a_reset(stopped: Path, name: str) -> None:
    process.start(stopped)
    (stopped / name).write_bytes(b"")
    with pytest.raises(DamagedStateError, match=name):
        _ = process.send_control_request(stopped, "GET", "/"), process.client_variables(stopped)
    assert process.reset(stopped) == [stopped / name]
    process.start(stopped)
    assert process.client_variables(stopped)
    assert process.send_control_request(stopped, "GET", "/")["pid"]


def test_a_damaged_certificate_of_a_host_is_issued_again(stopped: Path) -> None:
    folder = stopped / "tls"
    process.start(stopped)  # creates the CA, if a test before has deleted it
    certificates = Certificates(folder)
    certificates.context("x.test")
    (folder / "hosts" / "x.test.pem").write_text("damaged")
    assert Certificates(folder).context("x.test")
    assert "BEGIN CERTIFICATE" in (folder / "hosts" / "x.test.pem").read_text()


def test_a_reset_of_a_stopped_server_says_what_it_cannot_delete() -> None:
    code = (
        "import os, pathlib, sys; from localazure.app import process\n"
        "os.geteuid() or os.setuid(65534)  # root may delete everything\n"
        "try: process.reset(pathlib.Path(sys.argv[1]))\n"
        "except OSError as error: print(error.filename, error.strerror)"
    )
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, "azure")
        (folder / "store").mkdir(parents=True)
        (folder / "start.lock").touch()
        for path, mode in ((Path(parent), 0o755), (folder / "start.lock", 0o666), (folder, 0o555)):
            path.chmod(mode)
        command = [sys.executable, "-c", code, str(folder)]
        result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        folder.chmod(0o755)
    assert result.stdout == f"{folder}/store Permission denied\n"


def test_a_reset_deletes_a_link_and_not_what_it_leads_to(tmp_path: Path) -> None:
    folder = tmp_path / "azure"
    folder.mkdir()
    (folder / "store").symlink_to(tmp_path)
    assert process.reset(folder) == []
    assert not (folder / "store").is_symlink()
    assert tmp_path.exists()


def test_a_reset_of_a_running_server_says_what_it_cannot_delete(stopped: Path) -> None:
    process.start(stopped)
    (stopped / "store" / "blobs" / "aa").mkdir()
    (stopped / "store" / "trash").rmdir()
    (stopped / "store" / "trash").write_text("in the way")
    with pytest.raises(process.ControlError, match="trash"):
        process.reset(stopped)
