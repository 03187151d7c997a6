"""The command line against a local Azure of the test's own: an environment file to edit, and what a call said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from provisioner.cli.main import main
from tests.documents import assert_as_published

if TYPE_CHECKING:
    from tests.emulator import LocalAzure

ROOT = Path(__file__).parents[1]
QUESTIONS = ("/checkNameAvailability", "/checkPolicyRestrictions")
SNAPSHOTS: dict[Path, set[str]] = {}  # by local Azure: what it can go back to


@dataclass(frozen=True, kw_only=True)
class Said:
    """One call's exit code and output."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)

    def actions(self) -> dict[str, str]:
        """By address, the steps of a JSON document that are not `keep`."""
        return {s["address"]: s["action"] for s in self.json()["steps"] if s["action"] != "keep"}


@dataclass
class Cli:
    """`cli("plan")` runs `provisioner plan FILE`; `spec` is the file's content, written before each call."""

    azure: LocalAzure
    file: Path
    spec: dict[str, Any]
    capture: pytest.CaptureFixture[str] | None = None  # None: each call is a process of its own
    env: dict[str, str] = field(default_factory=dict[str, str])

    def __call__(self, verb: str, *options: str) -> Said:
        self.file.write_text(yaml.safe_dump(self.spec))
        confirmed = ("--yes",) if verb == "teardown" and "--yes" not in options else ()
        return self.run(verb, str(self.file), *options, *confirmed)

    def run(self, *arguments: str) -> Said:
        if self.capture is None:
            return self.run_process(*arguments)
        self.capture.readouterr()
        try:
            code = main(list(arguments))
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        out, err = self.capture.readouterr()
        assert_as_published(arguments, out)
        return Said(code=code, out=out, err=err)

    def done(self, verb: str, *options: str) -> Said:
        """The same, and it went well."""
        said = self(verb, *options)
        assert said.code == 0, said.out + said.err
        return said

    def process(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """The same as a process of its own; `env` on top of this one's environment."""
        self.file.write_text(yaml.safe_dump(self.spec))
        wired: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
        }
        command = [sys.executable, "-m", "provisioner", *arguments]
        wired.update(options)
        return subprocess.Popen(command, cwd=wired.pop("cwd", ROOT), env={**os.environ, **self.env}, **wired)

    def run_process(self, *arguments: str, **options: Any) -> Said:
        process = self.process(*arguments, **options)
        out, err = process.communicate(timeout=120)
        assert_as_published(arguments, out or "")
        return Said(code=process.returncode, out=out or "", err=err or "")

    def writes(self) -> list[str]:
        """What the local Azure was asked to change since `forget_calls`; signing in and questions left out."""
        calls = self.azure.control("GET", "/calls")["calls"]
        asked = [c for c in calls if c["method"] not in {"GET", "HEAD"} and not c["path"].endswith(QUESTIONS)]
        return [f"{c['method']} {c['host']}{c['path']}" for c in asked if not c["host"].startswith("login.")]

    def forget_calls(self) -> None:
        self.azure.control("DELETE", "/calls")


@pytest.fixture
def cli(azure: LocalAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """environments/local.yaml in a folder of the test's own."""
    monkeypatch.setenv("PROVISIONER_LOCAL_STATE", str(azure.state))
    monkeypatch.setenv("PROVISIONER_JOURNAL", str(tmp_path / "journal"))
    spec = yaml.safe_load((ROOT / "environments/local.yaml").read_text())
    jar = tmp_path / "wordcount.jar"
    shutil.copy(ROOT / "templates/jobs/wordcount/wordcount.jar", jar)
    spec["job"] = str(jar)
    return Cli(azure=azure, file=tmp_path / "env.yaml", spec=spec, capture=capsys)


@pytest.fixture
def provisioned(cli: Cli) -> Cli:
    """The same, provisioned: once by a run, for later tests out of a snapshot."""
    if "provisioned" not in SNAPSHOTS.setdefault(cli.azure.state, set()):
        cli.done("provision")
        cli.azure.control("PUT", "/snapshots/provisioned")
        SNAPSHOTS[cli.azure.state].add("provisioned")
    else:
        cli.azure.control("POST", "/snapshots/provisioned")
    cli.forget_calls()
    return cli
