"""All errors of the tool. They have fields; the sentence is computed from them and ends with what to do next.

ProvisionerError
├── WrongUsage           words on the command line that it does not know
├── SpecError            all problems of a file at once
├── PlanError
│   ├── UnknownReference     a Ref to something that is not declared
│   ├── Cycle                resources that need each other
│   ├── StalePlan            the saved plan is not the plan of now
│   ├── Protected            teardown of a protected environment
│   ├── Unconfirmed          deletes or replaces, and nobody confirmed it
│   ├── Refused              an existing resource cannot be used, and why
│   └── Refusals             several of these at once
├── CloudError           address, operation, status, code, request id
│   ├── NotAuthorized        which right on which scope
│   ├── Firewalled           network rules; neither a grant nor waiting helps
│   ├── NotFound
│   ├── Conflict             owned by somebody else, in another state, or leased
│   ├── LeaseLost            another run may have the lease by now; nothing was sent
│   ├── Throttled
│   ├── NotYetVisible        a replica has not caught up, a grant has not arrived
│   ├── Unreachable          no answer at all
│   └── Unexpected           an unknown response
├── NotInUse             an old key that stays until readers show that they use the next
├── DagNotParsed         Airflow could not read the DAG, or has not in time
├── LocalError           the embedded local Azure did not start or stop
├── Defect               an error in the tool itself
└── Interrupted          a person or a signal ended the run

In one file: the tree is read as a whole.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from pathlib import Path


class ProvisionerError(Exception):
    """An error that commands report without a traceback."""

    def sentence(self) -> str:
        """What happened and what to do next."""
        raise AssertionError(type(self).__name__)

    def __str__(self) -> str:
        return self.sentence()


@dataclass(eq=False)
class WrongUsage(ProvisionerError):
    """The command line cannot be understood. program: whose help shows the right words; hint: the nearest of them."""

    program: str
    what: str
    hint: str

    def sentence(self) -> str:
        return f"{self.program}: {self.what}. {self.hint}."


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One mistake in a spec: its location, what is wrong, what would be right."""

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
    """`address` refers to `target`, which nothing declares. near: a declared address that is similar."""

    address: str
    target: str
    near: str = ""

    def sentence(self) -> str:
        hint = f"Did you mean {self.near}?" if self.near else "`provisioner graph` shows all declared resources."
        return f"{self.address} refers to {self.target}, which is not declared. {hint}"


@dataclass(eq=False)
class Cycle(PlanError):
    """Resources that depend on each other, in order."""

    addresses: tuple[str, ...]

    def sentence(self) -> str:
        return f"These resources depend on each other: {' → '.join(self.addresses)}. Remove one of these dependencies."


@dataclass(eq=False)
class StalePlan(PlanError):
    """The saved plan is not the plan made now. changed: what differs, a line each."""

    file: str
    changed: tuple[str, ...]

    def sentence(self) -> str:
        end = "Run `provisioner plan ENV --out FILE` again and review the new plan."
        return "\n  ".join((f"{self.file} is out of date, so nothing was done:", *self.changed, end))


@dataclass(eq=False)
class Protected(PlanError):
    """`teardown` of an environment whose spec says `protected: true`."""

    environment: str

    def sentence(self) -> str:
        return f"{self.environment} is protected. Set `protected: false` in its spec to tear it down."


@dataclass(eq=False)
class Unconfirmed(PlanError):
    """The plan deletes or replaces and nobody confirmed it. declined: somebody was asked, and did not say yes."""

    what: str
    declined: bool = False

    def sentence(self) -> str:
        if self.declined:
            return f"{self.what}: declined, none of it was done. Run the command again and answer `y` to do it."
        return f"{self.what}: not confirmed, none of it was done. Without a terminal, add `--yes` (make: YES=1)."


@dataclass(eq=False)
class Refused(PlanError):
    """An existing resource cannot be used; `remedy` says what would help."""

    address: str
    reason: str
    remedy: str

    def sentence(self) -> str:
        return f"{self.address}: {self.reason}. {self.remedy}"


@dataclass(eq=False)
class Refusals(PlanError):
    """All reasons why the plan cannot be carried out."""

    errors: tuple[Exception, ...]

    def sentence(self) -> str:
        return "\n".join(map(str, self.errors))


@dataclass(eq=False, kw_only=True)
class CloudError(ProvisionerError):
    """An error response of Azure, or no response at all.

    operation: the request, as `GET vaults/kv-dev`; status: HTTP, 0 without an answer; code: Azure's own;
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
        message = f": {self.message.strip()}" if self.message else ""
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{where}{what}{message}{request}. {self.remedy or self.advice}".rstrip()

    advice = "Run the command again; it continues where it stopped."


@dataclass(eq=False, kw_only=True)
class NotAuthorized(CloudError):
    """The caller lacks a right. action, scope: of the right, if Azure names them; read_scope: the scope of a read."""

    action: str = ""
    scope: str = ""
    read_scope: str = ""

    advice = "Ask an owner of the scope for the role, or sign in as somebody who has it."


class Firewalled(CloudError):
    """The network rules of a vault or an account keep this machine out."""

    advice = "Neither a role nor waiting helps: allow this machine's address, or run from an allowed network."


class NotFound(CloudError):
    """It does not exist."""

    advice = "Check its name in the spec."


class Conflict(CloudError):
    """It is in a state that does not allow the operation."""


class LeaseLost(CloudError):
    """The lease ran out or is another run's; message: how it was lost. Nothing was sent."""

    advice = "Nothing more was written. Check that no other run is active, then run the command again."

    def sentence(self) -> str:
        where = f"{self.address}: " if self.address else ""
        message = f": {self.message.strip()}" if self.message else ""
        return f"{where}{self.operation} was not sent, the environment's lease was lost{message}. {self.advice}"


class Throttled(CloudError):
    """Too many calls, also after waiting."""

    advice = "Wait a few minutes and run the command again."


class NotYetVisible(CloudError):
    """It was created, but not every replica shows it yet."""


class Unreachable(CloudError):
    """No answer: name, network, proxy or certificate."""

    advice = "Check the network, the proxy variables and `cloud:` in the spec."


class Unexpected(CloudError):
    """A response that the tool does not know."""

    advice = "Run the command again with --debug and look at the response."


@dataclass(eq=False, kw_only=True)
class NotInUse(ProvisionerError):
    """An old key that stays, since its readers were not seen using its successor."""

    key: str
    holder: str
    awaited_from: str
    seconds: float

    def sentence(self) -> str:
        reason = (
            f"{self.awaited_from} has not shown in {self.seconds:.0f} s that {self.holder} is read with its successor"
        )
        fix = "Look at that run in Airflow; restart the runtime if it was not rebuilt since"
        return f"{self.key} stays: {reason}. {fix}. Then run the command again."


@dataclass(eq=False, kw_only=True)
class DagNotParsed(ProvisionerError):
    """Airflow could not import `file`, for the reason in `trace`; without one it has not parsed it in `seconds`.

    unknown: why Airflow cannot be asked for it, if it cannot.
    """

    file: str
    dag: str
    trace: str = ""
    seconds: float = 0.0
    unknown: str = ""

    def sentence(self) -> str:
        if self.unknown:
            return f"Whether Airflow has parsed {self.file} is not known: {self.unknown}, or leave out `--wait-dag`."
        if self.trace:
            trace = self.trace.strip().replace("\n", "\n  ")
            return f"Airflow cannot import {self.file}:\n  {trace}\nCorrect the DAG and run `provisioner provision`."
        return (
            f"Airflow has not parsed the current {self.file} after {self.seconds:.0f} s. Check that it declares the "
            f"DAG {self.dag}, look at Airflow's own page, or increase `waits.import`, and run the command again."
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
    """An unexpected exception. The sentence has its type and location, not its text, which may contain anything."""

    cause: BaseException

    def sentence(self) -> str:
        frames = traceback.extract_tb(self.cause.__traceback__)
        own = [frame for frame in frames if "provisioner" in Path(frame.filename).parts] or frames
        where = f" in {Path(own[-1].filename).name}, line {own[-1].lineno}" if own else ""
        what = f"Internal error of provisioner: {type(self.cause).__name__}{where}"
        return f"{what}. Please report it; --debug shows the traceback."


@dataclass(eq=False)
class Interrupted(ProvisionerError):
    """A person or a signal ended the run; what was done stays done."""

    during: str

    def sentence(self) -> str:
        return f"Interrupted during {self.during}. Run the command again; it continues where it stopped."
