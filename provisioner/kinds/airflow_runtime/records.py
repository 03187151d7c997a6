"""What an Airflow runtime should have and what it has, and the names of the variables in which we keep book."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from provisioner.kind import known
from provisioner.model import Address, Observed, Ref, Usage
from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.clients.data_factory import AirflowRuntime as Answer
    from provisioner.kinds.airflow_runtime.probe import Probe

ENVIRONMENT = "PROVISIONER_ENVIRONMENT"
KEYS = "PROVISIONER_KEYS"
KEY_ID = "PROVISIONER_KEY_ID"
PREVIOUS_KEY_ID = "PROVISIONER_PREVIOUS_KEY_ID"
PUBLISHED_AT = "PROVISIONER_PUBLISHED_AT"
BOOKKEEPING = (KEYS, KEY_ID, PREVIOUS_KEY_ID, PUBLISHED_AT)
CLIENT_SECRET = "AZURE_CLIENT_SECRET"  # noqa: S105  # a variable's name
REQUIREMENT = "requirement:"
Value = str | Secret | Ref[str | Secret]


@dataclass(frozen=True, kw_only=True)
class AirflowRuntime:
    """What should be.

    overrides, environment_variables: all sent as environment variables, the only documented field. take_over: names of
    others' settings that may be overwritten. key_id: of the secret in AZURE_CLIENT_SECRET. supplied: what GET masks
    (`credential` of git sync, `password`), for sending it back. environment: the owner tag's value. rollout: how long
    workers may take to get what was written. probe: how they show that they have it. living: key ids that work, as far
    as one knows. newest: the newest line of a requirement that this Airflow can use.
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
    living: tuple[str, ...] | Ref[tuple[str, ...]] | None = field(default=None, repr=False)
    newest: str = field(default="", repr=False)

    @property
    def settings(self) -> dict[str, Value]:
        """All variables that are to stand there, bookkeeping apart."""
        return {**self.overrides, **self.environment_variables}

    @property
    def packages(self) -> dict[str, str]:
        """Requirements by package."""
        return {package(line): line for line in self.requirements}


@dataclass(frozen=True, kw_only=True)
class ObservedAirflowRuntime(Observed):
    """What is there. held_by: the environment whose settings are in it; keys: those that are ours.

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
    def held_by(self) -> str:
        """The first word of PROVISIONER_KEYS."""
        return (text_of(self.runtime, KEYS).split() or [""])[0]

    @cached_property
    def keys(self) -> frozenset[str]:
        """Variables and `requirement:…` that we wrote."""
        words = text_of(self.runtime, KEYS).split()
        return frozenset(words[1:] if self.held_by == self.environment else ())

    @property
    def key_id(self) -> str:
        """Of the client secret that we published."""
        return self._noted(KEY_ID)

    @property
    def previous_key_ids(self) -> tuple[str, ...]:
        """Of those before, the newest first: workers that run may still have them."""
        return tuple(self._noted(PREVIOUS_KEY_ID).split())

    @property
    def published_at(self) -> datetime | None:
        """Since when the runtime has its key."""
        try:
            return datetime.fromisoformat(text_of(self.runtime, PUBLISHED_AT))
        except ValueError:
            return None

    def _noted(self, variable: str) -> str:
        """What we noted, unless another environment did."""
        mine = self.held_by == self.environment or (self.owned and not self.held_by)
        return text_of(self.runtime, variable) if mine else ""

    def is_masked(self, variable: str) -> bool:
        """Whether GET hides the variable's value."""
        return f"airflowEnvironmentVariables.{variable}" in self.runtime.masked


def observed_of(desired: AirflowRuntime, found: Answer) -> ObservedAirflowRuntime:
    """What was found, with what the spec says about it that a delete needs too."""
    observed = ObservedAirflowRuntime(
        owned=text_of(found, ENVIRONMENT) == desired.environment,
        version=found.etag,
        environment=desired.environment,
        credential=desired.credential,
        supplied=desired.supplied,
        runtime=found,
        rollout=desired.rollout,
        probe=desired.probe,
    )
    # Hidden ones count: whoever takes them out is told why that cannot be.
    return replace(observed, managed_keys=observed.held_by == desired.environment or observed.is_masked(KEYS))


def text_of(runtime: Answer, variable: str) -> str:
    """A variable of our own book; empty if it is missing."""
    found = runtime.variables.get(variable)
    return found.reveal() if found else ""


def package(requirement: str) -> str:
    """The name that pip knows it by. https://packaging.python.org/specifications/name-normalization/."""
    name = re.split(r"[\s<>=!~;@\[(]", requirement.strip(), maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def secret_of(value: Value) -> Secret:
    """Wrapped, if it was not yet. Raises UnknownReference if it is not known yet."""
    plain = known(value)
    return plain if isinstance(plain, Secret) else Secret(plain)
