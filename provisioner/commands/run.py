"""One command on one environment, and its report."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from provisioner.cloud.profile import PROFILES
from provisioner.errors import Interrupted
from provisioner.kinds import kinds
from provisioner.model import Address, Outcome, Plan, Recipe, Request, Result
from provisioner.recipe.recipe import declared_targets, recipe
from provisioner.recipe.targets.contract import Names
from provisioner.render.dag import Hosts
from provisioner.verify.deployed import DeployedEnvironment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from provisioner.cloud.cloud import Cloud
    from provisioner.engine.apply import Watch
    from provisioner.errors import ProvisionerError
    from provisioner.spec.model import Environment

NO_TENANT = "00000000-0000-0000-0000-000000000000"  # for names that need none


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a command that writes planned and did.

    wrote: whether it has changed something, or may have. error: what ended it after that, outside of any step.
    """

    plan: Plan
    outcomes: tuple[Outcome, ...]
    wrote: bool = False
    error: ProvisionerError | None = None

    @property
    def failed(self) -> bool:
        """Whether a step failed or was blocked, or something else ended the run."""
        return self.error is not None or any(o.result in (Result.FAILED, Result.BLOCKED) for o in self.outcomes)

    @property
    def interrupted(self) -> bool:
        """Whether a signal ended the run."""
        return isinstance(self.error, Interrupted) or any(o.result is Result.INTERRUPTED for o in self.outcomes)

    @property
    def has_work_left(self) -> bool:
        """Whether something is left to do for a person or a later run."""
        deferred = any(o.result is Result.DEFERRED and not o.step.dated for o in self.outcomes)
        return deferred or any(o.step.remains for o in self.outcomes)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One command on one environment.

    confirm: called with a plan that deletes or replaces; raises Unconfirmed. watch: called when a step begins and ends.
    clock: a monotonic clock in seconds. made: what it has created so far. predecessor: the id of the environment that a
    migration leaves for this one; takes_over: what both declare becomes this one's. dags_paused: a DAG that Airflow
    does not know yet is paused there at first.
    """

    environment: Environment
    cloud: Cloud
    clock: Callable[[], float]
    journal: Path
    verb: str
    confirm: Callable[[Plan], None] = field(default=lambda _plan: None)
    watch: Watch = field(default=lambda _step, _outcome: None)
    purge: bool = False
    made: set[Address] = field(default_factory=set[Address])
    predecessor: str = ""
    takes_over: bool = False
    dags_paused: bool = False

    @property
    def request(self) -> Request:
        """What a provision is asked to do."""
        return Request(predecessor=self.predecessor, takes_over=self.takes_over)

    @cached_property
    def _names(self) -> Names:
        return replace(names_of(self.environment, self.cloud.session.tenant_id), dags_paused=self.dags_paused)

    @cached_property
    def recipe(self) -> Recipe:
        """The declared resources. Needs the tenant, so it signs in."""
        return recipe(self.environment, self._names, purge=self.purge)

    @cached_property
    def deployed(self) -> DeployedEnvironment:
        """The provisioned environment, for verification and runs."""
        return DeployedEnvironment(
            environment=self.environment,
            cloud=self.cloud,
            names=self._names,
            recipe=self.recipe,
            targets=declared_targets(self.environment, self._names),
            kinds=self.kinds,
            request=self.request,
        )

    @cached_property
    def kinds(self) -> dict[str, Any]:
        """Every kind."""
        return kinds()


def declared_recipe(environment: Environment, tenant_id: str = NO_TENANT, *, purge: bool = False) -> Recipe:
    """The recipe of an environment. Without a tenant only names and needs are right (`graph`)."""
    return recipe(environment, names_of(environment, tenant_id), purge=purge)


def names_of(environment: Environment, tenant_id: str) -> Names:
    """What the recipe cannot take from the spec."""
    profile = PROFILES[environment.cloud]
    return Names(
        environment_id=environment.environment_id(tenant_id),
        tenant_id=tenant_id,
        vault_url=f"https://{environment.vault_name}.{profile.vault_suffix}/",
        hosts=Hosts(management=profile.arm, login=profile.authority, dfs_suffix=profile.dfs_suffix),
        federation_audience=profile.federation_audience,
    )
