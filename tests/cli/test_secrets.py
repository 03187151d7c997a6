"""No secret leaves by the command line: not in output, errors, logs, journal, saved plans or process arguments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.commands.test_lifecycle import FACTORY, arm, secret

if TYPE_CHECKING:
    from tests.command_line import Cli

OURS = {
    "a variable": "sentinel-variable-5d1c",
    "a connection": "postgresql://user:sentinel-connection-77aa@db.example/x",
    "an override": "sentinel-override-09fe",
    "a setting": "sentinel-setting-c0de",
    "an expanded one": "sentinel-expanded-e4e4",
}


@pytest.fixture
def sealed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A spec that holds a secret in every place that may hold one."""
    monkeypatch.setenv("FROM_OUTSIDE", OURS["an expanded one"])
    cli.spec["variables"] = {"plain": OURS["a variable"], "expanded": "${FROM_OUTSIDE}"}
    cli.spec["connections"] = {"db": OURS["a connection"]}
    cli.spec["airflow"]["overrides"] = {"AIRFLOW__SMTP__SMTP_PASSWORD": OURS["an override"]}
    cli.spec["airflow"]["environment"] = {"THEIR_TOKEN": OURS["a setting"]}
    return cli


def made(cli: Cli) -> dict[str, str]:
    """The secrets that Entra gave us, and the operator's own."""
    runtime = arm(cli, "GET", f"{FACTORY}/integrationruntimes/airflow-local", "2018-06-01")
    settings = runtime["properties"]["typeProperties"]["airflowProperties"]["airflowEnvironmentVariables"]
    return {
        "Airflow's": settings["AZURE_CLIENT_SECRET"],
        "the API's": secret(cli, "GET", "hdinsight-aks-variables-api-secret")["value"],
        "the operator's": cli.azure.operator_secret.reveal(),
    }


def check(texts: dict[str, str], secrets: dict[str, str]) -> None:
    leaks = [f"{what} in {where}" for where, text in texts.items() for what, value in secrets.items() if value in text]
    assert leaks == []
    assert all(texts.values()), [where for where, text in texts.items() if not text]


def test_nothing_that_is_told_or_kept_holds_a_secret(sealed: Cli, tmp_path: Path) -> None:
    told: dict[str, str] = {}

    def call(verb: str, *options: str) -> None:
        said = sealed(verb, *options)
        told[f"{verb} {' '.join(options)} (output)"] = said.out + "."
        told[f"{verb} {' '.join(options)} (errors)"] = said.err + "."
        assert said.code == 0, said.err

    for options in ((), ("--json",), ("--debug", "--out", str(tmp_path / "plan.json"))):
        call("plan", *options)
    call("provision", "--debug")
    sealed.spec["variables"]["plain"] = OURS["a variable"] = "sentinel-variable-changed"
    call("plan", "--debug", "--json")
    call("provision", "--json", "--debug")
    for verb in ("status", "output", "render"):
        call(verb, "--debug")
        call(verb, "--json")
    call("validate", "--debug")
    call("graph")
    secrets = {**OURS, **made(sealed)}
    call("teardown", "--debug")
    told["the saved plan"] = (tmp_path / "plan.json").read_text()
    told["the journal"] = (tmp_path / "journal" / "local.jsonl").read_text()
    told["the local Azure's log"] = (sealed.azure.state / "server.log").read_text() + "."
    told["the local Azure's calls"] = json.dumps(sealed.azure.control("GET", "/calls"))

    check(told, secrets)


def test_debugging_tells_every_request_and_leaves_standard_output_alone(sealed: Cli) -> None:
    said = sealed("plan", "--debug", "--json")

    assert said.json()["environment"] == "local"
    assert "GET https://management.azure.com/subscriptions/" in said.err
    assert "POST https://login.microsoftonline.com/" in said.err
    assert "signing in with: the operator of the embedded local Azure" in said.err
    assert "Bearer" not in said.err
    assert "eyJ" not in said.err  # how every token begins
    assert "GET https://" not in sealed("plan").err


def test_an_error_of_azure_and_a_defect_of_ours_hold_no_secret(sealed: Cli) -> None:
    told: dict[str, str] = {}
    for status in (200, 400):
        sealed.azure.fault(
            fault="error", method="PUT", host="vault.azure.net", path="/secrets/", status=status, times=None
        )
        sealed.azure.fault(fault="error", method="PUT", path="integrationruntimes", status=status, times=None)
        sealed.azure.fault(fault="error", method="POST", path="addPassword", status=status, times=None)
        sealed.spec["waits"] = {"grant": "1s", "sign_in": "1s", "operation": "1s", "import": "1s"}
        said = sealed("provision", "--debug")
        assert said.code in {1, 3}, said.out
        told[f"output with {status}"], told[f"errors with {status}"] = said.out, said.err
        sealed.azure.control("DELETE", "/faults")
    told["a traceback"] = next((text for text in told.values() if "Traceback" in text), "")

    check(told, OURS)


def test_the_mistakes_of_a_spec_quote_no_secret(sealed: Cli) -> None:
    sealed.spec["airflow"]["overrides"]["nonsense"] = OURS["an override"]
    sealed.spec["variables"]["a b"] = OURS["a variable"]
    sealed.spec["connections"] = {"db": [OURS["a connection"]]}
    sealed.spec["location"] = "${FROM_OUTSIDE}"
    said = sealed("validate")

    assert said.code == 1
    check({"the problems": said.err, "as JSON": sealed("validate", "--json").out}, OURS)


def test_no_process_has_a_secret_among_its_arguments(sealed: Cli) -> None:
    sealed.azure.control("PUT", "/faults", {"latency_ms": 30})
    process = sealed.process("provision", str(sealed.file))
    seen: set[str] = set()
    assert process.stdout is not None
    for _ in process.stdout:
        seen.update(arguments())
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert any("provisioner" in line for line in seen)

    check({"arguments": "\n".join(seen)}, {**OURS, **made(sealed)})


def arguments() -> list[str]:
    """Of every process on this machine."""
    found: list[str] = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found
