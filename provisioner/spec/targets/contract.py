"""What the spec may know of a target: a service that hosts Airflow or runs Flink.

Each file in `airflow/` or `flink/` has one section class of this sort as `SPEC`; the target is called as its file, with
hyphens. docs/adding-a-target.md tells of each member.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from provisioner.spec.parts import ShortPart

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from provisioner.spec.document import Found
    from provisioner.spec.jobs import AnyJob

STAND_IN_GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/stand-in"

SECRETS = "let the cluster's containers mount them (such as by the CSI driver of Key Vault), or the job read the vault"
OPTIONS_WITH_FIELDS = {
    "parallelism": "write `parallelism: …` of the job",
    "parallelism.default": "write `parallelism: …` of the job",
    "pipeline.name": "leave it out; runs are found by their names",
    "execution.savepoint.path": "leave it out; a run begins with the state that it has to",
    "execution.state-recovery.path": "leave it out; a run begins with the state that it has to",
}


@dataclass(frozen=True, kw_only=True)
class EnvironmentContext:
    """What a target may know of the rest of its environment. group_id: of the resource group."""

    name: str
    group_id: str


@dataclass(frozen=True, kw_only=True)
class Question:
    """What `init` asks for one field of a section.

    path: of the field within the section. resource_type: what the signed-in account has of it may be the answer, by its
    full id. local: the answer on the local Azure, with `{name}` for the environment's. needs: a field without which it
    is not asked.
    """

    path: tuple[str, ...]
    text: str
    default: str = ""
    resource_type: str = ""
    local: str = ""
    needs: tuple[str, ...] = ()


class Target(ShortPart):
    """A section of the spec that belongs to a target.

    service: what people call it. default: it is meant where the file names none. closed: why nobody can begin with it;
    empty for one that is offered. questions: what `init` asks. reserved: names that no principal can have. stand_in:
    the least section that is right, for checks beside one that is wrong.
    """

    service: ClassVar[str]
    default: ClassVar[bool] = False
    closed: ClassVar[str] = ""
    questions: ClassVar[tuple[Question, ...]] = ()
    reserved: ClassVar[tuple[str, ...]] = ()
    short: ClassVar[str] = ""
    stand_in: ClassVar[Any] = None

    def with_environment_defaults(self, _context: EnvironmentContext) -> Self:
        """The same section with all that follows from the environment around it."""
        return self

    def problems(self, *, local: bool) -> Iterator[Found]:
        """What one field alone cannot tell; paths are within the section. local: the embedded Azure is meant."""
        del local
        return iter(())


class AirflowTarget(Target):
    """What hosts Airflow. rollout: how long its workers take to get new settings.

    federates: its workers can have tokens of an issuer of their own. backend_signs_in: what its principal signs in with
    is among the arguments of the secrets backend, and nowhere else. unseen_readers: who has to reach vault and account
    from a network that no API tells; empty if a kind of the target checks that.
    """

    federates: ClassVar[bool] = False
    backend_signs_in: ClassVar[bool] = False
    unseen_readers: ClassVar[str] = "the workers of Airflow"

    @property
    def own_prefix(self) -> str:
        """What the ids of variables, connections and DAGs begin with, where one Airflow serves many environments."""
        return ""

    if TYPE_CHECKING:
        version: str
        provider_version: str
        rollout: timedelta
        variables_prefix: str
        connections_prefix: str


class FlinkTarget(Target):
    """What runs Flink.

    connections: ids of Airflow connections that the tool writes. cluster_options: what the options of Flink begin with
    that no job can set. upgrades: the ways in which its DAG can replace a job that runs.
    """

    cluster_options: ClassVar[tuple[str, ...]] = ()
    upgrades: ClassVar[tuple[str, ...]] = ()
    connections: ClassVar[tuple[str, ...]] = ()

    @property
    def part(self) -> str:
        """The name of its part of a DAG, in templates/dags/parts/targets/."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def scope(self) -> str:
        """The Azure resource whose API takes jobs; empty if Azure has none."""
        return ""

    @property
    def uses_api_principal(self) -> bool:
        """Whether the DAG signs in to Flink's API as the principal `flink-api`."""
        return bool(self.scope)

    def dag_values(self) -> dict[str, Any]:
        """What a DAG's template can name besides what every target has."""
        return {}

    def job_problems(self, job: AnyJob) -> Iterator[Found]:
        """What it cannot do for a job, by path within the job's section."""
        if job.upgrade and job.upgrade not in self.upgrades:
            right = f"write one of {', '.join(self.upgrades)}" if self.upgrades else "leave it out"
            yield ("upgrade",), f"is nothing that its DAG can do on {self.service}", right
        if job.secrets:
            wrong = f"have no way into a job on {self.service} but arguments and options, which Flink's pages show"
            yield ("secrets",), wrong, SECRETS
        for option in job.configuration:
            if option in OPTIONS_WITH_FIELDS:
                yield ("configuration", option), "is what the tool itself sets", OPTIONS_WITH_FIELDS[option]
            elif option.startswith(self.cluster_options):
                right = "set it in the cluster's own configuration"
                yield ("configuration", option), "is an option of the whole cluster, which ignores it of a job", right
