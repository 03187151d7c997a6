"""Decides what changes in the environment of an Airflow job, and what forbids it. Pure.

Single settings are managed, not the environment: what others have set stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.kind import compare, json_object_diff
from provisioner.kinds.fabric_environment.records import (
    BACKEND,
    KEY_ID,
    KEYS,
    KWARGS,
    REQUIREMENT,
    SECRET,
    FabricEnvironment,
    ObservedFabricEnvironment,
    package,
)
from provisioner.model import Change, Forces, Ref, View
from provisioner.secret import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Iterator

ON_ITS_PAGE = "remove it on the job's page in Fabric, or name another job"
MOST_RUNS = 5  # that a plan names


def diff(desired: FabricEnvironment, observed: ObservedFabricEnvironment, view: View) -> tuple[Change, ...]:
    """Refusals, then changes. Arguments of the secrets backend are never shown."""
    references = [one.key for one in view.key_references.get(desired.credential, ())]
    copied = any(one.readable and one.key_id == desired.key_id for one in references)
    return (*refusals(desired, observed, copied=copied), *_changes(desired, observed))


def _changes(desired: FabricEnvironment, observed: ObservedFabricEnvironment) -> Iterator[Change]:
    yield from _settings(desired, observed)
    if desired.always_on and observed.found.startable:
        yield Change(field="status", before=observed.found.status, after="Started", reason="its pool is always on")


def _settings(desired: FabricEnvironment, observed: ObservedFabricEnvironment) -> Iterator[Change]:
    """Each change restarts Airflow, so that it names the DAG runs under way."""
    restart = _restart_reason(observed)
    for name in differing_settings(desired, observed):
        if name == KWARGS:
            before = HIDDEN if KWARGS in observed.found.overrides else None
            yield Change(
                field=name, before=before, after=HIDDEN, reason=restart, diff=_backend_kwargs_diff(desired, observed)
            )
        elif name == BACKEND:
            text = observed.found.overrides.get(BACKEND)
            yield from compare(BACKEND, text.reveal() if text else None, desired.backend, reason=restart)
        else:
            before = installed_provider_version(desired, observed)
            yield from compare(f"requirements.{desired.package}", before, desired.provider_version, reason=restart)
    reason = f"Airflow signs in with another secret; {restart}"
    yield from compare(KEY_ID, observed.key_id or None, desired.key_id, reason=reason)
    managed = managed_after_write(desired, observed)
    if managed != observed.managed_settings:
        yield Change(field=KEYS, after=" ".join(sorted(managed)), reason="which settings are managed")


def _backend_kwargs_diff(desired: FabricEnvironment, observed: ObservedFabricEnvironment) -> str:
    """Of the arguments of the secrets backend, if this environment wrote those that are there; without the secret."""
    if KWARGS not in observed.managed_settings or KWARGS in observed.found.masked:
        return ""
    there = {name: value for name, value in observed.backend_kwargs.items() if name != SECRET}
    return json_object_diff(KWARGS, there, {**desired.arguments, "client_id": desired.client_id})


def _restart_reason(observed: ObservedFabricEnvironment) -> str:
    runs = observed.runs
    if runs is None:
        return "Airflow restarts, which takes minutes (whether DAG runs are under way is not known)"
    if not runs:
        return "Airflow restarts, which takes minutes"
    more = f" and {len(runs) - MOST_RUNS} more" if len(runs) > MOST_RUNS else ""
    return f"Airflow restarts, which takes minutes and interrupts {', '.join(runs[:MOST_RUNS])}{more}"


def differing_settings(desired: FabricEnvironment, observed: ObservedFabricEnvironment) -> Iterator[str]:
    """The names of the settings that are otherwise than declared.

    Of the client secret only its absence counts: `_settings` compares its key id.
    """
    text = observed.found.overrides.get(BACKEND)
    if text is None or text.reveal() != desired.backend:
        yield BACKEND
    if _arguments_differ(desired, observed):
        yield KWARGS
    if installed_provider_version(desired, observed) != desired.provider_version:
        yield f"{REQUIREMENT}{desired.package}"


def _arguments_differ(desired: FabricEnvironment, observed: ObservedFabricEnvironment) -> bool:
    if KWARGS in observed.found.masked and KWARGS in observed.managed_settings:
        return False
    there = dict(observed.backend_kwargs)
    has_secret = bool(there.pop(SECRET, "")) and KWARGS in observed.managed_settings
    return (
        not has_secret
        or isinstance(desired.client_id, Ref)
        or there
        != {
            **desired.arguments,
            "client_id": desired.client_id,
        }
    )


def installed_provider_version(desired: FabricEnvironment, observed: ObservedFabricEnvironment) -> str | None:
    """The installed version of the declared requirement; None if it is not installed."""
    versions = {package(name): version for name, version in observed.found.libraries.items()}
    return versions.get(desired.package)


def managed_after_write(desired: FabricEnvironment, observed: ObservedFabricEnvironment) -> frozenset[str]:
    """The settings that are managed after a write: all that it sets, but none that already had the declared value."""
    return frozenset({*differing_settings(desired, observed), *(observed.managed_settings & {*desired.setting_names})})


def refusals(
    desired: FabricEnvironment, observed: ObservedFabricEnvironment, *, copied: bool = False
) -> Iterator[Change]:
    """Why it cannot be changed. copied: the client secret can be read from a holder for this write."""
    found = observed.found
    if KEYS in found.masked:
        yield _refusal(KEYS, "hidden by Fabric", "it lists the managed settings; name another job")
        return  # everything else would take managed settings for unmanaged ones
    if observed.settings_owner not in {"", observed.environment}:
        yield _refusal(KEYS, f"set by environment {observed.settings_owner}", "choose another `airflow.job`")
        return  # none of the others is this environment's to take over either
    for name in (BACKEND, KWARGS):
        if name in found.variables:
            yield _refusal(name, "among the environment variables, which go before", ON_ITS_PAGE)
    for name in differing_settings(desired, observed):
        if name in found.overrides and name not in observed.managed_settings:
            yield _refusal(name, "set by somebody else", ON_ITS_PAGE)
    if any(True for _ in _changes(desired, observed)):
        renewed = copied or desired.key_id != observed.key_id
        for name in found.masked:
            if name != KWARGS or not renewed:
                yield _refusal(name, "hidden by Fabric", "a change would erase it; " + ON_ITS_PAGE)


def _refusal(name: str, before: str, reason: str) -> Change:
    return Change(field=name, before=before, reason=reason, forces=Forces.REFUSE)
