"""One environment on a local Azure, whose moments can be gone back to, and runs of the program on it as processes."""

from __future__ import annotations

import itertools
import json
import os
import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from localazure.app import process
from provisioner.cloud.lease import LEASE_SECONDS
from tests import child, emulator
from tests.child import LONGEST_SECONDS
from tests.reliability.census import NAME, Census, census, store_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.child import Child
    from tests.emulator import LocalAzure

SPEC = Path(__file__).parents[2] / "environments" / "local.yaml"
# Without a client secret: applications that tokens of a cluster sign in, and a managed identity likewise.
SELF_MANAGED = SPEC.with_name("self-managed.yaml")
MANAGED_IDENTITY = Path(__file__).with_name("managed-identity.yaml")
HOUR, DAY = 3600.0, 86_400.0
SIGN_IN = "login.microsoftonline.com"
READS = ("GET", "HEAD")


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """One run that has ended: its exit code, or minus the signal that ended it, and what it printed."""

    code: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call that a run made, as it can be found again in another run: `nth` of its kind, from 0."""

    method: str
    host: str
    path: str
    nth: int

    def __str__(self) -> str:
        again = f" (call {self.nth + 1} of it)" if self.nth else ""
        return f"{self.method} {self.host}{self.path}{again}"

    @property
    def path_pattern(self) -> str:
        """The path as a regular expression, with any name in the place of a random one."""
        return f"^{'[^/()]+'.join(re.escape(part) for part in NAME.split(self.path))}$"

    @property
    def writes(self) -> bool:
        """Whether it may change something; signing in does not."""
        return self.method not in READS and self.host != SIGN_IN


@dataclass
class RestorableEnvironment:
    """folder: for what the runs print and write down."""

    azure: LocalAzure
    folder: Path
    spec: Path = SPEC
    moments: dict[str, float] = field(default_factory=dict[str, float])
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def save(self, name: str) -> None:
        """Make this a moment that can be gone back to."""
        self.azure.control("PUT", f"/snapshots/reliability-{self.spec.stem}-{name}")
        self.moments[name] = self.azure.control("GET", "/clock")["offset_seconds"]

    def restore(self, name: str) -> None:
        """As it was then, with nothing going wrong and no call noted."""
        self.azure.control("DELETE", "/faults")
        self.azure.control("POST", f"/snapshots/reliability-{self.spec.stem}-{name}")
        self.azure.control("PUT", "/clock", {"offset_seconds": self.moments[name]})
        self.azure.control("DELETE", "/calls")
        self.azure.tokens.clear()

    def prepare(self, verb: str, *options: str, spec: Path | None = None) -> Child:
        """A run that waits for `begin`."""
        variables = {"PROVISIONER_LOCAL_STATE": self.azure.state, "PROVISIONER_JOURNAL": self.journal.parent}
        said = self.folder / f"said-{next(self._numbers)}"
        confirmed = ("--yes",) if verb in {"provision", "rotate", "teardown"} else ()
        arguments = (verb, str(spec or self.spec), *confirmed, *options)
        return child.prepare(arguments, {name: str(value) for name, value in variables.items()}, said)

    def run(self, verb: str, *options: str, spec: Path | None = None) -> CommandResult:
        """A run from its beginning to its end."""
        return self.ran(self.prepare(verb, *options, spec=spec).begin())

    def ran(self, child: Child, *, seconds: float = LONGEST_SECONDS) -> CommandResult:
        """The end of a run that has begun. Raises AssertionError with its stacks if it hangs for so long."""
        return CommandResult(code=child.wait(seconds), text=child.text)

    def done(self, verb: str, *options: str) -> CommandResult:
        """The same, and it went well."""
        ran = self.run(verb, *options)
        assert ran.code == 0, ran.text
        return ran

    @property
    def journal(self) -> Path:
        """Where runs write down what they do."""
        return self.folder / "journal" / "local.jsonl"

    def entries(self) -> list[dict[str, str]]:
        """The journal."""
        return [json.loads(line) for line in self.journal.read_text().splitlines()]

    def calls(self) -> list[Call]:
        """The calls since `back_to`, in their order."""
        found, seen = list[Call](), dict[tuple[str, str, str], int]()
        for call in self.azure.control("GET", "/calls")["calls"]:
            same = (call["method"], call["host"], call["path"])
            found.append(Call(method=same[0], host=same[1], path=same[2], nth=seen.get(same, 0)))
            seen[same] = seen.get(same, 0) + 1
        return found

    def wait_out_lease(self) -> None:
        """Let the lease of a run that died run out."""
        self.azure.advance(LEASE_SECONDS + 1.0)
        self.azure.tokens.clear()

    def advance(self, seconds: float) -> None:
        """Let time pass; tokens of before have ended."""
        self.azure.advance(seconds)
        self.azure.tokens.clear()

    def purge_vault(self) -> None:
        """Free the vault's name, as an operator does whom a run tells to."""
        deleted = "providers/Microsoft.KeyVault/locations/westeurope/deletedVaults/kv-flink-local"
        url = f"{emulator.ARM}{self.azure.subscription}/{deleted}/purge?api-version=2023-07-01"
        assert self.azure.request("POST", url).status == 202
        self.azure.advance(120.0)

    def census(self) -> Census:
        """What is in the local Azure now."""
        return census(store_of(self.azure.state))


def prepared_environment(azure: LocalAzure, folder: Path, spec: Path = SPEC) -> RestorableEnvironment:
    """A ground with the moments `empty`, `provisioned` and `due`, in which credentials that end are."""
    ground = RestorableEnvironment(azure=azure, folder=folder, spec=spec)
    azure.reset()
    ground.save("empty")
    ground.done("provision")
    ground.save("provisioned")
    ground.advance(30 * DAY + HOUR)
    ground.save("due")
    return ground


@contextmanager
def restorable_environments(count: int, spec: Path = SPEC) -> Generator[list[RestorableEnvironment]]:
    """So many, each on a local Azure of its own, which end with this."""
    with tempfile.TemporaryDirectory(prefix="reliability-") as folder:
        places = [Path(folder) / str(number) for number in range(count)]
        try:
            yield [prepared_environment(_started(place), place, spec) for place in places]
        finally:
            for place in places:
                process.stop(place / "azure")


def _started(place: Path) -> LocalAzure:
    place.mkdir()
    return emulator.start(place / "azure")


def at_a_time() -> int:
    """How many runs go on beside each other: two for each processor, as each waits half of its time."""
    return 2 * len(os.sched_getaffinity(0))
