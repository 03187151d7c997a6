"""Every verb as a few lines that compose stages: declare, observe, plan, apply. Prints nothing, exits nowhere."""

from __future__ import annotations

import getpass
import os
import socket
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from provisioner.chain import parsed, running
from provisioner.chain.links import Links
from provisioner.cloud.profile import PROFILES
from provisioner.engine.apply import Apply, Watch
from provisioner.engine.examine import diagnosed, examined
from provisioner.engine.journal import Journal
from provisioner.engine.observe import observe
from provisioner.engine.outcomes import idle, merge, merged
from provisioner.engine.plan import limited, plan, view_of
from provisioner.engine.preflight import preflight, refusal
from provisioner.engine.rotation import part, rotation
from provisioner.engine.teardown import teardown as take_down
from provisioner.engine.usage import awaited
from provisioner.errors import DagNotParsed, NotAuthorized, Protected, Refusals
from provisioner.kind import Checked, Verdict
from provisioner.kinds import kinds
from provisioner.kinds.lock_container import ObservedLockContainer
from provisioner.model import CONVERGE, Address, Asked, Intent, Outcome, Plan, Recipe, Result, Snapshot
from provisioner.recipe.places import LOCK, lock_name
from provisioner.recipe.recipe import recipe, targets
from provisioner.recipe.target import Names
from provisioner.spec.rendering import Hosts

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from pathlib import Path

    from provisioner.chain.finding import Finding
    from provisioner.chain.running import Ran, Tell, Wanted
    from provisioner.cloud.cloud import Cloud
    from provisioner.engine.saved import SavedPlan
    from provisioner.spec.model import Environment

PASSES = 3
Walked = tuple[Plan, Snapshot, Asked]
NO_TENANT = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a writing verb planned and did."""

    plan: Plan
    outcomes: tuple[Outcome, ...]

    @property
    def failed(self) -> bool:
        """Whether a step failed or could not begin."""
        return any(o.result in (Result.FAILED, Result.BLOCKED) for o in self.outcomes)

    @property
    def interrupted(self) -> bool:
        """Whether the run was ended from outside."""
        return any(o.result is Result.INTERRUPTED for o in self.outcomes)

    @property
    def remains(self) -> bool:
        """Whether something is still to be done, by a person or a later run."""
        deferred = any(o.result is Result.DEFERRED and not o.step.dated for o in self.outcomes)
        return deferred or any(o.step.remains for o in self.outcomes)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One verb on one environment.

    confirm: asked with a plan that deletes or replaces, raises Unconfirmed. watch: told of each step. clock: seconds.
    """

    environment: Environment
    cloud: Cloud
    clock: Callable[[], float]
    journal: Path
    verb: str
    confirm: Callable[[Plan], None] = field(default=lambda _plan: None)
    watch: Watch = field(default=lambda _step, _outcome: None)
    purge: bool = False

    @cached_property
    def recipe(self) -> Recipe:
        """What is declared; needs the tenant, so it signs in."""
        return declared(self.environment, self.cloud.session.tenant_id, purge=self.purge)

    @cached_property
    def links(self) -> Links:
        """What a job's way leads over."""
        names = names_of(self.environment, self.cloud.session.tenant_id)
        return Links(
            environment=self.environment,
            cloud=self.cloud,
            names=names,
            recipe=self.recipe,
            targets=targets(self.environment, names),
            kinds=self.kinds,
        )

    @cached_property
    def kinds(self) -> dict[str, Any]:
        """Every kind."""
        return kinds()


def declared(environment: Environment, tenant_id: str = NO_TENANT, *, purge: bool = False) -> Recipe:
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
    )


def make_plan(run: Run, only: Iterable[Address] = ()) -> Plan:
    """What `provision` would do now. Writes nothing, takes no lease."""
    return _walk(run, only)[0]


def provision(run: Run, *, only: Iterable[Address] = (), saved: SavedPlan | None = None) -> Report:
    """Make the environment as its spec says. A run with nothing to do takes no lease and writes nothing."""
    made, snapshot = _looked(run, lambda: examined(run.cloud, run.recipe, run.kinds))
    made = limited(made, wanted) if (wanted := tuple(only)) else made
    if saved is not None:
        saved.check(made)
    if not any(step.pending or step.soon for step in made.steps):
        return Report(plan=made, outcomes=tuple(Outcome(step=s, result=idle(s)) for s in made.steps))
    _require_free(run, snapshot)
    _require_ready(run, made)
    run.confirm(made)
    done = _bootstrap(run, snapshot)
    if run.cloud.session.interrupted.is_set():
        rest = replace(made, steps=tuple(step for step in made.steps if step.address not in done))
        unbegun = {outcome.step.address: outcome for outcome in _apply(run, rest, snapshot)}
        return Report(plan=made, outcomes=merged(made, {**unbegun, **done}))
    if any(outcome.result is Result.FAILED for outcome in done.values()):
        return Report(plan=made, outcomes=merged(made, done))

    def walk(turn: int) -> Walked:
        live, snapshot = _walk(run, only)
        if saved is not None:
            live = saved.restrict(live) if turn else saved.held(live)
        return live, snapshot, CONVERGE

    with _lease(run, "provision"):
        _passes(run, walk, done)
    return Report(plan=made, outcomes=merged(made, done, walked=True))


def rotate(run: Run, asked: Asked, *, plan_only: bool = False) -> Report:
    """Replace the credentials that are due, or finish what an earlier run began; other drift is left alone.

    A revoked key goes in this very run, once its readers have the new one.
    """
    made, snapshot = _walk_round(run, replace(asked, begin=True))
    pending = any(step.pending or step.soon for step in made.steps)
    if plan_only or not pending:
        return Report(plan=made, outcomes=tuple(Outcome(step=s, result=idle(s)) for s in made.steps))
    _require_free(run, snapshot)
    run.confirm(made)
    done: dict[Address, Outcome] = {}

    def walk(turn: int) -> Walked:
        now = replace(asked, begin=not turn)
        return (*_walk_round(run, now), now)

    with _lease(run, "rotate", there=snapshot.readings[LOCK].observed is not None):
        _passes(run, walk, done)
    return Report(plan=made, outcomes=merged(made, done, walked=True))


def teardown(run: Run, *, with_contents: bool = False) -> Report:
    """Remove exactly what is ours. Tries everything; what remains says why. Raises Protected."""
    if run.environment.protected:
        raise Protected(run.environment.name)
    made, snapshot = _walk_down(run, with_contents)
    if not any(step.pending for step in made.steps):
        return Report(plan=made, outcomes=tuple(Outcome(step=s, result=idle(s)) for s in made.steps))
    _require_free(run, snapshot)
    run.confirm(made)
    done: dict[Address, Outcome] = {}

    def walk(_turn: int) -> Walked:
        return (*_walk_down(run, with_contents), Asked(intent=Intent.TEARDOWN))

    with _lease(run, "teardown", there=snapshot.readings[LOCK].observed is not None):
        _passes(run, walk, done)
    return Report(plan=made, outcomes=tuple(done.values()))


def run_dag(run: Run, wanted: Wanted, tell: Tell, *, wait_dag: bool = True) -> Ran:
    """Run the DAG, or join the run that is under way. wait_dag: not before Airflow has parsed it as the spec has it."""
    if wait_dag:
        parsed.require_imported(run.links)
        tell(f"dags/{run.environment.dag.file}", "waiting for Airflow to parse it")
        parsed.await_parsed(run.links, fresh=False)
    return running.run_dag(run.links, wanted, tell)


def await_dag(run: Run, report: Report) -> DagNotParsed | None:
    """After a provision: until Airflow has parsed the DAG, or why it has not."""
    dag = run.links.targets.airflow.dag
    fresh = any(o.step.address == dag and o.result is Result.DONE for o in report.outcomes)
    try:
        parsed.await_parsed(run.links, fresh=fresh)
    except DagNotParsed as error:
        return error
    return None


def verify(run: Run) -> tuple[Finding, ...]:
    """Prove each link of the chain without running a job."""
    from provisioner.chain import verifying

    return verifying.verify(run.links)


def doctor(run: Run) -> tuple[Checked, ...]:
    """Whether `provision` could do what it would do now: every check, and what each came to. Writes nothing."""
    checks = diagnosed(run.cloud, run.recipe, run.kinds)
    return (*checks, *(Checked(verdict=Verdict.NOTE, what=note) for note in notes(run)))


def notes(run: Run) -> tuple[str, ...]:
    """What a person should know of the spec's choices, and of what stands beside what it declares."""
    told = ((run.kinds[node.address.kind].notes, node.desired) for node in run.recipe.nodes)
    beside = (note for look, desired in told if look is not None for note in look(run.cloud, desired))
    return (*run.recipe.notes, *beside)


def outputs(run: Run) -> dict[str, dict[str, str]]:
    """Ids, URLs and names of what is there, by address; no secrets."""
    snapshot = observe(run.cloud, run.recipe, run.kinds)
    found: dict[str, dict[str, str]] = {}
    for address, reading in snapshot.readings.items():
        if reading.observed is not None:
            published = run.kinds[address.kind].publish(reading.observed, None)
            found[str(address)] = {name: str(value) for name, value in published.items()}
    return found


def _require_ready(run: Run, made: Plan) -> None:
    """Raises Refused, or Refusals for several: all that would stop the plan on its way."""
    refused = refusal(preflight(run.cloud, run.kinds, made))
    if refused is not None:
        raise refused


def _require_free(run: Run, snapshot: Snapshot) -> None:
    """Raises Conflict if another run was at work when this one looked, before anybody is asked anything."""
    lock = snapshot.readings[LOCK].observed
    if isinstance(lock, ObservedLockContainer) and lock.leased:
        _lease_free(run)


def _lease_free(run: Run) -> None:
    from provisioner.cloud.lease import Lease

    Lease.require_free(run.cloud, run.environment.account_id, lock_name(run.recipe.environment_id))


def _walk(run: Run, only: Iterable[Address] = ()) -> tuple[Plan, Snapshot]:
    snapshot = observe(run.cloud, run.recipe, run.kinds)
    made = plan(run.recipe, snapshot, run.kinds)
    wanted = tuple(only)
    return (limited(made, wanted) if wanted else made), snapshot


def _walk_down(run: Run, with_contents: bool) -> tuple[Plan, Snapshot]:  # noqa: FBT001  # two callers, both by name
    def look() -> tuple[Plan, Snapshot]:
        snapshot = observe(run.cloud, run.recipe, run.kinds, strangers=True)
        return take_down(run.recipe, snapshot, run.kinds, with_contents=with_contents), snapshot

    return _looked(run, look)


def _looked(run: Run, look: Callable[[], tuple[Plan, Snapshot]]) -> tuple[Plan, Snapshot]:
    """Look, and once more where that was denied: between two readings another run may have let us in, or shut us out.

    Raises Conflict where one of this environment is at work.
    """
    try:
        return look()
    except (NotAuthorized, Refusals) as error:
        if not any(isinstance(one, NotAuthorized) for one in getattr(error, "errors", (error,))):
            raise
        if run.cloud.session.lease is None:
            with suppress(NotAuthorized):
                _lease_free(run)
        return look()


def _walk_round(run: Run, asked: Asked) -> tuple[Plan, Snapshot]:
    wanted = part(run.recipe, run.kinds)
    snapshot = observe(run.cloud, wanted, run.kinds)
    if asked.intent is Intent.ROLLBACK and not asked.begin:
        asked = CONVERGE
    return rotation(wanted, snapshot, run.kinds, asked), snapshot


def _bootstrap(run: Run, snapshot: Snapshot) -> dict[Address, Outcome]:
    """Make what the lease itself needs: group, account, lock container; each by an idempotent PUT."""
    first = tuple(node for node in run.recipe.nodes if node.bootstrap)
    if all(snapshot.readings[node.address].observed is not None for node in first):
        return {}
    part = replace(run.recipe, nodes=first, searches=())
    seen = observe(run.cloud, part, run.kinds)
    outcomes = _apply(run, plan(part, seen, run.kinds), seen)
    return {outcome.step.address: outcome for outcome in outcomes}


def _apply(run: Run, made: Plan, snapshot: Snapshot, asked: Asked = CONVERGE) -> tuple[Outcome, ...]:
    journal = Journal(run.journal, run.environment.name, verb=run.verb, began=snapshot.now, by=_who())
    return Apply(
        cloud=run.cloud,
        kinds=run.kinds,
        plan=made,
        view=view_of(run.recipe, snapshot, run.kinds, asked),
        journal=journal,
        deadline_seconds=run.environment.waits.grant.total_seconds(),
        clock=run.clock,
        watch=run.watch,
    ).run()


@contextmanager
def _lease(run: Run, purpose: str, *, there: bool = True) -> Generator[None]:
    """The environment's lease, if there is a container to take it on."""
    if not there:
        yield
        return
    from provisioner.cloud.lease import Lease

    container = lock_name(run.recipe.environment_id)
    with Lease.acquire(run.cloud, run.environment.account_id, container, owner=_who(), purpose=purpose):
        yield


def _passes(run: Run, walk: Callable[[int], Walked], done: dict[Address, Outcome]) -> None:
    """Walk and apply until nothing is left that another pass could go on from; what became of it goes into `done`.

    A revocation waits in between for the date that it is to see, and walks more often.
    """
    for turn in range(PASSES if run.verb != "rotate" else 2 * PASSES):
        live, snapshot, asked = walk(turn)
        if turn:
            run.confirm(live)
        outcomes = _apply(run, live, snapshot, asked)
        merge(done, outcomes)
        if any(o.result in (Result.FAILED, Result.INTERRUPTED) for o in outcomes):
            return
        view, grace = view_of(run.recipe, snapshot, run.kinds, asked), run.environment.waits.grant
        if not _opened(run, outcomes, asked.intent) and not awaited(run.cloud, run.kinds, live, view, grace=grace):
            return


def _who() -> str:
    """Who runs this, as people know them; in some containers an account has a number only."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"


def _opened(run: Run, outcomes: Iterable[Outcome], intent: Intent) -> bool:
    """Whether this pass did something that another can go on from: a way in, or a key that is there or gone now.

    After a teardown's keys there is nothing to go on with, and what remains was told.
    """
    waits = any(o.result is Result.DEFERRED and not o.step.dated for o in outcomes)
    if intent is Intent.TEARDOWN:
        return waits
    turned = any(o.result is Result.DONE and run.kinds[o.step.address.kind].secrets for o in outcomes)
    return waits or turned
