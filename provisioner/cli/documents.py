"""The types of the documents that `--json` prints of an environment, from which their JSON Schema is made.

Format 1. A key that is marked deprecated is printed for one more release, beside the one that follows it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Old = Field(deprecated=True)
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Action = Literal["keep", "create", "update", "replace", "rotate", "delete", "defer"]


class Record(BaseModel):
    """Has no other keys than these."""

    model_config = ConfigDict(extra="forbid")


class Document(Record):
    """What every document begins with."""

    format: Literal[1]


class Error(Record):
    """type: as in provisioner/errors.py. message: for people. details: its fields. errors: those it consists of."""

    type: str
    message: str
    details: dict[str, Any]
    errors: list[Error]


class Failure(Document):
    """Any verb that ends with an error and has nothing else to print."""

    error: Error
    exit_code: int


class Problem(Record):
    """One mistake in a spec."""

    file: str
    line: int
    path: str
    wrong: str
    right: str


class Value(Record):
    """One value of a spec, with what it extends, and where it stands."""

    path: str
    value: Any
    file: str
    line: int


class Validate(Document):
    """`validate`. resolved: with `--resolved`."""

    environment: str
    valid: bool
    problems: list[Problem]
    resolved: list[Value] = []


class Change(Record):
    """One field that differs. before, after: as text; old, new: as they are, null where secret or not known yet.

    diff: of a text, a unified diff.
    """

    field: str
    before: Annotated[str | None, Old]
    after: Annotated[str | None, Old]
    reason: str
    old: Any
    new: Any
    known_after_apply: bool = False
    secret: bool = False
    diff: str = ""


class Step(Record):
    """One decision. waits_on: addresses, or a date. access: it lets the caller in. remains: why it is left.

    origin: since the last provision, where what it puts right has changed, if that is known.
    """

    address: str
    action: Action
    changes: list[Change]
    waits_on: list[str]
    reason: str = ""
    remains: str = ""
    access: bool = False
    origin: Literal["azure", "file"] | None = None


class StepWithOutcome(Step):
    """One decision and what became of it. error: the text; failure: the same with its fields."""

    outcome: Literal["done", "unchanged", "failed", "blocked", "deferred", "interrupted"]
    error: str | None
    seconds: float
    failure: Error | None = None
    note: str = ""


class Holder(Record):
    """What hands out a key: since when, when its readers had it for certain, since when they were seen using it."""

    address: str
    stored: Time | None
    rolled_out: Time | None
    in_use: Time | None
    unknown_reason: str
    untold: Annotated[str, Old]


class Retiring(Record):
    """An older key, and until when it is valid."""

    key_id: str
    until: Time | None


class Credential(Record):
    """A client secret. unmanaged_key_ids: keys of somebody else."""

    address: str
    key_id: str
    since: Time
    expires: Time
    next_rotation: Time
    age_days: int
    days_left: int
    due: bool
    retiring: list[Retiring]
    holders: list[Holder]
    places: Annotated[list[Holder], Old]
    unmanaged_key_ids: list[str]
    others: Annotated[list[str], Old]


class Platform(Record):
    """Of an Airflow that somebody runs: in what it differs from what only its platform can set, or why nobody knows."""

    drift: str = ""
    unknown: str = ""


class Planned(Document):
    """`plan`, and the others with `--plan-only`. summary: how many steps there are of each action."""

    environment: str
    steps: list[Step]
    summary: dict[Action | Literal["access"], int]
    digest: str
    credentials: list[Credential] = []
    platform: Platform | None = None


class Applied(Planned):
    """`provision`, `rotate`, `teardown`. error: what ended it outside of any step."""

    steps: list[StepWithOutcome]  # pyright: ignore[reportIncompatibleVariableOverride]  # read only
    error: Error | None


class Finding(Record):
    """One check before the first write."""

    verdict: Literal["holds", "note", "not known", "stops"]
    about: str
    what: str
    remedy: str


class Doctor(Document):
    """`doctor`. ready: nothing found would stop a provision."""

    environment: str
    ready: bool
    findings: list[Finding]


class Resource(Record):
    """as_declared: nothing is to be done about it."""

    address: str
    exists: bool
    there: Annotated[bool, Old]
    as_declared: bool


class RunningJob(Record):
    """A job in Flink. output: what is said of its end, or of what was done to it.

    savepoints: where the service of its cluster puts them; empty where whoever takes one names the folder.
    """

    name: str
    id: str
    status: str
    args: str
    output: str
    savepoints: str


class Job(Record):
    """A declared job. unknown: why it is not known what runs of it. savepoint: the last complete one's URI."""

    name: str
    dag: str
    deployed: bool
    running: list[RunningJob]
    unknown: str
    savepoint: str = ""
    savepoint_at: str = ""


class Status(Document):
    """`status`."""

    environment: str
    resources: list[Resource]
    drift: bool
    credentials: list[Credential]
    notes: list[str]
    jobs: list[Job] = []
    platform: Platform | None = None


class Output(Document):
    """`output`: values by address and name."""

    environment: str
    resources: dict[str, dict[str, Any]]


class ImportBlocks(Document):
    """`output --format terraform-import`. not_imported: the reason, by address."""

    environment: str
    content: str
    not_imported: dict[str, str]


class Settings(Record):
    """Airflow's."""

    configuration_overrides: dict[str, str]
    environment_variables: dict[str, str]
    requirements: list[str]


class Dag(Record):
    """A DAG's file."""

    file: str
    content: str


class Render(Document):
    """`render`. dag: of an environment with one; dags: of one with several."""

    environment: str
    airflow: Settings
    dag: Dag | None = None
    dags: list[Dag] = []


class File(Record):
    """A file to write."""

    name: str
    content: str


class RenderedFiles(Document):
    """`render --format`."""

    file_format: str
    files: list[File]


class Schedule(Document):
    """`schedule` and `workflow`."""

    kind: str
    files: list[File]
    notes: list[str]
