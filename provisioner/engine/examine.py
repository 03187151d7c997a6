"""Makes a plan as far as possible and collects every error that would stop it, to report all of them together."""

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
    from collections.abc import Iterable, Iterator, Mapping

    from provisioner.cloud.cloud import Cloud
    from provisioner.errors import ProvisionerError
    from provisioner.kind import Kind
    from provisioner.model import Node, Plan, Recipe, Request, Snapshot

    Kinds = Mapping[str, Kind[Any, Any]]

CLOCK_ADMITS = timedelta(minutes=5)
# Errors after which the examination goes on.
NOT_FATAL = (PlanError, NotAuthorized, Firewalled)


def examine(cloud: Cloud, recipe: Recipe, kinds: Kinds, request: Request = CONVERGE) -> tuple[Plan, Snapshot]:
    """The plan and the snapshot it was made from. Raises every error at once, with what preflight would refuse."""
    plan, snapshot, errors = _plan_collecting_errors(cloud, recipe, kinds, request)
    if errors:
        findings = preflight(cloud, kinds, plan, _without_step(recipe, plan))
        raise _as_one_error(*_without_reads_covered_by_writes(errors, findings), refusal(findings))
    return plan, snapshot


def diagnose(cloud: Cloud, recipe: Recipe, kinds: Kinds) -> tuple[Checked, ...]:
    """Every check of a provision that would run now, with its result. Raises errors that leave nothing to check."""
    plan, _, errors = _plan_collecting_errors(cloud, recipe, kinds, CONVERGE)
    findings = preflight(cloud, kinds, plan, _without_step(recipe, plan))
    return (*map(_as_check, _without_reads_covered_by_writes(errors, findings)), *findings, _clock(cloud))


def _plan_collecting_errors(
    cloud: Cloud, recipe: Recipe, kinds: Kinds, request: Request
) -> tuple[Plan, Snapshot, tuple[Exception, ...]]:
    collected: list[ProvisionerError] = []
    snapshot = observe(cloud, recipe, kinds, collect=collected)
    for error in collected:
        if not isinstance(error, NOT_FATAL):
            raise error
    plan, errors = decide(recipe, snapshot, kinds, request)
    found = (error for errors_of in errors.values() for error in errors_of)
    return plan, snapshot, tuple(dict.fromkeys((*collected, *found)))


def _without_reads_covered_by_writes(errors: Iterable[Exception], findings: Iterable[Checked]) -> Iterator[Exception]:
    """The errors without each missing read that the role for a missing write includes: only that role is to be granted.

    Every role that a remedy for a write names may read what it is granted on, and what lies below.
    https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
    """
    scopes = tuple(f"{one.scope.lower()}/" for one in findings if one.scope.startswith("/"))
    for error in errors:
        read_scope = error.read_scope if isinstance(error, NotAuthorized) else ""
        if not f"{read_scope.lower()}/".startswith(scopes):
            yield error


def _without_step(recipe: Recipe, plan: Plan) -> tuple[Node, ...]:
    """The nodes without a step: they, or what they are read through, cannot be read."""
    decided = {step.address for step in plan.steps}
    return tuple(node for node in recipe.nodes if node.address not in decided)


def _as_one_error(*found: Exception | None) -> Exception:
    """The only error, or all of them as Refusals; Refusals among them are flattened."""
    parts = [part for one in found for part in (one.errors if isinstance(one, Refusals) else (one,)) if part]
    return parts[0] if len(parts) == 1 else Refusals(tuple(parts))


def _as_check(error: Exception) -> Checked:
    if isinstance(error, Refused):
        return Checked(verdict=Verdict.STOPS, what=error.reason, remedy=error.remedy, about=error.address)
    return Checked(verdict=Verdict.STOPS, what=str(error))


def _clock(cloud: Cloud) -> Checked:
    """Compare this machine's clock with the cloud's, which tokens and dates depend on. The local Azure's may be set."""
    ahead = cloud.session.clock.machine_ahead
    if cloud.session.profile.local or abs(ahead) <= CLOCK_ADMITS:
        return Checked(verdict=Verdict.HOLDS, what="this machine's clock is right")
    minutes = round(abs(ahead).total_seconds() / 60)
    what = f"this machine's clock is {minutes} minutes {'ahead of' if ahead > timedelta() else 'behind'} Azure's"
    return Checked(verdict=Verdict.NOTE, what=what, remedy="`timedatectl set-ntp true`")
