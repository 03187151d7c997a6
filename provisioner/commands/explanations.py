"""Adds to errors what their place cannot know: names of other environments, and roles that the caller may activate."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from provisioner.cloud.lease import ENVIRONMENT
from provisioner.errors import CloudError, NotAuthorized, Refusals, Refused
from provisioner.recipe.containers import lock_name

if TYPE_CHECKING:
    from collections.abc import Generator

    from provisioner.commands.run import Run

OWNER = re.compile(r"\benvironment ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")


@contextmanager
def explaining_errors(run: Run) -> Generator[None]:
    """Add to errors that are raised inside what their place could not know, and raise them again."""
    try:
        yield
    except (Refused, Refusals, NotAuthorized) as error:
        complete_error(run, error)
        raise


def complete_error(run: Run, error: Exception | None) -> None:
    """Add to the error itself what Azure tells: names of owners to Refused, a role to activate to NotAuthorized.

    Other errors stay as they are. Owners are named if the two environments share the account.

    Then the other's lock container is in it, and names it.
    """
    for one in error.errors if isinstance(error, Refusals) else (error,):
        if isinstance(one, Refused):
            one.reason = OWNER.sub(lambda match: _described(run, match[1]), one.reason)
        elif isinstance(one, NotAuthorized) and one.action and one.remedy.startswith("Missing permission"):
            one.remedy = run.cloud.caller_rights.activation_hint(one.action, one.scope) + one.remedy


def _described(run: Run, environment_id: str) -> str:
    name = ""
    with suppress(CloudError):
        accounts = run.cloud.storage_accounts
        container = accounts.find_container(run.environment.account_id, lock_name(environment_id))
        name = container.metadata.get(ENVIRONMENT, "") if container else ""
    return f"environment {name} ({environment_id})" if name else f"environment {environment_id}"
