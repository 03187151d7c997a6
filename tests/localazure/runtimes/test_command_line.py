"""`provisioner local` on what is up, as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.localazure.runtimes.conftest import ROOT

if TYPE_CHECKING:
    from tests.emulator import LocalAzure
    from tests.localazure.runtimes.conftest import Flink


def local(azure: LocalAzure, *arguments: str) -> str:
    command = [sys.executable, "-m", "provisioner", "local", *arguments]
    told = {**os.environ, "PROVISIONER_LOCAL_STATE": str(azure.state)}
    return subprocess.run(command, env=told, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout


def test_up_tells_of_what_is_ready_and_starts_it_no_second_time(flink: Flink) -> None:
    before = json.loads(local(flink.azure, "status", "--json"))["runtimes"]
    told = local(flink.azure, "runtimes", "up")
    after = json.loads(local(flink.azure, "runtimes", "up", "--json"))["runtimes"]
    assert [one["pids"] for one in after] == [one["pids"] for one in before]
    assert f"ready in {before[0]['ready_seconds']} s at {before[0]['url']}" in told


def test_status_tells_ports_memory_time_and_address(flink: Flink) -> None:
    (told,) = json.loads(local(flink.azure, "runtimes", "status", "--json"))["runtimes"]
    line = local(flink.azure, "status").splitlines()[1]
    assert line.startswith(f"flink {told['version']} behind flink-cluster: ready in ")
    assert f" at {told['url']}, dashboard {told['shown']['dashboard']} (ports " in line
    assert line.endswith(" MB)")
