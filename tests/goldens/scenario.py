"""One environment from nothing to nothing, verb by verb: what each prints, which calls it makes, what it leaves.

`run` and `local` are left out: they start the real Airflow and Flink, or show ports, paths and sizes of this machine.
"""

from __future__ import annotations

from contextlib import chdir
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tests import child
from tests.emulator import ARM
from tests.goldens.calls import calls_of
from tests.goldens.documents import differences, documents
from tests.goldens.placeholders import Placeholders
from tests.reliability.census import store_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.emulator import LocalAzure

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "environments" / "local.yaml"
SNAPSHOT = "/snapshots/goldens"
ENVIRONMENT = "0a05bbc5-f0cb-5d6b-a02d-2b390f031b4c"  # uuid5 over tenant, subscription, group and name
WRITING = {"provision", "rotate", "teardown"}
WITHOUT_JSON = {"graph", "schema"}
SCHEDULERS = ("airflow", "azure-pipelines", "cron", "github-actions", "systemd")
ACCOUNT = "/resourceGroups/flink-local/providers/Microsoft.Storage/storageAccounts/stflinklocal"
GREETING = "https://kv-flink-local.vault.azure.net/secrets/hdinsight-aks-variables-greeting?api-version=7.4"
JAR = "https://stflinklocal.dfs.core.windows.net/jobs/wordcount.jar"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One verb, as text and as JSON. before: what else happens in the cloud first."""

    name: str
    arguments: tuple[str, ...]
    before: Callable[[LocalAzure], None] | None = None

    @property
    def writes(self) -> bool:
        return self.arguments[0] in WRITING

    @property
    def commands(self) -> list[tuple[str, ...]]:
        """What follows `provisioner`."""
        verb, *options = self.arguments
        text = (verb, *(() if verb == "schema" else ("local",)), *(("--yes",) if self.writes else ()), *options)
        return [text] if verb in WITHOUT_JSON else [text, (*text, "--json")]


@dataclass
class Recorder:
    """Does the steps on a local Azure and records them. documents: those of its store after the last run."""

    azure: LocalAzure
    folder: Path
    placeholders: Placeholders
    documents: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def files(self) -> dict[str, str]:
        """Do the whole scenario: the record of each step, by the name of its file."""
        return {f"{number:02}-{step.name}.txt": self.record(step) for number, step in enumerate(STEPS, 1)}

    def record(self, step: Step) -> str:
        """Do a step. A verb that writes runs twice from the same state, the second time with --json."""
        if step.before:
            step.before(self.azure)
            self.read_store()
        text, *json = step.commands
        first = self._run_and_undo(text) if step.writes else self._run(text)
        return "\n".join(_without_repetitions([first, *map(self._run, json)])) + "\n"

    def _run_and_undo(self, command: tuple[str, ...]) -> dict[str, str]:
        """The record of a run; afterwards everything is as it was before."""
        self.azure.control("PUT", SNAPSHOT)
        documents, placeholders = self.documents, self.placeholders.copy()
        record = self._run(command)
        self.azure.control("POST", SNAPSHOT)
        self.documents, self.placeholders = documents, placeholders
        return record

    def _run(self, command: tuple[str, ...]) -> dict[str, str]:
        """The record of a run, by heading. Its store is read first: there random names are told apart most surely."""
        self.azure.control("DELETE", "/calls")
        code, printed = self._execute(command)
        calls = calls_of(self.azure, counted=command[0] not in WRITING)
        before = self.documents
        self.read_store()
        changed = differences(before, self.documents)
        in_any_order = command[0] in WRITING and "--json" not in command  # a line as soon as its step ends
        output = self.placeholders.lines(printed.splitlines() if in_any_order else [printed])
        return {
            f"$ provisioner {' '.join(command)}": "",
            f"exit code {code}": "\n".join(output).strip("\n"),
            "calls": "\n".join(self.placeholders.lines(calls)),
            "store": "\n".join(changed),
        }

    def _execute(self, command: tuple[str, ...]) -> tuple[int, str]:
        """Exit code, and both streams."""
        variables = {"PROVISIONER_LOCAL_STATE": self.azure.state, "PROVISIONER_JOURNAL": self.folder / "journal"}
        output = self.folder / "output"
        output.unlink(missing_ok=True)
        with chdir(ROOT):  # so that the path of a file is as long on every machine
            run = child.prepare(command, {name: str(value) for name, value in variables.items()}, output).begin()
        return run.wait(), run.text

    def read_store(self) -> None:
        """Take what is in the store as the state before the next run."""
        self.documents = documents(store_of(self.azure.state), self.placeholders)


def _without_repetitions(records: list[dict[str, str]]) -> Iterator[str]:
    """Each section; of calls and store `as before`, if they are those of the run before."""
    before = dict[str, str]()
    for record in records:
        for heading, text in record.items():
            same = heading in before and before[heading] == text != ""
            yield f"=== {heading}\n{'as before' if same else text}".rstrip("\n")
        before = {heading: text for heading, text in record.items() if heading in {"calls", "store"}}


def _edit_by_hand(azure: LocalAzure) -> None:
    """Somebody tags the account, writes another greeting and deletes the jar."""
    account = f"{ARM}{azure.subscription}{ACCOUNT}?api-version=2023-05-01"
    tags = azure.request("GET", account).json()["tags"]
    assert azure.request("PATCH", account, {"tags": {**tags, "team": "flink"}}).status == 200
    vault = azure.token("https://vault.azure.net")
    assert azure.request("PUT", GREETING, {"value": "by hand"}, token=vault).status == 200
    lake = azure.token("https://storage.azure.com")
    assert azure.request("DELETE", JAR, headers={"x_ms_version": "2023-11-03"}, token=lake).status == 200


def _advance_a_month(azure: LocalAzure) -> None:
    """Credentials fall due."""
    azure.advance(30 * 86_400.0 + 3_600.0)
    azure.tokens.clear()


def _advance_a_minute(azure: LocalAzure) -> None:
    """Of a credential that is seconds old and one that is none, the days left would differ."""
    azure.advance(60.0)


STEPS = (
    Step(name="validate", arguments=("validate",)),
    Step(name="schema", arguments=("schema",)),
    Step(name="graph", arguments=("graph",)),
    Step(name="render", arguments=("render",)),
    *(
        Step(name=f"schedule-{kind}", arguments=("schedule", "--kind", kind, "--directory", "/srv/flink"))
        for kind in SCHEDULERS
    ),
    Step(name="plan-of-all", arguments=("plan", "--detailed-exitcode")),
    Step(name="provision", arguments=("provision",)),
    Step(name="plan-of-nothing", arguments=("plan", "--detailed-exitcode")),
    Step(name="provision-again", arguments=("provision",)),
    Step(name="status", arguments=("status",), before=_advance_a_minute),
    Step(name="doctor", arguments=("doctor",)),
    Step(name="output", arguments=("output",)),
    Step(name="verify", arguments=("verify",)),
    Step(name="rotate-before-time", arguments=("rotate",)),
    Step(name="rotate-force", arguments=("rotate", "--force")),
    Step(name="status-while-retiring", arguments=("status",), before=_advance_a_minute),
    Step(name="plan-a-month-later", arguments=("plan",), before=_advance_a_month),
    Step(name="status-a-month-later", arguments=("status", "--expiring", "30d")),
    Step(name="rotate-when-due", arguments=("rotate",)),
    Step(name="plan-after-drift", arguments=("plan", "--detailed-exitcode"), before=_edit_by_hand),
    Step(name="provision-after-drift", arguments=("provision",)),
    Step(name="teardown", arguments=("teardown",)),
    Step(name="status-after-teardown", arguments=("status",)),
)


def recorder(azure: LocalAzure, folder: Path, fixed: frozenset[str]) -> Recorder:
    """On a local Azure as new, whose clock it sets to noon, so that no run falls on two days.

    folder: for what the runs print and their journal. fixed: names that are no placeholders.
    """
    now = datetime.fromisoformat(azure.control("GET", "/clock")["now"])
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=1)
    azure.advance((noon - now).total_seconds())
    azure.tokens.clear()
    placeholders = Placeholders(begin=noon, texts=_texts(azure), fixed=fixed)
    recording = Recorder(azure=azure, folder=folder, placeholders=placeholders)
    recording.read_store()
    return recording


def _texts(azure: LocalAzure) -> dict[str, str]:
    """Folders, ids that stand everywhere, and what local.yaml wants in the vault."""
    spec = yaml.safe_load(SPEC.read_text(encoding="utf-8"))
    written = {text: f"<{name}>" for part in ("variables", "connections") for name, text in spec[part].items()}
    ids = {azure.tenant_id: "<tenant>", azure.subscription_id: "<subscription>", ENVIRONMENT: "<environment>"}
    return {str(azure.state): "<state>", str(ROOT): "<root>", **ids, **written}
