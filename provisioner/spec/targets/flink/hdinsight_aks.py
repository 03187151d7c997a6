"""Flink on HDInsight on AKS: a cluster that is given, its id in Azure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from provisioner.spec import fields
from provisioner.spec.fields import NameOrId, Rule, refusal
from provisioner.spec.resource_id import ResourceType
from provisioner.spec.targets.contract import STAND_IN_GROUP, EnvironmentContext, FlinkTarget, Question

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.spec.document import Found
    from provisioner.spec.jobs import AnyJob

ID = ResourceType("Microsoft.HDInsight", ("clusterpools", "clusters"))
NAME = Rule(r"[A-Za-z0-9][A-Za-z0-9_-]{0,88}[A-Za-z0-9]", "use letters, digits and hyphens, 2 to 90 of them")
SAVEPOINTS = "savepoint.directory"  # the service's own option


class HdinsightOnAks(FlinkTarget):
    """The Flink cluster, which is given: looked up, never made."""

    default: ClassVar[bool] = True
    reserved: ClassVar[tuple[str, ...]] = ("flink",)  # the cluster's identity, which gets a role of its own
    short: ClassVar[str] = "cluster"
    service: ClassVar[str] = "HDInsight on AKS"
    closed: ClassVar[str] = (
        "HDInsight on AKS was retired on 31 January 2025 "
        "(https://azure.microsoft.com/updates?id=Azure-HDInsight-on-AKS-Retirement)"
    )
    questions: ClassVar[tuple[Question, ...]] = (
        Question(
            path=("cluster",),
            text="Full id of the Flink cluster",
            resource_type="Microsoft.HDInsight/clusterpools/clusters",
        ),
    )
    upgrades: ClassVar[tuple[str, ...]] = ("savepoint", "stateless")  # it starts a job from nothing else
    stand_in: ClassVar[Any] = ID.build(STAND_IN_GROUP, "stand-in", "stand-in")
    target: Literal["hdinsight-aks"] = Field(default="hdinsight-aks", description="What runs Flink.")
    pool: Annotated[str, fields.or_empty(NAME)] = Field(
        default="", description="The cluster pool's name; not needed with a full id in `cluster`."
    )
    cluster: Annotated[str, NameOrId(ID, NAME)] = Field(
        description="The cluster's name, or its full id if it is in another group or subscription."
    )

    @model_validator(mode="after")
    def require_pool(self) -> HdinsightOnAks:
        if not self.pool and not self.cluster.startswith("/"):
            raise refusal(
                f"add `pool: …`, or write the cluster's full id, {ID.example()}",
                "the cluster pool is missing",
            )
        return self

    def with_environment_defaults(self, context: EnvironmentContext) -> Self:
        """With the cluster's full id."""
        full = self.cluster.startswith("/")
        cluster = self.cluster if full else ID.build(context.group_id, self.pool, self.cluster)
        return self.model_copy(update={"cluster": cluster})

    @property
    def scope(self) -> str:
        return self.cluster

    def dag_values(self) -> dict[str, Any]:
        """Where the cluster is, part by part."""
        parts = self.cluster.split("/")
        return {"cluster": {"subscription": parts[2], "group": parts[4], "pool": parts[8], "name": parts[10]}}

    def job_problems(self, job: AnyJob) -> Iterator[Found]:
        """Where savepoints lie is said twice, or is no place that the service has."""
        yield from super().job_problems(job)
        if job.savepoints.startswith("file:"):
            yield ("savepoints",), f"is a folder that {self.service} does not have", "write a folder of the data lake"
        if job.upgrade == "savepoint" and SAVEPOINTS in job.configuration:
            yield ("configuration", SAVEPOINTS), "is what `savepoints` says", "leave it out"


SPEC = HdinsightOnAks
