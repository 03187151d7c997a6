"""The types of the documents that `--json` prints of what runs: DAGs, jobs, several environments, the local Azure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel

from provisioner.cli.documents import (
    Applied,
    Doctor,
    Document,
    Failure,
    ImportBlocks,
    Old,
    Output,
    Planned,
    Record,
    RunningJob,
    Status,
    Validate,
)


class Task(Record):
    """One task of a DAG's run."""

    id: str
    state: str
    tries: int
    map_index: int


class Run(Document):
    """`run`. result: where the job writes its result."""

    environment: str
    run_id: str
    url: str
    joined: bool
    state: str
    timed_out: bool
    tasks: list[Task]
    failed: str
    log: list[str]
    job_name: str
    job: RunningJob | None
    job_error: str
    job_untold: Annotated[str, Old]
    result: str


class JobAction(Document):
    """`job`."""

    environment: str
    job: str
    running: list[RunningJob]


class Migrated(Document):
    """`migrate`. phases: what each run of it did, or with `--plan-only` what is to be done: the new, then the old.

    work: with `--plan-only`, what is under way in the old one: DAG runs, jobs without end.
    """

    environment: str
    old: str
    phases: list[Applied | Planned]
    work: list[str]


class Check(Record):
    """One check of `verify`. precondition: it failed for a missing right or resource."""

    name: str
    state: Literal["ok", "failed", "not known"]
    detail: str
    precondition: bool


class OldCheck(Record):
    """The same by its former names."""

    what: str
    state: Literal["ok", "failed", "not known"]
    told: str
    right: bool


class Verify(Document):
    """`verify`."""

    environment: str
    checks: list[Check]
    findings: Annotated[list[OldCheck], Old]
    summary: dict[Literal["ok", "failed", "not known"], int]


class OfEnvironment(Record):
    """One of several. document: what the verb prints of it alone; null if this machine kept it from printing any."""

    environment: str
    exit_code: int
    seconds: float
    document: Validate | Planned | Applied | Doctor | Status | Output | ImportBlocks | Verify | Failure | None


class Several(Document):
    """Any verb that takes several environments, if it gets more than a name. exit_code: the worst of theirs."""

    environments: list[OfEnvironment]
    exit_code: int


class Runtime(BaseModel):
    """A real Airflow or Flink behind the local Azure, as `localazure` describes it."""

    kind: str
    name: str
    version: str
    state: str
    url: str | None


class LocalRuntimes(Document):
    """`local runtimes`."""

    runtimes: list[Runtime]


class LocalStatus(LocalRuntimes):
    """`local up` and `local status`."""

    running: bool
    proxy: str | None
    ca_bundle: str
    tenant_id: str
    subscription_id: str
    operator_client_id: str
    control_url: str | None
