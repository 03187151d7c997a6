"""Every error of ours. Fields first; the sentence is computed and ends with what to do next.

ProvisionerError
├── SpecError            all problems of a file at once
├── PlanError
│   ├── UnknownReference     a Ref to something that is not declared
│   ├── Cycle                resources that need each other
│   ├── StalePlan            the saved plan is not the plan of now
│   ├── Protected            teardown of a protected environment
│   ├── Unconfirmed          deletes or replaces, and nobody said yes
│   ├── Refused              what is there cannot serve, and why
│   └── Refusals             several of these at once
├── CloudError           address, operation, status, code, request id
│   ├── NotAuthorized        which right on which scope
│   ├── Firewalled           network rules, which no grant and no waiting opens
│   ├── NotFound
│   ├── Conflict             somebody else's, in another state, or held
│   ├── LeaseLost            the environment may be another run's by now; nothing was sent
│   ├── Throttled
│   ├── NotYetVisible        a replica has not caught up, a grant has not arrived
│   ├── Unreachable          no answer at all
│   └── Unexpected           an answer nobody here knows
├── NotInUse             an old key that stays until readers show that they use the next
├── DagNotParsed         Airflow could not read the DAG, or has not in time
├── LocalError           the embedded local Azure did not start or stop
├── Defect               a mistake of ours: nothing a user did
└── Interrupted          a person or a signal ended the run
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from pathlib import Path


class ProvisionerError(Exception):
    """What every command reports without a traceback."""

    def sentence(self) -> str:
        """What happened and what to do next."""
        raise AssertionError(type(self).__name__)

    def __str__(self) -> str:
        return self.sentence()


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One mistake in a spec: where it stands, what is wrong, what would be right."""

    file: str
    line: int
    path: str
    wrong: str
    right: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.path}: {self.wrong}; {self.right}"


@dataclass(eq=False)
class SpecError(ProvisionerError):
    """All problems of a spec at once."""

    problems: tuple[Problem, ...]

    def sentence(self) -> str:
        count = len(self.problems)
        head = f"{count} problem{'s' if count > 1 else ''} in the spec:"
        return "\n  ".join((head, *map(str, self.problems)))


class PlanError(ProvisionerError):
    """Found before anything was written."""


@dataclass(eq=False)
class UnknownReference(PlanError):
    """`address` refers to `target`, which nothing declares. near: what is declared and reads much the same."""

    address: str
    target: str
    near: str = ""

    def sentence(self) -> str:
        hint = f"Did you mean {self.near}?" if self.near else "`provisioner graph` shows what is."
        return f"{self.address} refers to {self.target}, which is not declared. {hint}"


@dataclass(eq=False)
class Cycle(PlanError):
    """Resources that need each other, in order."""

    addresses: tuple[str, ...]

    def sentence(self) -> str:
        return f"These resources need each other: {' → '.join(self.addresses)}. Take one of these needs away."


@dataclass(eq=False)
class StalePlan(PlanError):
    """The digest of the saved plan is not the digest of the plan made now."""

    file: str
    saved: str
    live: str

    def sentence(self) -> str:
        return (
            f"{self.file} was made for another state (digest {self.saved[:12]}, now {self.live[:12]}). "
            "Run `provisioner plan --out FILE` again and look at the new plan."
        )


@dataclass(eq=False)
class Protected(PlanError):
    """`teardown` of an environment whose spec says `protected: true`."""

    environment: str

    def sentence(self) -> str:
        return f"{self.environment} is protected. Set `protected: false` in its spec to tear it down."


@dataclass(eq=False)
class Unconfirmed(PlanError):
    """The plan deletes or replaces and nobody confirmed it."""

    what: str

    def sentence(self) -> str:
        return f"{self.what}: not confirmed, nothing was changed. Add `--yes` (make: YES=1) where no terminal can ask."


@dataclass(eq=False)
class Refused(PlanError):
    """Something that is there cannot serve; `remedy` says what would."""

    address: str
    reason: str
    remedy: str

    def sentence(self) -> str:
        return f"{self.address}: {self.reason}. {self.remedy}"


@dataclass(eq=False)
class Refusals(PlanError):
    """Several reasons why the plan cannot go on, all of them."""

    errors: tuple[Exception, ...]

    def sentence(self) -> str:
        return "\n".join(map(str, self.errors))


@dataclass(eq=False, kw_only=True)
class CloudError(ProvisionerError):
    """An answer of Azure that is an error, or none at all.

    operation: what was asked, as `GET vaults/kv-dev`; status: HTTP, 0 without an answer; code: Azure's own;
    message: Azure's own text; request_id: what Azure's support asks for; remedy: what to do next.
    """

    operation: str
    status: int = 0
    code: str = ""
    message: str = ""
    request_id: str = ""
    remedy: str = ""
    address: str = ""
    retry_after_seconds: float | None = field(default=None)

    def sentence(self) -> str:
        what = f"{self.operation} answered {self.status} {self.code}".rstrip()
        if not self.status:
            what = f"{self.operation} got no answer"
        where = f"{self.address}: " if self.address else ""
        told = f": {self.message.strip()}" if self.message else ""
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{where}{what}{told}{request}. {self.remedy or self.advice}".rstrip()

    advice = "Run the command again; it goes on where it stopped."


class NotAuthorized(CloudError):
    """The caller lacks a right."""

    advice = "Ask an owner of the scope for the role, or sign in as somebody who has it."


class Firewalled(CloudError):
    """The network rules of a vault or an account keep this machine out."""

    advice = "No role helps and no waiting: let this machine's address in, or run from a network that it admits."


class NotFound(CloudError):
    """There is no such thing."""

    advice = "Check its name in the spec."


class Conflict(CloudError):
    """It stands in a state that does not admit the operation."""


class LeaseLost(CloudError):
    """The lease ran out or is another run's; message: how it was lost. Nothing was sent."""

    advice = "Nothing more was written. See that no other run is under way, then run the command again."

    def sentence(self) -> str:
        where = f"{self.address}: " if self.address else ""
        told = f": {self.message.strip()}" if self.message else ""
        return f"{where}{self.operation} was not sent, the environment's lease was lost{told}. {self.advice}"


class Throttled(CloudError):
    """Too many calls, also after waiting."""

    advice = "Wait a few minutes and run the command again."


class NotYetVisible(CloudError):
    """It was made, but not every replica shows it yet."""


class Unreachable(CloudError):
    """No answer: name, network, proxy or certificate."""

    advice = "Check the network, the proxy variables and `cloud:` in the spec."


class Unexpected(CloudError):
    """An answer nobody here knows."""

    advice = "Run it again with --debug and look at the answer."


@dataclass(eq=False, kw_only=True)
class NotInUse(ProvisionerError):
    """An old key that stays, since those who read its successor were not seen using it."""

    key: str
    place: str
    asked: str
    seconds: float

    def sentence(self) -> str:
        waited = f"{self.asked} has not shown in {self.seconds:.0f} s that {self.place} is read with its successor"
        mend = "Look at that run in Airflow; a runtime that was not rebuilt since is mended by restarting it"
        return f"{self.key} stays: {waited}. {mend}, then run the command again."


@dataclass(eq=False, kw_only=True)
class DagNotParsed(ProvisionerError):
    """Airflow could not import `file`, for the reason in `trace`; without one it has not parsed it in `seconds`."""

    file: str
    dag: str
    trace: str = ""
    seconds: float = 0.0

    def sentence(self) -> str:
        if self.trace:
            trace = self.trace.strip().replace("\n", "\n  ")
            return f"Airflow cannot import {self.file}:\n  {trace}\nCorrect the DAG and run `provisioner provision`."
        return (
            f"Airflow has not parsed {self.file} as the spec has it after {self.seconds:.0f} s. See that it declares "
            f"the DAG {self.dag}, look at Airflow's own page, or set `waits.import` higher, and run the command again."
        )


@dataclass(eq=False)
class LocalError(ProvisionerError):
    """The embedded local Azure did not do what it was asked."""

    what: str
    remedy: str

    def sentence(self) -> str:
        return f"{self.what}. {self.remedy}"


@dataclass(eq=False)
class Defect(ProvisionerError):
    """An exception that nothing here expected. It tells its type and place, not its text, which may hold anything."""

    cause: BaseException

    def sentence(self) -> str:
        frames = traceback.extract_tb(self.cause.__traceback__)
        ours = [frame for frame in frames if "provisioner" in Path(frame.filename).parts] or frames
        where = f" in {Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else ""
        return f"A defect of provisioner: {type(self.cause).__name__}{where}. Report it; --debug shows the traceback."


@dataclass(eq=False)
class Interrupted(ProvisionerError):
    """A person or a signal ended the run; what was done stays done."""

    during: str

    def sentence(self) -> str:
        return f"Interrupted during {self.during}. Run the command again; it goes on where it stopped."
