"""What `import` takes from a service that was set up by hand. Not every target can be read so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from provisioner.cloud.cloud import Cloud


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the service says of itself.

    section: its fields for the file. client_id, vault_url, variables_prefix: what Airflow reads its variables with.
    identity: object id of the identity with which Flink uses the lake. scope: the resource whose API takes jobs. notes:
    what stays as it is, and what could not be found out.
    """

    section: Mapping[str, Any]
    client_id: str = ""
    vault_url: str = ""
    variables_prefix: str = ""
    identity: str = ""
    scope: str = ""
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, kw_only=True)
class Import:
    """How a target is read. option: of the command line, which names the service by its full id."""

    option: str
    read: Callable[[Cloud, str], Standing]
