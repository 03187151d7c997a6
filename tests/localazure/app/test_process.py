"""Starting, stopping and finding the local Azure's server process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from localazure.app import process
from localazure.app.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

START = "import sys; from pathlib import Path; from localazure.app import process; process.start(Path(sys.argv[1]))"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "azure"
    yield folder
    process.stop(folder)


def _pid(state: Path) -> int:
    return json.loads((state / "endpoint.json").read_text())["pid"]


def test_a_started_server_has_a_session_of_its_own(state: Path) -> None:
    process.start(state)
    assert os.getsid(_pid(state)) == _pid(state)


def test_the_server_keeps_nothing_of_its_starter_s_environment_but_what_it_needs(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ARM_CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY", "WAREHOUSE_PASSWORD", "UV_PUBLISH_TOKEN"):
        monkeypatch.setenv(name, "hidden")
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.test")
    process.start(state)
    variables = Path(f"/proc/{_pid(state)}/environ").read_text().split("\0")
    assert not [variable for variable in variables if "hidden" in variable]
    assert {"PIP_INDEX_URL=https://mirror.test", f"PATH={os.environ['PATH']}"} <= set(variables)


def test_the_server_outlives_the_command_that_started_it(state: Path) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", START, state], check=True, timeout=60)
    assert process.status(state)["running"]


def test_starting_again_returns_the_running_server(state: Path) -> None:
    first = process.start(state)
    pid = _pid(state)
    assert process.start(state) == first
    assert _pid(state) == pid


def test_concurrent_starts_start_one_server(state: Path) -> None:
    code = f"from pathlib import Path; from localazure.app import process; process.start(Path({str(state)!r}))"
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(subprocess.run, [sys.executable, "-c", code], check=False) for _ in range(3)]
    assert [run.result().returncode for run in runs] == [0, 0, 0]
    assert process.status(state)["running"]
    assert process.send_control_request(state, "GET", "/")["pid"] == _pid(state)


def test_a_killed_server_counts_as_stopped_and_the_next_has_its_ports_and_state(state: Path) -> None:
    before = process.start(state)
    secret = (state / "operator-secret").read_text()
    os.kill(_pid(state), signal.SIGKILL)
    os.waitpid(_pid(state), 0)
    assert not process.status(state)["running"]
    assert process.start(state) == before
    assert (state / "operator-secret").read_text() == secret


def test_a_stale_endpoint_file_is_ignored(state: Path) -> None:
    state.mkdir()
    (state / "endpoint.json").write_text(json.dumps({"pid": os.getpid(), "proxy_port": 1, "control_port": 1}))
    assert not process.status(state)["running"]
    assert process.start(state)["running"]
    assert _pid(state) != os.getpid()


def test_a_server_with_other_code_is_replaced(state: Path) -> None:
    process.start(state)
    endpoint = json.loads((state / "endpoint.json").read_text())
    (state / "endpoint.json").write_text(json.dumps(endpoint | {"version": "another"}))
    process.start(state)
    assert _pid(state) != endpoint["pid"]


def test_a_server_without_its_endpoint_file_is_found_and_replaced(state: Path) -> None:
    process.start(state)
    pid = _pid(state)
    (state / "endpoint.json").unlink()
    assert not process.status(state)["running"]
    assert process.start(state)["running"]
    assert _pid(state) != pid


def test_a_server_whose_folder_is_deleted_ends(state: Path) -> None:
    process.start(state)
    pid = _pid(state)
    shutil.rmtree(state)
    _, status = os.waitpid(pid, 0)
    assert status == 0


def test_stop_returns_whether_a_server_ran(state: Path) -> None:
    assert process.stop(state) is False
    process.start(state)
    assert process.stop(state) is True
    assert process.stop(state) is False
    assert process.status(state) == process.status(state) | {"running": False, "proxy": None, "control_url": None}


def test_all_files_are_readable_by_their_owner_only(state: Path) -> None:
    process.start(state)
    readable_by_others = [path for path in state.rglob("*") if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert readable_by_others == []


def test_resetting_a_stopped_server_deletes_its_tenant(state: Path) -> None:
    process.start(state)
    process.stop(state)
    process.reset(state)
    assert not (state / "store").exists()
    assert process.start(state)["running"]


def test_client_settings_hide_the_operator_s_secret_and_need_a_running_server(state: Path) -> None:
    with pytest.raises(process.StartError, match="not running"):
        process.client_variables(state)
    process.start(state)
    settings = process.client_variables(state)
    secret, of_terraform = settings["AZURE_CLIENT_SECRET"], settings["ARM_CLIENT_SECRET"]
    assert isinstance(secret, Secret)
    assert isinstance(of_terraform, Secret)
    assert secret.matches(of_terraform)
    assert secret.reveal() not in repr(settings)
    for name in ("CLIENT_ID", "SUBSCRIPTION_ID", "TENANT_ID"):
        assert settings[f"ARM_{name}"] == settings[f"AZURE_{name}"]
    assert settings["NO_PROXY"] == settings["no_proxy"] == ""


def test_a_server_that_cannot_start_says_why(state: Path) -> None:
    state.mkdir()
    (state / "store").write_text("in the way")
    with pytest.raises(process.StartError, match="FileExistsError"):
        process.start(state)
    (state / "store").unlink()


def test_the_server_accepts_more_connections_than_a_shell_allows_a_process(state: Path) -> None:
    shell = ["sh", "-c", 'ulimit -Sn 128 && exec "$@"', "sh", sys.executable, "-c", START, state]
    subprocess.run(shell, check=True, timeout=60)
    proxy = urlsplit(str(process.status(state)["proxy"]))
    with ExitStack() as connections:
        for _ in range(200):
            connection = connections.enter_context(socket.create_connection((proxy.hostname, proxy.port), timeout=10))
            connection.sendall(b"CONNECT management.azure.com:443 HTTP/1.1\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
