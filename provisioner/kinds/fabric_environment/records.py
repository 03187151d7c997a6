"""The environment of an Airflow job as declared and as observed, and the variables that record what is managed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from provisioner.kind import json_object_in, require_resolved
from provisioner.model import IDENTITY, Address, Network, Observed, Ref, Usage
from provisioner.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.clients.fabric import Fabric, JobEnvironment
    from provisioner.cloud.cloud import Cloud
    from provisioner.key_probe import Probe

KEYS = "PROVISIONER_KEYS"
KEY_ID = "PROVISIONER_KEY_ID"
PREVIOUS_KEY_ID = "PROVISIONER_PREVIOUS_KEY_ID"
PUBLISHED_AT = "PROVISIONER_PUBLISHED_AT"
RECORDS = (KEYS, KEY_ID, PREVIOUS_KEY_ID, PUBLISHED_AT)
BACKEND = "AIRFLOW__SECRETS__BACKEND"
KWARGS = "AIRFLOW__SECRETS__BACKEND_KWARGS"
REQUIREMENT = "requirement:"
SECRET = "client_secret"  # noqa: S105  # the name of an argument
CREDENTIAL = ("tenant_id", "client_id", SECRET)  # of the backend: AZURE_CLIENT_ID is reserved


@dataclass(frozen=True, kw_only=True)
class FabricEnvironment:
    """What the spec declares.

    job: its path in Fabric's API; name: the job's. backend: the class of the secrets backend; arguments: what it gets
    besides client_id and client_secret. requirement: a line such as `package==1.0`; newest: the newest such that this
    Airflow supports. always_on: it never stops by itself. vault_id: of the vault that Airflow reads;
    vault_network: as declared. key_id: of client_secret. environment: the owner tag's value. web_url: of its web
    server, empty if unknown. rollout: how long workers may take to get what was written; probe: how they show that they
    have it. active_key_ids: keys known to be valid.
    """

    job: str | Ref[str] = field(metadata=IDENTITY)
    name: str
    backend: str
    arguments: Mapping[str, str]
    client_id: str | Ref[str]
    client_secret: Secret | Ref[Secret]
    requirement: str
    always_on: bool
    credential: Address
    key_id: str | Ref[str]
    environment: str
    vault_id: str = field(repr=False)
    vault_network: Network = field(default_factory=Network, repr=False)
    newest: str = field(default="", repr=False)
    rollout: timedelta = timedelta(hours=1)
    web_url: str = field(default="", repr=False)
    probe: Probe | None = field(default=None, repr=False)
    active_key_ids: tuple[str, ...] | Ref[tuple[str, ...]] | None = field(default=None, repr=False)

    @property
    def package(self) -> str:
        """The package of the requirement."""
        return package(self.requirement)

    @property
    def provider_version(self) -> str:
        """The version of the requirement."""
        return self.requirement.partition("==")[2]

    @property
    def setting_names(self) -> tuple[str, ...]:
        """The names of all that is set, requirements too."""
        return (BACKEND, KWARGS, f"{REQUIREMENT}{self.package}")


@dataclass(frozen=True, kw_only=True)
class ObservedFabricEnvironment(Observed):
    """What exists. usage: whether workers use its key, where one before it may still be in use.

    runs: DAG runs under way, which a restart interrupts; None if nobody could be asked.
    """

    job: str
    environment: str
    credential: Address
    found: JobEnvironment = field(repr=False)
    rollout: timedelta = timedelta(hours=1)
    web_url: str = ""
    probe: Probe | None = None
    usage: Usage | None = None
    runs: tuple[str, ...] | None = ()

    @cached_property
    def settings_owner(self) -> str:
        """The environment whose settings are in it: the first word of PROVISIONER_KEYS."""
        return (self.found.text(KEYS).split() or [""])[0]

    @cached_property
    def managed_settings(self) -> frozenset[str]:
        """Overrides and `requirement:…` that this environment has written."""
        words = self.found.text(KEYS).split()
        return frozenset(words[1:] if self.settings_owner == self.environment else ())

    @cached_property
    def backend_kwargs(self) -> Mapping[str, Any]:
        """What the secrets backend gets; nothing if it is not readable."""
        return json_object_in(self.found.overrides.get(KWARGS))

    @property
    def key_id(self) -> str:
        """Of the client secret that was published."""
        return self._recorded(KEY_ID)

    @property
    def previous_key_ids(self) -> tuple[str, ...]:
        """Of those before, the newest first: workers that run may still have them."""
        return tuple(self._recorded(PREVIOUS_KEY_ID).split())

    @property
    def published_at(self) -> datetime | None:
        """Since when it has its key."""
        try:
            return datetime.fromisoformat(self._recorded(PUBLISHED_AT))
        except ValueError:
            return None

    @property
    def secret(self) -> Secret | None:
        """The client secret in it, if there is one that can be read."""
        text = self.backend_kwargs.get(SECRET)
        return Secret(str(text)) if text and KWARGS not in self.found.masked else None

    def _recorded(self, variable: str) -> str:
        """A recorded value, unless another environment recorded it."""
        return self.found.text(variable) if self.settings_owner == self.environment else ""


def fabric(cloud: Cloud) -> Fabric:
    """The client of the service that runs it."""
    return cloud.client("fabric")


def observed_of(
    declared: FabricEnvironment | ObservedFabricEnvironment, job: str, found: JobEnvironment
) -> ObservedFabricEnvironment:
    """The environment, with the parts of the spec that a deletion needs, too."""
    observed = ObservedFabricEnvironment(
        owned=False,
        job=job,
        environment=declared.environment,
        credential=declared.credential,
        found=found,
        rollout=declared.rollout,
        web_url=declared.web_url,
        probe=declared.probe,
        note="its state is Failed" if found.failed else "",
    )
    return replace(observed, managed_keys=observed.settings_owner == declared.environment)


def backend_kwargs_json(desired: FabricEnvironment) -> Secret:
    """The arguments of Airflow's secrets backend as JSON, the client secret among them.

    Raises UnknownReference while its credential is not known.
    """
    secret = require_resolved(desired.client_secret).reveal()
    arguments = {**desired.arguments, "client_id": require_resolved(desired.client_id), SECRET: secret}
    return Secret(json.dumps(arguments))


def package(requirement: str) -> str:
    """The name that pip knows it by. https://packaging.python.org/specifications/name-normalization/."""
    name = re.split(r"[\s<>=!~;@\[(]", requirement.strip(), maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()
