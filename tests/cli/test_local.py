"""`provisioner local`: the embedded local Azure from the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from tests.command_line import Cli

FIELDS = {
    "format",
    *("running", "proxy", "ca_bundle", "tenant_id", "subscription_id", "operator_client_id", "control_url"),
    "runtimes",
}
TERRAFORM = ("TENANT_ID", "SUBSCRIPTION_ID", "CLIENT_ID")  # of what it reads as ARM_*, all that is no secret


def ids(cli: Cli) -> list[str]:
    return [cli.azure.tenant_id, cli.azure.subscription_id, cli.azure.operator_client_id]


def test_its_status_as_json_has_all_that_a_program_needs(cli: Cli) -> None:
    found = cli.run("local", "status", "--json").json()

    assert set(found) == FIELDS
    assert found["running"] is True
    assert found["proxy"] == cli.azure.proxy
    assert Path(found["ca_bundle"]).read_text().startswith("-----BEGIN CERTIFICATE-----")


def test_one_that_does_not_run_says_so(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISIONER_LOCAL_STATE", str(tmp_path / "nowhere"))

    found = cli.run("local", "status", "--json").json()

    assert set(found) == FIELDS
    assert (found["running"], found["proxy"], found["control_url"]) == (False, None, None)
    assert "local up" in cli.run("local", "status").out
    assert cli.run("local", "down").out == "it was not running\n"


def test_it_starts_stops_and_remembers(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISIONER_LOCAL_STATE", str(tmp_path / "own"))
    try:
        assert cli.run("local", "up", "--json").json()["running"] is True
        cli.done("provision", "--only", "resource_group/flink-local")
        assert cli.run("local", "down").out == "stopped\n"
        assert cli.done("plan", "--json", "--only", "resource_group/flink-local").actions() == {}
        assert cli.run("local", "reset", "--yes").code == 0
        assert cli.done("plan", "--json", "--only", "resource_group/flink-local").actions() != {}
    finally:
        cli.run("local", "down")


def test_a_damaged_file_of_its_state_is_named_and_reset_replaces_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "own"
    monkeypatch.setenv("PROVISIONER_LOCAL_STATE", str(state))
    try:
        cli.run("local", "up")
        cli.run("local", "down")
        (state / "store/store.sqlite").write_bytes(b"no database")
        refused = cli.run("local", "up")
        assert (refused.code, refused.out) == (1, "")
        assert f"{state}/store/store.sqlite" in refused.err
        assert "provisioner local reset" in refused.err
        reset = cli.run("local", "reset", "--yes")
        assert (reset.code, reset.out.splitlines()[0]) == (0, f"deleted {state}/store/store.sqlite, which was damaged")
        assert cli.run("local", "up").code == 0
    finally:
        cli.run("local", "down")


def test_a_reset_that_cannot_delete_says_so(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "own"
    monkeypatch.setenv("PROVISIONER_LOCAL_STATE", str(state))
    state.write_text("no folder")
    refused = cli.run("local", "reset", "--yes")
    assert (refused.code, refused.out) == (1, "")
    assert f"the local Azure cannot use {state}" in refused.err


def test_a_program_gets_its_own_exit_code_back(cli: Cli) -> None:
    assert cli.run_process("local", "exec", "--", "sh", "-c", "exit 7").code == 7


def test_a_program_gets_its_arguments_untouched(cli: Cli) -> None:
    said = cli.run_process(
        "local", "exec", "--", sys.executable, "-c", "import sys; print(sys.argv)", "--json", "--", "x"
    )

    assert said.out == "['-c', '--json', '--', 'x']\n"


@pytest.mark.parametrize("program", ["no-such-program", "/", ""])
def test_a_program_that_cannot_be_run_is_told(cli: Cli, program: str) -> None:
    said = cli.run_process("local", "exec", "--", program)

    assert (said.code, said.out) == (1, "")
    assert "cannot be run" in said.err


@pytest.mark.shows_secrets(
    "output", why="a program gets the operator's secret in its environment, and this one prints it"
)
def test_a_program_sees_the_local_azure_and_nothing_that_would_lead_elsewhere(cli: Cli) -> None:
    hostile = {
        "https_proxy": "http://127.0.0.1:1",
        "ALL_PROXY": "socks5://127.0.0.1:1",
        "NO_PROXY": ".azure.net,.microsoft.com",
        "AZURE_CLIENT_CERTIFICATE_PATH": "/theirs.pem",
        "IDENTITY_ENDPOINT": "http://127.0.0.1:1",
        "ARM_CLIENT_SECRET": "theirs",
        "ARM_USE_CLI": "true",
    }
    cli.env = hostile
    said = cli.run_process(
        "local", "exec", "--", sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"
    )

    seen = json.loads(said.out)
    assert seen["https_proxy"] == seen["HTTPS_PROXY"] == cli.azure.proxy
    assert (seen["NO_PROXY"], seen["NODE_USE_ENV_PROXY"]) == ("", "1")
    assert not {"ALL_PROXY", "AZURE_CLIENT_CERTIFICATE_PATH", "IDENTITY_ENDPOINT", "ARM_USE_CLI"} & set(seen)
    assert seen["AZURE_CLIENT_SECRET"] == seen["ARM_CLIENT_SECRET"] == cli.azure.operator_secret.reveal()
    assert [seen[f"ARM_{name}"] for name in TERRAFORM] == ids(cli)


def test_a_run_does_not_mind_hostile_proxy_variables(cli: Cli) -> None:
    cli.env = {"https_proxy": "http://127.0.0.1:1", "NO_PROXY": ".azure.net", "REQUESTS_CA_BUNDLE": "/nowhere.pem"}

    assert cli.run_process("plan", str(cli.file)).code == 0


@pytest.mark.shows_secrets("output", why="--show-secret does")
def test_the_secret_is_among_the_variables_when_asked_for(cli: Cli) -> None:
    said, secret = cli.run("local", "env", "--show-secret"), cli.azure.operator_secret.reveal()

    assert [f"export {cloud}_CLIENT_SECRET='{secret}'" in said.out for cloud in ("AZURE", "ARM")] == [True, True]


def test_the_variables_are_shown_without_the_secret(cli: Cli) -> None:
    said = cli.run("local", "env")

    assert f"export HTTPS_PROXY='{cli.azure.proxy}'" in said.out
    assert "unset ALL_PROXY" in said.out
    for name, value in zip(TERRAFORM, ids(cli), strict=True):
        assert f"export ARM_{name}='{value}'" in said.out
    assert "ARM_CLIENT_SECRET" not in said.out
    assert cli.azure.operator_secret.reveal() not in said.out


def test_the_variables_make_any_shell_a_client(cli: Cli) -> None:
    script = 'eval "$(%s -m provisioner local env)" && %s -c "import os; print(os.environ[\'https_proxy\'])"'
    said = cli.run_process("local", "exec", "--", "sh", "-c", script % (sys.executable, sys.executable))

    assert said.out.strip() == cli.azure.proxy


def test_a_reader_that_goes_away_is_no_trouble_of_the_local_azure(cli: Cli) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        said = cli.run_process("local", "status", stdout=writing)
    finally:
        os.close(writing)
    assert (said.code, said.err) == (1, "")


@pytest.mark.parametrize(
    ("verb", "closed"),
    [("schema", ">&-"), ("schema", "2>&-"), ("schema", "<&-"), ("schema", ">&- 2>&- <&-"), ("plan", ">&-")],
)
def test_a_stream_that_the_shell_has_closed_is_no_defect(cli: Cli, verb: str, closed: str) -> None:
    cli.file.write_text(yaml.safe_dump(cli.spec))
    file = () if verb == "schema" else (str(cli.file),)
    command = f'exec "$0" -m provisioner "$@" {closed}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, verb, *file], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
