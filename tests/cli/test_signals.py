"""Runs that are ended from outside, as processes of their own."""

from __future__ import annotations

import json
import re
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.commands.test_lifecycle import ours_anywhere
from tests.emulator import ARM
from tests.reliability.leases import CONTAINER

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.command_line import Cli


def until(process: subprocess.Popen[str], word: str) -> None:
    """Read what a run says until it says this."""
    assert process.stdout is not None
    for line in process.stdout:
        if word in line:
            return
    raise AssertionError(f"it ended without {word!r}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_provision_exits_with_130_and_the_next_one_goes_on(cli: Cli, number: int) -> None:
    cli.azure.control("PUT", "/faults", {"latency_ms": 60})
    process = cli.process("provision", str(cli.file))
    until(process, "created storage_account")

    process.send_signal(number)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 130, out + err
    assert "Traceback" not in out + err
    last = out.splitlines()[-1]
    assert re.fullmatch(r"local: .*\d+ created.*, \d+ not begun.*; interrupted: run the command again, .*", last), out
    assert "not begun" not in out.removesuffix(f"{last}\n")
    cli.azure.control("DELETE", "/faults")
    cli.done("provision")
    assert cli("plan", "--detailed-exitcode").code == 0
    cli.done("teardown")
    assert ours_anywhere(cli) == []


def test_an_interrupted_provision_in_json_is_still_one_document(cli: Cli) -> None:
    cli.azure.control("PUT", "/faults", {"latency_ms": 100})
    process = cli.process("provision", str(cli.file), "--json", "--debug")
    assert process.stderr is not None
    for line in process.stderr:
        if "PUT" in line and "storageAccounts/stflinklocal" in line:
            break

    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "interrupted" in {step["outcome"] for step in json.loads(out)["steps"]}


def test_an_interrupted_plan_exits_with_130(cli: Cli) -> None:
    cli.azure.control("PUT", "/faults", {"latency_ms": 400})
    process = cli.process("plan", str(cli.file), "--debug")
    assert process.stderr is not None
    assert "GET" in next(line for line in process.stderr if "GET" in line)

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize(
    ("verb", "word"),
    [("provision", "created key_vault"), ("rotate", "updated vault_secret"), ("rotate", "updated airflow_runtime")],
)
def test_an_interrupted_run_gives_its_lease_back(provisioned: Cli, number: int, verb: str, word: str) -> None:
    if verb == "provision":
        provisioned.azure.reset()
    provisioned.azure.control("PUT", "/faults", {"latency_ms": 60})
    process = provisioned.process(verb, str(provisioned.file), *(("--force",) if verb == "rotate" else ()))
    until(process, word)
    process.send_signal(number)
    process.communicate(timeout=60)
    provisioned.azure.control("DELETE", "/faults")

    url = f"{ARM}{provisioned.azure.subscription}{CONTAINER}"
    assert provisioned.azure.request("GET", url).json()["properties"]["leaseState"] == "Available"


@pytest.mark.parametrize("verb", ["provision", "rotate", "teardown"])
def test_an_interrupted_run_ends_its_calls_writes_down_where_it_stopped_and_the_next_goes_on(
    provisioned: Cli, tmp_path: Path, verb: str
) -> None:
    """The signal comes with the answer to a write still under way: that write is read back and told as done."""
    begun = {"provision": "storageAccounts/stflinklocal$", "rotate": "addPassword$", "teardown": "api-secret$"}
    if verb == "provision":
        provisioned.azure.reset()
    options = ("--force",) if verb == "rotate" else ()
    process = provisioned.process(verb, str(provisioned.file), "--yes", *options)
    interrupt = {"fault": "interrupt", "pid": process.pid, "method": "PUT,POST,DELETE", "path": begun[verb]}
    provisioned.azure.fault(**interrupt)

    out, err = process.communicate(timeout=60)

    assert process.returncode == 130, out + err
    written = [json.loads(line) for line in (tmp_path / "journal/local.jsonl").read_text().splitlines()]
    here = [entry for entry in written if entry["verb"] == verb]
    meant = {entry["address"] for entry in here if entry["event"] == "intent"}
    ended = {entry["address"]: entry["result"] for entry in here if entry["event"] == "outcome"}
    assert meant <= ended.keys()
    assert {"done", "interrupted"} <= set(ended.values())
    assert "failed" not in ended.values()
    answers = [call["status"] for call in provisioned.azure.control("GET", "/calls")["calls"]]
    assert 0 not in answers
    provisioned.done(verb, *options)


def test_a_key_that_the_next_rotation_deletes_is_not_called_in_flight(provisioned: Cli) -> None:
    process = provisioned.process("rotate", str(provisioned.file), "--force")
    provisioned.azure.fault(fault="interrupt", pid=process.pid, method="POST", path="addPassword$")
    interrupted, _ = process.communicate(timeout=60)
    assert "not begun" in interrupted

    out = provisioned.done("rotate", "--force").out

    assert "deleted client_secret/" in out
    assert "in flight" not in out
    sentences = [line.partition(": ")[2] for line in out.splitlines() if line.startswith("  deferred")]
    assert len(sentences) == len(set(sentences)) == 2, out  # one for each principal, with dates of their own


def test_a_program_that_is_run_gets_the_signal_itself(cli: Cli) -> None:
    program = (
        "import signal,sys,time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(9)); "
        "print('up', flush=True); signal.pause()"
    )
    process = cli.process("local", "exec", "--", sys.executable, "-c", program)
    until(process, "up")

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=30) == 9
    process.communicate()
