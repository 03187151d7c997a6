"""Airflow in Microsoft Fabric: an Apache Airflow job of a workspace.

https://learn.microsoft.com/fabric/data-factory/apache-airflow-jobs-concepts
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from provisioner.spec import airflow_version, fields
from provisioner.spec.fields import Duration, Rule
from provisioner.spec.parts import PREFIX
from provisioner.spec.targets.contract import AirflowTarget, Question

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.spec.document import Found

VERSION = "2.10.5"  # of job version 1.0.0, the only one: learn.microsoft.com/rest/api/fabric/apacheairflowjob
STARTER = "starter"
NAME = Rule(r"[^\"/:<>\\*?|\x00-\x1f\x7f]{1,256}", "write its name as Fabric shows it, or its GUID")
URL = Rule(
    r"https://[A-Za-z0-9.-]+(?:/[\w.~%-]+)*/?",
    "write the address of its web server, which the job's page opens as Apache Airflow UI, without /home",
)
# No page names the scope of its Airflow: FabricSecretBackend of apache-airflow-providers-microsoft-fabric asks for this
# one, of the application that runs its hosts.
API_SCOPE = "5d13f7d7-0567-429c-9880-320e9555e5fc/.default"
# The first that takes a client secret among its own arguments; AZURE_CLIENT_ID is reserved in Fabric:
# learn.microsoft.com/fabric/data-factory/apache-airflow-jobs-workspace-identity
OLDEST_PROVIDER = (8, 0)


class FabricAirflow(AirflowTarget):
    """An Apache Airflow job of a workspace in Microsoft Fabric."""

    service: ClassVar[str] = "Airflow in Microsoft Fabric"
    backend_signs_in: ClassVar[bool] = True
    questions: ClassVar[tuple[Question, ...]] = (
        Question(path=("workspace",), text="Name or GUID of the Fabric workspace", local="flink-workspace"),
        Question(path=("job",), text="Name of its Apache Airflow job, made if absent", local="airflow-{name}"),
        Question(
            path=("url",),
            text="Address of its web server, as its page shows it (empty: not known yet)",
            local="https://airflow-{name}.fabric.airflow.svc.datafactory.azure.com",
        ),
    )

    target: Literal["fabric"] = Field(description="What hosts Airflow.")
    workspace: Annotated[str, NAME] = Field(description="Name or GUID of the workspace, which exists.")
    job: Annotated[str, NAME] = Field(description="Name of the Apache Airflow job; made if absent.")
    url: Annotated[str, fields.or_empty(URL)] = Field(
        default="", description="The address of its web server, as the job's page shows it: no API tells it."
    )
    pool: Annotated[str, NAME] = Field(
        default=STARTER, description="`starter`, or name or GUID of a pool that the workspace has."
    )
    version: Annotated[str, Rule(re.escape(VERSION), f"write {VERSION}, or leave it out")] = Field(
        default=VERSION, description="Airflow's version, the only one that Fabric has."
    )
    provider_version: Annotated[str, Rule(r"[0-9]+(\.[0-9]+){1,2}", "write a version such as 12.8.1")] = Field(
        default=airflow_version.PROVIDERS[2, 10],
        description="Version of apache-airflow-providers-microsoft-azure; 8.0 or newer.",
    )
    rollout: Duration = Field(
        default=timedelta(hours=1), description="How long Airflow's workers take to get new settings."
    )
    variables_prefix: Annotated[str, PREFIX] = Field(
        default="airflow-variables", description="What the vault puts before a variable's key."
    )
    connections_prefix: Annotated[str, PREFIX] = Field(
        default="airflow-connections", description="What the vault puts before a connection's id."
    )
    api_scope: Annotated[str, Rule(r"\S+", "write a scope such as https://api.fabric.microsoft.com/.default")] = Field(
        default=API_SCOPE, description="What tokens for Airflow's own API are asked for."
    )

    def problems(self, *, local: bool) -> Iterator[Found]:
        """A provider that takes no client secret among its arguments."""
        del local
        if airflow_version.major_and_minor(self.provider_version) < OLDEST_PROVIDER:
            wrong = "takes its credential from AZURE_CLIENT_ID only, which Fabric reserves"
            yield ("provider_version",), wrong, "write 8.0 or newer, or leave it out"


SPEC = FabricAirflow
