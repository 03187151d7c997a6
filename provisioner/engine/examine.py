"""A plan as far as it goes, with all that keeps it from being whole or would stop it later: told at once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from provisioner.engine.observe import observe
from provisioner.engine.plan import decide
from provisioner.engine.preflight import preflight, refusal
from provisioner.errors import Firewalled, NotAuthorized, PlanError, Refusals, Refused
from provisioner.kind import Checked, Verdict
from provisioner.model import CONVERGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.cloud import Cloud
    from provisioner.errors import ProvisionerError
    from provisioner.kind import Kind
    from provisioner.model import Plan, Recipe, Snapshot

    Kinds = Mapping[str, Kind[Any, Any]]

CLOCK_ADMITS = timedelta(minutes=5)
# After these errors there is more to be found.
TELLING = (PlanError, NotAuthorized, Firewalled)


def examined(cloud: Cloud, recipe: Recipe, kinds: Kinds) -> tuple[Plan, Snapshot]:
    """The plan and what it was made from. Raises what keeps it from being made with what would stop it later on."""
    made, snapshot, errors = _attempt(cloud, recipe, kinds)
    if errors:
        raise _all(*errors, refusal(preflight(cloud, kinds, made)))
    return made, snapshot


def diagnosed(cloud: Cloud, recipe: Recipe, kinds: Kinds) -> tuple[Checked, ...]:
    """Every check of what a provision would do now, and what it came to. Raises what leaves nothing to say."""
    made, _, errors = _attempt(cloud, recipe, kinds)
    return (*map(_stop, errors), *preflight(cloud, kinds, made), _clock(cloud))


def _attempt(cloud: Cloud, recipe: Recipe, kinds: Kinds) -> tuple[Plan, Snapshot, tuple[Exception, ...]]:
    told: list[ProvisionerError] = []
    snapshot = observe(cloud, recipe, kinds, told=told)
    for error in told:
        if not isinstance(error, TELLING):
            raise error
    made, errors = decide(recipe, snapshot, kinds, CONVERGE)
    found = (error for errors_of in errors.values() for error in errors_of)
    return made, snapshot, tuple(dict.fromkeys((*told, *found)))


def _all(*found: Exception | None) -> Exception:
    """Several errors as one, and Refusals among them taken apart."""
    parts = [part for one in found for part in (one.errors if isinstance(one, Refusals) else (one,)) if part]
    return parts[0] if len(parts) == 1 else Refusals(tuple(parts))


def _stop(error: Exception) -> Checked:
    if isinstance(error, Refused):
        return Checked(verdict=Verdict.STOPS, what=error.reason, remedy=error.remedy, about=error.address)
    return Checked(verdict=Verdict.STOPS, what=str(error))


def _clock(cloud: Cloud) -> Checked:
    """Of this machine against the cloud's: tokens and dates are misjudged by a wrong one. The local one may be set."""
    ahead = cloud.session.clock.ahead
    if cloud.session.profile.local or abs(ahead) <= CLOCK_ADMITS:
        return Checked(verdict=Verdict.HOLDS, what="this machine's clock is right")
    minutes = round(abs(ahead).total_seconds() / 60)
    what = f"this machine's clock is {minutes} minutes {'ahead of' if ahead > timedelta() else 'behind'} Azure's"
    return Checked(verdict=Verdict.NOTE, what=what, remedy="`timedatectl set-ntp true`")
