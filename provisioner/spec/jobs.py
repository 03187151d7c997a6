"""The jobs of an environment and their DAGs: `job` and `dag` for one, `jobs` for as many as there are."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import AfterValidator, Field, WrapValidator

from provisioner.spec import fields
from provisioner.spec.cron import cron_problem
from provisioner.spec.fields import Duration, FilePath, Line, Rule, refusal
from provisioner.spec.files import main_class
from provisioner.spec.parts import ShortPart
from provisioner.spec.templates import find_template

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.spec import document


def _require_valid_cron(schedule: str) -> str:
    problem = cron_problem(schedule)
    if problem:
        raise refusal(f"{SCHEDULE.right}; it has a {problem}")
    return schedule


TEMPLATE = "dags/flink_wordcount.py.j2"
DAG_ID = Rule(r"(?!\.{1,2}$)[\w.-]{1,240}", "use up to 240 letters, digits, - _ and periods")
SCHEDULE = Rule(
    r"@(?:once|hourly|daily|weekly|monthly|quarterly|yearly|continuous)|[\w*/,#?-]+(?: +[\w*/,#?-]+){4,5}",
    "write a cron expression such as 0 6 * * *, a preset such as @daily, or null",
)
Schedule = Annotated[str, SCHEDULE, AfterValidator(_require_valid_cron)]
CHECKPOINTS = ("execution.checkpointing.dir", "state.checkpoints.dir")  # as Flink 2 and Flink 1 call it
OPTION = Rule(r"[A-Za-z0-9$_][\w.$-]{0,199}", "write an option of Flink such as state.checkpoints.dir")
FOLDER_URI = Rule(
    r"abfss?://[^/@\s]+@[^/\s]+(?:/[^/\s]+)+/?|file://(?:/[^/\s]+)+/?",
    "write a folder such as abfss://jobs@account.dfs.core.windows.net/savepoints",
)
JOB = Rule(
    r"[a-z](?:-?[a-z0-9]){0,39}",
    "use up to 40 lower-case letters and digits with single hyphens between, a letter first",
)


def _job_name(data: dict[str, Any]) -> str:
    stem = Path(data.get("jar", "")).stem.lower()
    return re.sub(r"[^a-z0-9]", "", stem).lstrip("0123456789")[:40] or "job"


def _entry_class(data: dict[str, Any]) -> str:
    return main_class(data["jar"]) if "jar" in data else ""


def _default_template() -> Path:
    return find_template(TEMPLATE)


def _one_text(value: object, validate: Callable[[object], str]) -> str:
    """A list of arguments as one text that a shell would split into the same list."""
    if not isinstance(value, list):
        return validate(value)
    words = cast("list[object]", value)
    if not all(isinstance(word, str) for word in words):
        raise refusal("write each argument as one text", "has an argument without a value")
    return shlex.join(map(str, words))


class Jar(ShortPart):
    """A jar on this machine, and where it is uploaded to."""

    short = "jar"
    jar: FilePath = Field(description="The jar, relative to the YAML file.")
    directory: Annotated[str, Rule(rf"|{fields.FOLDER}(?:/{fields.FOLDER}){{0,20}}", "write folders like a/b")] = Field(
        default="", description="The folder in the filesystem that it is uploaded to."
    )

    @property
    def lake_path(self) -> str:
        """Where it lies in the filesystem."""
        return f"{self.directory}/{self.jar.name}" if self.directory else self.jar.name


class AnyJob(Jar):
    """What every Flink job has: its jar, and how it is run."""

    entry_class: Annotated[str, Rule(r"|[\w$]+(\.[\w$]+)*", "write a class such as org.example.WordCount")] = Field(
        default_factory=_entry_class,
        validate_default=True,
        description="The class to run; the jar's own main class by default.",
    )
    args: Annotated[str, WrapValidator(_one_text, json_schema_input_type=str | list[str])] = Field(
        default="",
        description="Arguments of the job: a list, or one text with spaces between; `{job}` stands for the job's name.",
    )
    until: Literal["finished", "running"] = Field(
        default="finished", description="What the DAG waits for: a job's end, or (for one without end) its start."
    )
    upgrade: Literal["stateless", "savepoint", "last-state"] | None = Field(
        default=None,
        description="How a run of its DAG replaces the version of an endless job that runs; by default each run begins "
        "another job.",
    )
    savepoints: Annotated[str, fields.or_empty(FOLDER_URI)] = Field(
        default="", description="The folder for the savepoints of `upgrade: savepoint`, as a URI."
    )
    parallelism: int = Field(default=2, ge=1, le=10_000, description="How many tasks of an operator run at once.")
    configuration: dict[Annotated[str, OPTION], Line] = Field(
        default_factory=dict[str, str], description="Options of Flink for this job alone."
    )
    secrets: dict[str, Annotated[str, fields.SECRET_NAME]] = Field(
        default_factory=dict[str, str],
        description="Names of vault secrets whose values the job gets, where the target can.",
    )
    role: Line = Field(
        default="Storage Blob Data Owner", description="Name or GUID of the cluster identity's role on the account."
    )

    @property
    def upgrade_state_folder(self) -> str:
        """Where an upgrade finds the state of the version before; empty for one without state."""
        if self.upgrade == "last-state":
            return next((self.configuration[key] for key in CHECKPOINTS if key in self.configuration), "").rstrip("/")
        return self.savepoints.rstrip("/") if self.upgrade == "savepoint" else ""


class Job(AnyJob):
    """The only Flink job of an environment."""

    name: Annotated[str, Rule(r"[a-z][a-z0-9]{0,39}", "use up to 40 lower-case letters and digits")] = Field(
        default_factory=_job_name, description="What a job's name begins with; from the jar's name by default."
    )


class NamedJob(AnyJob):
    """One of several Flink jobs, with what its DAG has."""

    schedule: Schedule | None = Field(default=None, description="When its DAG runs by itself; never by default.")
    timeout: Duration = Field(default=timedelta(hours=1), description="How long its DAG follows the job.")
    dag_id: Annotated[str, fields.or_empty(DAG_ID)] = Field(
        default="", description="Its DAG's id; the job's name by default."
    )
    template: FilePath = Field(
        default_factory=_default_template, description="Its DAG's template (.j2), or a DAG as it is."
    )


def _dag_file(data: dict[str, Any]) -> str:
    name = Path(data.get("template", "")).name.removesuffix(".j2")
    return name if name.endswith(".py") else f"{name}.py"


class Dag(ShortPart):
    """The DAG that submits a job."""

    short = "template"
    template: FilePath = Field(
        default_factory=_default_template, description="A Jinja template (.j2), or a DAG as it is."
    )
    id: Annotated[str, DAG_ID] = Field(default="FlinkWordCountExample", description="The DAG's id.")
    file: Annotated[str, Rule(r"\w[\w.-]{0,200}\.py", "write a file name ending in .py")] = Field(
        default_factory=_dag_file,
        validate_default=True,
        description="Its file in `dags/`; from the template's name by default.",
    )
    schedule: Schedule | None = Field(default=None, description="When it runs by itself; never by default.")
    timeout: Duration = Field(default=timedelta(hours=1), description="How long the DAG follows a job.")


@dataclass(frozen=True, kw_only=True)
class DeclaredJob:
    """A job as the rest of the tool knows it, whichever form the file has.

    path: of its section; prefix: what the names of its runs in Flink begin with, lower-case letters and digits.
    """

    name: str
    spec: AnyJob
    dag: Dag
    path: document.Path

    @property
    def prefix(self) -> str:
        return self.name.replace("-", "")


def declared_job(name: str, job: NamedJob, own_prefix: str) -> DeclaredJob:
    """One of `jobs`. own_prefix: of the ids of DAGs in its Airflow."""
    dag = Dag(template=job.template, file=f"{name}.py", schedule=job.schedule, timeout=job.timeout)
    dag = dag.model_copy(update={"id": f"{own_prefix}{job.dag_id or name}"})
    return DeclaredJob(name=name, spec=job, dag=dag, path=("jobs", name))
