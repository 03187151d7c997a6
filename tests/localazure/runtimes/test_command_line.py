"""`provisioner local`, as a separate process, on a real Flink that is ready; each document as the schema says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.documents import assert_as_published
from tests.localazure.runtimes.conftest import ROOT

if TYPE_CHECKING:
    from tests.emulator import LocalAzure
    from tests.localazure.runtimes.conftest import Flink


def local(azure: LocalAzure, *arguments: str) -> str:
    command = [sys.executable, "-m", "provisioner", "local", *arguments]
    environment = {**os.environ, "PROVISIONER_LOCAL_STATE": str(azure.state)}
    out = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert_as_published(("local", *arguments), out)
    return out


def test_runtimes_up_reports_a_ready_runtime_without_starting_it_again(flink: Flink) -> None:
    before = json.loads(local(flink.azure, "status", "--json"))["runtimes"]
    report = local(flink.azure, "runtimes", "up")
    after = json.loads(local(flink.azure, "runtimes", "up", "--json"))["runtimes"]
    assert [one["pids"] for one in after] == [one["pids"] for one in before]
    assert f"ready in {before[0]['ready_seconds']} s at {before[0]['url']}" in report


def test_status_shows_version_time_address_ports_and_memory(flink: Flink) -> None:
    (runtime,) = json.loads(local(flink.azure, "runtimes", "status", "--json"))["runtimes"]
    line = local(flink.azure, "status").splitlines()[1]
    assert line.startswith(f"flink {runtime['version']} behind flink-cluster: ready in ")
    assert f" at {runtime['url']}, dashboard {runtime['shown']['dashboard']} (ports " in line
    assert line.endswith(" MB)")
