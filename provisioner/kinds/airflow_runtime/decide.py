"""Decides what changes in an Airflow runtime, and what forbids it. Pure.

In an adopted runtime single settings are managed, not the resource; other settings stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.kind import compare, formatted, json_object_diff, json_object_in
from provisioner.kinds.airflow_runtime.records import (
    CLIENT_SECRET,
    KEY_ID,
    KEYS,
    KWARGS,
    REQUIREMENT,
    AirflowRuntime,
    ObservedAirflowRuntime,
    Value,
    package,
    require_secret,
)
from provisioner.model import Change, Forces, Ref, View
from provisioner.secret import HIDDEN, Secret

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


def diff(desired: AirflowRuntime, observed: ObservedAirflowRuntime, view: View) -> tuple[Change, ...]:
    """Refusals, then changes. Values of variables that may be secret are not shown."""
    references = [one.key for one in view.key_references.get(desired.credential, ())]
    copied = any(one.readable and one.key_id == desired.key_id for one in references)
    return (*refusals(desired, observed, copied=copied), *_changes(desired, observed))


def _changes(desired: AirflowRuntime, observed: ObservedAirflowRuntime) -> tuple[Change, ...]:
    return (*_settings(desired, observed), *_requirements(desired, observed), *_resource(desired, observed))


def _settings(desired: AirflowRuntime, observed: ObservedAirflowRuntime) -> Iterator[Change]:
    """Variables that are missing, different or no longer declared. Values that may be secret are never shown."""
    there = observed.runtime.variables
    for name, value in desired.settings.items():
        if _variable_differs(desired, observed, name):
            texts = (HIDDEN if name in there else None, HIDDEN if name == CLIENT_SECRET else formatted(value))
            yield Change(field=name, before=texts[0], after=texts[1], diff=_backend_kwargs_diff(name, value, observed))
    for name in sorted(there.keys() & observed.managed_settings - desired.settings.keys()):
        yield Change(field=name, before=HIDDEN, reason="the spec no longer sets it")
    yield from compare(KEY_ID, observed.key_id or None, desired.key_id, reason="Airflow signs in with another secret")
    if managed_after_write(desired, observed) != observed.managed_settings:
        yield Change(
            field=KEYS,
            after=" ".join(sorted(managed_after_write(desired, observed))),
            reason="which settings are managed",
        )


def _backend_kwargs_diff(variable: str, value: Value, observed: ObservedAirflowRuntime) -> str:
    """Of the arguments of the secrets backend, if this environment wrote those that are there."""
    mine = observed.owned or variable in observed.managed_settings
    if variable != KWARGS or not isinstance(value, str) or not mine or observed.is_masked(variable):
        return ""
    return json_object_diff(
        variable, json_object_in(observed.runtime.variables.get(variable)), json_object_in(Secret(value))
    )


def _variable_differs(desired: AirflowRuntime, observed: ObservedAirflowRuntime, variable: str) -> bool:
    """Whether a variable is otherwise than declared, as far as can be seen.

    The client secret and masked variables are not compared: one that this environment has written counts as equal.
    """
    value, found = desired.settings[variable], observed.runtime.variables.get(variable)
    if found is None:
        return True
    if variable == CLIENT_SECRET or observed.is_masked(variable):
        return not observed.owned and variable not in observed.managed_settings
    if isinstance(value, Ref):
        return True
    return not require_secret(value).matches(found)


def managed_after_write(desired: AirflowRuntime, observed: ObservedAirflowRuntime) -> frozenset[str]:
    """The settings that are managed after a write: all that it sets, but none that already had the declared value."""
    variables = {
        n
        for n in desired.settings
        if observed.owned or n in observed.managed_settings or _variable_differs(desired, observed, n)
    }
    there = set(observed.runtime.requirements)
    for name, line in desired.requirements_by_package.items():
        key = f"{REQUIREMENT}{name}"
        if observed.owned or key in observed.managed_settings or line not in there:
            variables.add(key)
    return frozenset(variables)


def _requirements(desired: AirflowRuntime, observed: ObservedAirflowRuntime) -> Iterator[Change]:
    there = {package(line): line for line in observed.runtime.requirements}
    wanted = {package(line): line for line in requirements_after_update(desired, observed)}
    for name in sorted(there.keys() | wanted.keys()):
        before, after = there.get(name), wanted.get(name)
        if before != after:
            yield Change(
                field=f"requirements.{name}", before=_shown_requirement(before), after=_shown_requirement(after)
            )


def requirements_after_update(desired: AirflowRuntime, observed: ObservedAirflowRuntime) -> tuple[str, ...]:
    """All requirements of the runtime once it is written: those of others stay, managed ones as declared.

    Each keeps its place; new ones come at the end.
    """
    wanted, merged = desired.requirements_by_package, dict[str, str]()
    for line in observed.runtime.requirements:
        name = package(line)
        if name in wanted or f"{REQUIREMENT}{name}" not in observed.managed_settings:
            merged[name] = wanted.get(name, line)
    return tuple({**merged, **wanted}.values())


def _shown_requirement(requirement: str | None) -> str | None:
    """A requirement for people; a URL may contain a password."""
    return HIDDEN if requirement and ("://" in requirement or "@" in requirement) else requirement


def _resource(desired: AirflowRuntime, observed: ObservedAirflowRuntime) -> Iterator[Change]:
    """Changes that only the owner of the runtime may make."""
    if observed.owned:
        yield from compare("compute_size", observed.runtime.compute_size, desired.compute_size)
        yield from compare("extra_nodes", observed.runtime.extra_nodes, desired.extra_nodes)


def refusals(desired: AirflowRuntime, observed: ObservedAirflowRuntime, *, copied: bool = False) -> Iterator[Change]:
    """Why the runtime cannot be changed. copied: the client secret can be read from a holder for this write."""
    runtime = observed.runtime
    yield from compare("type", runtime.type, "Airflow", reason="name an Airflow runtime", forces=Forces.REFUSE)
    # https://learn.microsoft.com/azure/data-factory/concepts-workflow-orchestration-manager#supported-apache-airflow-versions
    reason = "Azure does not change it: name another runtime, or write the version that is there"
    yield from compare("version", runtime.version, desired.version, reason=reason, forces=Forces.REFUSE)
    if observed.is_masked(KEYS):
        yield _refusal(KEYS, "hidden by Azure", "it lists the managed settings; name another runtime")
        return  # everything else would take managed settings for unmanaged ones
    if observed.settings_owner not in {"", observed.environment}:
        yield _refusal(KEYS, f"set by environment {observed.settings_owner}", "choose another `airflow.runtime`")
        return  # none of the others is this environment's to take over either
    for name in sorted(desired.settings.keys() & set(runtime.overrides)):
        yield _refusal(name, "also in airflowConfigurationOverrides", "remove it there in the portal")
    for name in _conflicts(desired, observed):
        yield _refusal(name, "set by somebody else", f"add {name} to `airflow.take_over` to overwrite it")
    if _changes(desired, observed):
        known = {name for name, value in desired.settings.items() if not isinstance(value, Ref)}
        renewed = copied or desired.key_id != observed.key_id
        for location in masked_without_value(observed, known | ({CLIENT_SECRET} if renewed else set[str]())):
            yield _refusal(location, "hidden by Azure", _remedy_for_masked(location))


def _refusal(name: str, before: str, reason: str) -> Change:
    return Change(field=name, before=before, reason=reason, forces=Forces.REFUSE)


def _remedy_for_masked(path: str) -> str:
    if path == _variable_path(CLIENT_SECRET):
        return "a change would erase it; `provisioner rotate --force --only airflow` writes a new one with the change"
    return "a change would erase it; supply it in the spec's `airflow`"


def _conflicts(desired: AirflowRuntime, observed: ObservedAirflowRuntime) -> Iterator[str]:
    """Unmanaged settings that would be overwritten without permission."""
    if observed.owned:
        return
    free = observed.managed_settings | set(desired.take_over)
    for name in desired.settings:
        if name in observed.runtime.variables and name not in free and _variable_differs(desired, observed, name):
            yield name
    for line in observed.runtime.requirements:
        name = package(line)
        if desired.requirements_by_package.get(name, line) != line and not {name, f"{REQUIREMENT}{name}"} & free:
            yield name


def masked_without_value(observed: ObservedAirflowRuntime, written: Collection[str]) -> Iterator[str]:
    """Masked values that a PUT would erase, since nobody supplies them. written: variables that it sets."""
    managed = set(map(_variable_path, written))
    yield from (
        location
        for location in observed.runtime.masked
        if location not in observed.supplied and location not in managed
    )


def _variable_path(variable: str) -> str:
    return f"airflowEnvironmentVariables.{variable}"
