"""A deployed environment, as verification and runs need it: Airflow's API, the declared nodes, the DAGs.

Reads through kinds and clients; only the recipe knows which targets they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from provisioner.errors import Refused
from provisioner.model import CONVERGE, Node, Ref, Request, View, identity_refs, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provisioner.cloud.clients.airflow import Airflow
    from provisioner.cloud.cloud import Cloud
    from provisioner.model import Address, Change, Observed, Recipe
    from provisioner.recipe.targets.contract import Names, Targets
    from provisioner.spec.model import Environment


@dataclass(frozen=True, kw_only=True)
class DeployedEnvironment:
    """One environment that was provisioned. Every method that reads raises CloudError."""

    environment: Environment
    cloud: Cloud
    names: Names
    recipe: Recipe
    targets: Targets
    kinds: Mapping[str, Any]
    request: Request = CONVERGE

    @cached_property
    def airflow(self) -> Airflow:
        """The client of its Airflow's API. Raises Refused while there is no web server."""
        host = self.targets.airflow
        url = host.web_url if isinstance(host.web_url, str) else self.read_output(host.web_url)
        if not url:
            if host.unaskable:
                raise Refused("Airflow", host.unaskable, "")
            raise Refused(str(host.address), "Airflow has no web server yet", "Run `provisioner provision` first")
        return host.client(self.cloud, url)

    def node(self, address: Address) -> Node:
        """The node that is declared at this address."""
        return next(node for node in self.recipe.nodes if node.address == address)

    def read_observed(self, node: Node, cloud: Cloud | None = None) -> Observed | None:
        """Read the node's resource as the caller, or as whoever `cloud` is signed in as; None if it does not exist."""
        outputs: dict[Address, dict[str, str]] = {}
        for ref in identity_refs(node.desired):
            outputs.setdefault(ref.address, {})[ref.output] = self.read_output(ref)
        return self.kinds[node.address.kind].read(cloud or self.cloud, resolve(node.desired, outputs))

    def read_output(self, ref: Ref[str]) -> str:
        """An output of a resource; empty if the resource does not exist."""
        observed = self.read_observed(self.node(ref.address))
        kind = self.kinds[ref.address.kind]
        return "" if observed is None else str(kind.publish(observed, None).known().get(ref.output) or "")

    def read_drift(self, node: Node) -> Sequence[Change] | None:
        """The changes from what exists to what is declared; None if it does not exist. For kinds that need no view."""
        observed = self.read_observed(node)
        if observed is None:
            return None
        now, mark = self.cloud.session.clock.decision_time(), self.recipe.environment_id
        view = View(now=now, environment_id=mark, request=self.request)
        return self.kinds[node.address.kind].diff(node.desired, observed, view)
