"""An environment and the rights that its runs need → the `az` lines that make an identity for CI. Runs nothing.

The lines are POSIX sh. Names are quoted for it, and hold no character that JMESPath or JSON would read as its own.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.errors import Refused
from provisioner.render.template import render_text
from provisioner.spec.templates import find_template

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioner.model import NeededRight
    from provisioner.spec.model import Environment

NAME = r"\w(?:[\w .-]{0,98}\w)?"
# The numbers are those of a repository with immutable subjects, as all are that were made since 15 July 2026:
# https://learn.microsoft.com/entra/workload-id/workload-identities-github-immutable-subjects
GITHUB = re.compile(
    rf"(?P<owner>[A-Za-z0-9-]{{1,39}})(?P<owner_id>@\d+)?/(?P<repository>[\w.-]{{1,100}})"
    rf"(?P<repository_id>(?(owner_id)@\d+))(?:@(?P<environment>{NAME}))?",
    re.ASCII,
)
AZURE_DEVOPS = re.compile(rf"(?P<organization>[\w-]{{1,50}})/(?P<project>{NAME})/(?P<connection>{NAME})")
AZ_CLOUDS = {"usgovernment": "AzureUSGovernment", "china": "AzureChinaCloud"}


@dataclass(frozen=True, kw_only=True)
class GitHub:
    """A workflow of a repository that runs in a GitHub environment. subject: the `sub` of its tokens."""

    repository: str
    environment: str
    subject: str
    kind: str = "github"

    @property
    def who_signs_in(self) -> str:
        return f"{self.repository}, GitHub environment {self.environment}"

    @property
    def name(self) -> str:
        """Of the federated credential."""
        return _credential_name(f"github-{self.repository}-{self.environment}")


@dataclass(frozen=True, kw_only=True)
class AzureDevOps:
    """Pipelines that use a service connection. organization: its address."""

    organization: str
    project: str
    connection: str
    kind: str = "azure-devops"

    @property
    def who_signs_in(self) -> str:
        return f"the service connection {self.connection} of {self.project}"

    @property
    def name(self) -> str:
        """Of the federated credential."""
        return _credential_name(f"azure-devops-{self.project}-{self.connection}")


@dataclass(frozen=True, kw_only=True)
class ServicePrincipal:
    """Anything that keeps a client secret."""

    kind: str = "service-principal"
    who_signs_in: str = "whoever keeps its client secret"


Identity = GitHub | AzureDevOps | ServicePrincipal


def parse_github(text: str, default_environment: str) -> GitHub:
    """OWNER/REPO[@ENVIRONMENT]; default_environment: the default. Raises Refused."""
    match = GITHUB.fullmatch(text)
    if match is None:
        right = "Write OWNER/REPO, OWNER/REPO@ENVIRONMENT, or OWNER@ID/REPO@ID for a repository with immutable subjects"
        raise Refused(f"--github {text}", "names no repository", right)
    within = match["environment"] or default_environment
    claim = "{owner}{owner_id}/{repository}{repository_id}".format(**match.groupdict(""))
    return GitHub(
        repository=f"{match['owner']}/{match['repository']}",
        environment=within,
        subject=f"repo:{claim}:environment:{within}",
    )


def parse_azure_devops(text: str) -> AzureDevOps:
    """ORG/PROJECT/CONNECTION. Raises Refused."""
    match = AZURE_DEVOPS.fullmatch(text)
    if match is None:
        raise Refused(f"--azure-devops {text}", "names no service connection", "Write ORG/PROJECT/CONNECTION")
    return AzureDevOps(
        organization=f"https://dev.azure.com/{match['organization']}",
        project=match["project"],
        connection=match["connection"],
    )


def bootstrap_script(
    environment: Environment, rights: Iterable[NeededRight], identity: Identity, *, graph: str, audience: str
) -> str:
    """The script. rights: all that it grants; graph: the address of Microsoft Graph; audience: of a federation."""
    principals = environment.principals_in_use.values()
    display_name = f"provisioner {environment.name} in {environment.resource_group}, for {identity.who_signs_in}"
    values = {
        "environment": environment.name,
        "identity": identity,
        "az_cloud": AZ_CLOUDS.get(environment.cloud, ""),
        "tenant": environment.tenant or "",
        "subscription": environment.subscription,
        "display_name": display_name[:120],
        "group": environment.resource_group,
        "location": environment.location,
        "tags": [f"{name}={value}" for name, value in environment.tags.items()],
        "rights": tuple(rights),
        "adopted": [one.application.client_id for one in principals if one.application],
        "graph_host": graph,
        "audience": audience,
    }
    source = find_template("bootstrap/identity.sh.j2").read_text(encoding="utf-8")
    return render_text(source, values, filters={"sh": shlex.quote})


def _credential_name(text: str) -> str:
    """3 to 120 letters, digits, - and _: learn.microsoft.com/graph/api/resources/federatedidentitycredential."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text)[:120]
