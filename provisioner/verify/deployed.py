"""What a job's way leads over once its environment stands: Airflow's API, the nodes that it needs, the DAG's text.

Reads through kinds and clients; which targets they are only the recipe knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from provisioner.errors import Refused
from provisioner.model import Node, Ref, View
from provisioner.spec.rendering import render_dag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provisioner.cloud.clients.airflow import Airflow
    from provisioner.cloud.cloud import Cloud
    from provisioner.model import Address, Change, Observed, Recipe
    from provisioner.recipe.target import Names, Targets
    from provisioner.spec.model import Environment


@dataclass(frozen=True, kw_only=True)
class Links:
    """One environment, for verbs that run or prove something in it. Every reading method raises CloudError."""

    environment: Environment
    cloud: Cloud
    names: Names
    recipe: Recipe
    targets: Targets
    kinds: Mapping[str, Any]

    @property
    def content(self) -> str:
        """The DAG as the spec has it."""
        return render_dag(self.environment, self.names.hosts)

    @cached_property
    def airflow(self) -> Airflow:
        """Its API. Raises Refused while there is no web server."""
        host = self.targets.airflow
        url = self.published(host.web_url)
        if not url:
            raise Refused(str(host.address), "Airflow has no web server yet", "Run `provisioner provision` first")
        return self.cloud.airflow(web_url=url, version=host.version, scope=host.scope, right=host.right)

    def node(self, address: Address) -> Node:
        """What is declared there."""
        return next(node for node in self.recipe.nodes if node.address == address)

    def observed(self, node: Node, cloud: Cloud | None = None) -> Observed | None:
        """What is there, as the caller sees it, or somebody else's cloud."""
        return self.kinds[node.address.kind].read(cloud or self.cloud, node.desired)

    def published(self, ref: Ref) -> str:
        """What a resource publishes; empty if it is not there."""
        observed = self.observed(self.node(ref.address))
        kind = self.kinds[ref.address.kind]
        return "" if observed is None else str(kind.publish(observed, None).get(ref.output) or "")

    def drift(self, node: Node) -> Sequence[Change] | None:
        """How it differs from what is declared; None: it is not there. For kinds that look at nothing else."""
        observed = self.observed(node)
        if observed is None:
            return None
        view = View(now=self.cloud.session.clock.now(), environment_id=self.recipe.environment_id)
        return self.kinds[node.address.kind].diff(node.desired, observed, view)
