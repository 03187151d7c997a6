"""An Airflow runtime as declared and as observed, and the names of the variables that record managed settings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from provisioner.kind import require_resolved
from provisioner.model import Address, Observed, Ref, Usage
from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.clients.data_factory import AirflowRuntime as Answer
    from provisioner.cloud.clients.data_factory import DataFactory
    from provisioner.cloud.cloud import Cloud
    from provisioner.key_probe import Probe

ENVIRONMENT = "PROVISIONER_ENVIRONMENT"
KEYS = "PROVISIONER_KEYS"
KEY_ID = "PROVISIONER_KEY_ID"
PREVIOUS_KEY_ID = "PROVISIONER_PREVIOUS_KEY_ID"
PUBLISHED_AT = "PROVISIONER_PUBLISHED_AT"
RECORDS = (KEYS, KEY_ID, PREVIOUS_KEY_ID, PUBLISHED_AT)
CLIENT_SECRET = "AZURE_CLIENT_SECRET"  # noqa: S105  # a variable's name
KWARGS = "AIRFLOW__SECRETS__BACKEND_KWARGS"
REQUIREMENT = "requirement:"
Value = str | Secret | Ref[str | Secret]


@dataclass(frozen=True, kw_only=True)
class AirflowRuntime:
    """What the spec declares.

    overrides, environment_variables: all sent as environment variables, the only documented field. take_over: unmanaged
    settings that may be overwritten. key_id: of the secret in AZURE_CLIENT_SECRET. supplied: what GET masks
    (`credential` of git sync, `password`), for sending it back. environment: the owner tag's value. rollout: how long
    workers may take to get what was written. probe: how they show that they have it. active_key_ids: keys known to be
    valid. newest_provider: the newest requirement line of the provider that this Airflow supports.
    """

    id: str
    location: str | Ref[str]
    version: str
    compute_size: str
    extra_nodes: int
    overrides: Mapping[str, str | Secret]
    environment_variables: Mapping[str, Value]
    requirements: tuple[str, ...]
    take_over: tuple[str, ...]
    credential: Address
    key_id: str | Ref[str]
    environment: str
    supplied: Mapping[str, Secret] = field(repr=False)
    rollout: timedelta = timedelta(hours=1)
    probe: Probe | None = field(default=None, repr=False)
    active_key_ids: tuple[str, ...] | Ref[tuple[str, ...]] | None = field(default=None, repr=False)
    newest_provider: str = field(default="", repr=False)

    @property
    def settings(self) -> dict[str, Value]:
        """All declared variables, without the recorded ones."""
        return {**self.overrides, **self.environment_variables}

    @property
    def requirements_by_package(self) -> dict[str, str]:
        """Requirements by package."""
        return {package(line): line for line in self.requirements}


@dataclass(frozen=True, kw_only=True)
class ObservedAirflowRuntime(Observed):
    """What exists. settings_owner: the environment whose settings are in it; managed_settings: those of this one.

    usage: whether workers use its key, where one before it may still be in use.
    """

    environment: str
    credential: Address
    supplied: Mapping[str, Secret] = field(repr=False)
    runtime: Answer = field(repr=False)
    rollout: timedelta = timedelta(hours=1)
    probe: Probe | None = None
    usage: Usage | None = None

    @cached_property
    def settings_owner(self) -> str:
        """The first word of PROVISIONER_KEYS."""
        return (reveal_variable(self.runtime, KEYS).split() or [""])[0]

    @cached_property
    def managed_settings(self) -> frozenset[str]:
        """Variables and `requirement:…` that this environment has written."""
        words = reveal_variable(self.runtime, KEYS).split()
        return frozenset(words[1:] if self.settings_owner == self.environment else ())

    @property
    def key_id(self) -> str:
        """Of the client secret that was published."""
        return self._recorded_by_this_environment(KEY_ID)

    @property
    def previous_key_ids(self) -> tuple[str, ...]:
        """Of those before, the newest first: workers that run may still have them."""
        return tuple(self._recorded_by_this_environment(PREVIOUS_KEY_ID).split())

    @property
    def published_at(self) -> datetime | None:
        """Since when the runtime has its key."""
        try:
            return datetime.fromisoformat(reveal_variable(self.runtime, PUBLISHED_AT))
        except ValueError:
            return None

    def _recorded_by_this_environment(self, variable: str) -> str:
        """A recorded value, unless another environment recorded it."""
        mine = self.settings_owner == self.environment or (self.owned and not self.settings_owner)
        return reveal_variable(self.runtime, variable) if mine else ""

    def is_masked(self, variable: str) -> bool:
        """Whether GET hides the variable's value."""
        return f"airflowEnvironmentVariables.{variable}" in self.runtime.masked


def data_factory_client(cloud: Cloud) -> DataFactory:
    """The client of the service that runs it."""
    client: DataFactory = cloud.client("data_factory")
    return client


def observed_of(desired: AirflowRuntime, runtime: Answer) -> ObservedAirflowRuntime:
    """The runtime, with the parts of the spec that a delete needs, too."""
    observed = ObservedAirflowRuntime(
        owned=reveal_variable(runtime, ENVIRONMENT) == desired.environment,
        version=runtime.etag,
        environment=desired.environment,
        credential=desired.credential,
        supplied=desired.supplied,
        runtime=runtime,
        rollout=desired.rollout,
        probe=desired.probe,
        note=f"its state is {runtime.state}" if runtime.failed else "",
    )
    # Masked ones count: their removal is refused with the reason.
    return replace(observed, managed_keys=observed.settings_owner == desired.environment or observed.is_masked(KEYS))


def reveal_variable(runtime: Answer, variable: str) -> str:
    """The text of a variable; empty if it is missing."""
    value = runtime.variables.get(variable)
    return value.reveal() if value else ""


def package(requirement: str) -> str:
    """The name that pip knows it by. https://packaging.python.org/specifications/name-normalization/."""
    name = re.split(r"[\s<>=!~;@\[(]", requirement.strip(), maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def require_secret(value: Value) -> Secret:
    """Wrapped, if it was not yet. Raises UnknownReference if it is not known yet."""
    plain = require_resolved(value)
    return plain if isinstance(plain, Secret) else Secret(plain)
