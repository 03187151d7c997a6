"""One command for several environments: each as if it were alone, in one process, with one table at the end."""

from __future__ import annotations

import os
import pty
import re
import signal
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.cli.test_terminal import COLOUR, at_terminal, read
from tests.emulator import ARM

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command_line import Cli

VARIABLE = "vault_secret/hdinsight-aks-variables-greeting"


def write(cli: Cli, name: str, **changed: Any) -> Path:
    """An environment of the folder environments/ with resources of its own."""
    file = cli.file.parent / "environments" / f"{name}.yaml"
    file.parent.mkdir(exist_ok=True)
    spec = {
        **cli.spec,
        "name": name,
        "resource_group": f"rg-{name}",
        "vault": f"kv-{name}",
        "storage_account": f"st{name}",
        "airflow": {**cli.spec["airflow"], "runtime": name},
        **changed,
    }
    file.write_text(yaml.safe_dump(spec))
    return file


@pytest.fixture
def two(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Two environments that are provisioned."""
    for name in ("east", "west"):
        write(cli, name)
    monkeypatch.chdir(cli.file.parent)
    said = cli.run("provision", "--all")
    assert said.code == 0, said.out + said.err
    cli.forget_calls()
    return cli


def rows(out: str) -> dict[str, tuple[int, str]]:
    """Exit code and result of each row of the table."""
    table = out.partition("\nenvironment ")[2]
    found = (re.match(r"(\S+) +(\d+) +[\d.]+  (.*)", line) for line in table.splitlines())
    return {row[1]: (int(row[2]), row[3]) for row in found if row}


def logins(cli: Cli) -> list[str]:
    calls = cli.azure.control("GET", "/calls")["calls"]
    return [call["path"] for call in calls if call["host"].startswith("login.") and call["method"] == "POST"]


def own_calls(cli: Cli, *names: str) -> dict[str, list[float]]:
    """By environment, when each call about a resource of its own began, in milliseconds."""
    calls = cli.azure.control("GET", "/calls")["calls"]
    return {
        name: [
            call["began_ms"]
            for call in calls
            if re.search(rf"(rg-|kv-|st){name}\b", call["host"] + call["path"])  # not in "westeurope"
        ]
        for name in names
    }


def most_at_once(cli: Cli, *names: str) -> int:
    """How many of the environments were under way at the same time, from when each began its first call to its last.

    A caller may have an answer, and go on, before the local Azure notes that the call has ended.
    """
    changes: list[tuple[float, int]] = []
    for own in own_calls(cli, *names).values():
        changes += [(min(own), 1), (max(own), -1)]
    return max(accumulate(change for _, change in sorted(changes)))


def test_each_is_planned_in_one_process_with_one_sign_in_and_one_that_is_broken_holds_up_no_other(two: Cli) -> None:
    write(two, "broken", vault=None)

    said = two.run("plan", "--all")

    assert said.code == 1
    table = rows(said.out)
    assert {name: row[0] for name, row in table.items()} == {"broken": 1, "east": 0, "west": 0}
    assert table["east"][1] == "no changes; 30 unchanged"
    assert "problem" in table["broken"][1]
    assert said.out.splitlines()[-1].endswith(": 2 ended with 0, 1 did not")
    assert all(line.startswith("broken: ") for line in said.err.splitlines())
    for name in ("east", "west"):
        assert re.search(rf"== {name}\n(?:  keep .*\n)?{name}: no changes; 30 unchanged\n", said.out)
    assert len(logins(two)) == 4  # one token for each audience
    assert two.writes() == []


def test_what_environments_have_in_common_is_read_once_and_what_is_their_own_once_each(two: Cli) -> None:
    assert two.run("plan", "east", "west").code == 0

    calls = two.azure.control("GET", "/calls")["calls"]
    paths = Counter(call["path"] for call in calls if call["host"] in ARM and call["method"] == "GET")
    assert sum("/factories/flink-factory-local" in path for path in paths) == 6  # itself and its contents
    assert {path for path, times in paths.items() if times > 1} == set()
    reads = Counter((call["host"], call["path"], call["query"]) for call in calls if call["method"] in {"GET", "HEAD"})
    assert [path for (_, path, _), times in reads.items() if times > 1] == []


def test_a_document_has_that_of_each(two: Cli) -> None:
    write(two, "broken", vault=None)

    said = two.run("status", "west", "broken", "east", "--json")

    found = said.json()
    assert (said.code, found["format"], found["exit_code"]) == (1, 1, 1)
    assert [one["environment"] for one in found["environments"]] == ["west", "broken", "east"]
    west, broken, _ = found["environments"]
    assert (west["exit_code"], west["document"]["environment"], west["document"]["drift"]) == (0, "west", False)
    assert broken["document"]["error"]["type"] == "SpecError"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("e*", "east"), ["east"]),
        (("west", "environments/west.yaml", "west"), ["west"]),
        (("environments/*t.yaml",), ["environments/east.yaml", "environments/west.yaml"]),
        (("*/e*.yaml", "east"), ["environments/east.yaml"]),
        (("west", "--json", "east"), ["west", "east"]),
        (("--all",), ["east", "west"]),
        (("nowhere", "e?st"), ["nowhere", "east"]),
    ],
)
def test_names_paths_and_globs_name_each_environment_once(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], named: list[str]
) -> None:
    monkeypatch.chdir(cli.file.parent)
    for name in ("west", "east"):
        write(cli, name)
    (cli.file.parent / "environments/base.yaml").write_text("location: westeurope\n")  # only there to be extended

    said = cli.run("validate", *words, *(() if "--json" in words else ("--json",)))

    assert [one["environment"] for one in said.json()["environments"]] == named
    assert said.code == (1 if "nowhere" in named else 0)


def test_several_take_little_longer_than_one(two: Cli) -> None:
    """A sample of `make bench ARGS=many`, by round trips: the calls of one environment wait for those of no other."""
    two.azure.control("PUT", "/faults", {"latency_ms": 100})

    assert two.run("plan", "--all").code == 0

    assert all(len(own) > 10 for own in own_calls(two, "east", "west").values())
    assert most_at_once(two, "east", "west") == 2
    calls = two.azure.control("GET", "/calls")["calls"]
    assert sum(call["status"] == 429 for call in calls) == 0


@pytest.mark.parametrize("most", [1, 2])
def test_at_most_as_many_as_asked_for_are_under_way(two: Cli, most: int) -> None:
    write(two, "later")
    two.azure.control("PUT", "/faults", {"latency_ms": 100})

    assert two.run("plan", "--all", "--parallel", str(most)).code == 0

    assert most_at_once(two, "east", "later", "west") == most


def test_one_name_is_answered_as_ever(two: Cli) -> None:
    assert two.run("plan", "east").out.splitlines()[-1] == "east: no changes; 30 unchanged"
    assert two.run("plan", "east", "--json").json()["environment"] == "east"


def test_a_folder_without_environments_has_none_to_run_for(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cli.file.parent)

    said = cli.run("plan", "--all", "--json")

    assert (said.code, said.json()["error"]["type"]) == (4, "Refused")
    assert "has no environments" in said.err


def test_the_worst_exit_code_counts(two: Cli) -> None:
    west = write(two, "west", variables={})
    assert two.run("plan", "--all", "--detailed-exitcode").code == 2
    west.write_text(west.read_text().replace("flink-factory-local", "flink-factory-none"))
    said = two.run("plan", "--all", "--detailed-exitcode")
    assert (said.code, rows(said.out)["west"][0]) == (4, 4)


def test_a_public_environment_goes_its_own_way_beside_a_local_one(
    two: Cli, monkeypatch: pytest.MonkeyPatch, azure_env: Any
) -> None:
    """The variables of this process lead to the local Azure by Azure's own names; nothing of it is `cloud: local`."""
    airflow = {name: value for name, value in two.spec["airflow"].items() if name != "version"}
    write(two, "far", cloud="public", airflow={**airflow, "runtime": "far"})
    monkeypatch.setenv("PROVISIONER_LOCAL_STATE", str(azure_env.state))

    said = two.run("plan", "far", "east")

    assert (said.code, rows(said.out)["east"][1]) == (0, "no changes; 30 unchanged")
    assert rows(said.out)["far"][0] == 0
    assert len(logins(two)) == 8


def test_all_are_rotated_and_a_failure_is_told_of_its_own(two: Cli) -> None:
    two.azure.fault(fault="error", status=403, method="POST", path="addPassword$", times=2)

    said = two.run("rotate", "--all", "--force", "--parallel", "1", "--json")

    codes = {one["environment"]: one["exit_code"] for one in said.json()["environments"]}
    assert codes["west"] == 0
    assert (said.code, codes["east"]) == (1, 1)


def test_everybody_is_asked_about_once(two: Cli) -> None:
    for name in ("east", "west"):
        write(two, name, variables={})
    write(two, "same")

    seen = at_terminal(two, "provision", "east", "west", types="y\n", cwd=str(two.file.parent))

    plain = COLOUR.sub("", seen.screen)
    assert seen.code == 0, plain
    assert plain.count("[y/N]") == 1
    question = plain.index("Go on with all 2? [y/N]")
    for name in ("east", "west"):
        assert plain.index(f"{name}: - delete {VARIABLE}") < question < plain.index(f"== {name}")
    assert rows(plain.replace("\r", ""))["east"] == (0, "29 unchanged, 1 deleted")


def test_a_no_is_for_all(two: Cli) -> None:
    for name in ("east", "west"):
        write(two, name, variables={})

    seen = at_terminal(two, "provision", "--all", types="n\n", cwd=str(two.file.parent))

    assert (seen.code, two.writes()) == (1, [])
    assert COLOUR.sub("", seen.screen).count("declined, none of it was done") >= 2


def test_nobody_is_asked_without_a_terminal(two: Cli) -> None:
    for name in ("east", "west"):
        write(two, name, variables={})

    said = two.run("provision", "--all")

    assert (said.code, two.writes()) == (1, [])
    assert said.err.count("not confirmed") == 2


def test_a_signal_at_the_question_ends_all(two: Cli) -> None:
    write(two, "east", variables={})
    ours, theirs = pty.openpty()
    terminal = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    run = two.process("provision", "--all", cwd=str(two.file.parent), **terminal)
    os.close(theirs)
    screen = ""
    while "[y/N]" not in screen and (chunk := read(ours)):
        screen += chunk

    run.send_signal(signal.SIGINT)
    while chunk := read(ours):
        screen += chunk
    os.close(ours)

    assert (run.wait(timeout=60), two.writes()) == (130, []), screen
    assert rows(screen.replace("\r", ""))["east"] == (
        130,
        "Interrupted during the question. Run the command again; it continues where it stopped.",
    )


def test_runs_whose_output_nobody_reads_end_and_give_their_leases_back(two: Cli) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    words = ("rotate", "--all", "--force", "--yes", "--parallel", "2")
    said = two.run_process(*words, cwd=str(two.file.parent), stdout=writing)

    os.close(writing)
    assert (said.code, "Traceback" in said.err) == (1, False)
    assert lease_states(two) == {"Available"}
    assert two.run("rotate", "--all", "--yes").code == 0


def test_a_signal_ends_all_and_gives_every_lease_back(two: Cli) -> None:
    """It comes with the answer to a write of one of them; the other is on its way, and the third has not begun."""
    write(two, "later")
    words = ("rotate", "east", "west", "later", "--force", "--yes", "--parallel", "2")
    run = two.process(*words, cwd=str(two.file.parent))
    two.azure.fault(fault="interrupt", pid=run.pid, method="POST", path="addPassword$")

    out, err = run.communicate(timeout=60)

    assert run.returncode == 130, out + err
    table = rows(out)
    assert (table["later"][0], 130 in {table["east"][0], table["west"][0]}) == (130, True)
    assert lease_states(two) == {"Available"}
    assert two.run("rotate", "east", "west", "--yes").code == 0


def lease_states(cli: Cli) -> set[str]:
    """Those of all containers of the two."""
    found: set[str] = set()
    for name in ("east", "west"):
        group = f"{cli.azure.subscription}/resourceGroups/rg-{name}"
        account = f"{group}/providers/Microsoft.Storage/storageAccounts/st{name}"
        listed = f"{ARM}{account}/blobServices/default/containers?api-version=2023-05-01"
        found |= {one["properties"]["leaseState"] for one in cli.azure.request("GET", listed).json()["value"]}
    return found
