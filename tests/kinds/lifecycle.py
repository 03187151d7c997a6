"""A kind's life on the local Azure, run by the engine as commands run it, and the world before and after each part."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from localazure.app.tenant import OPERATOR_OBJECT_ID
from provisioner.engine.apply import Apply
from provisioner.engine.journal import Journal
from provisioner.engine.observe import observe
from provisioner.engine.plan import plan_provision
from provisioner.engine.teardown import plan_teardown
from provisioner.errors import ProvisionerError
from provisioner.kinds import kinds
from provisioner.model import Address, Node, Outcome, Plan, Recipe, Search, Snapshot, View
from tests.kinds.azure_setup import ENVIRONMENT, cloud_of, grant

if TYPE_CHECKING:
    from collections.abc import Callable

    from provisioner.cloud.cloud import Cloud
    from tests.emulator import LocalAzure, RevealableSecret

CREATE, UPDATE, DELETE = "create", "update", "delete"
DEADLINE_SECONDS = 20.0
READS = frozenset({"GET", "HEAD"})
READING = (
    "acdd72a7-3385-48ef-bd42-f606fba81ae7",  # Reader
    "4633458b-17de-408a-b874-0445c86b69e6",  # Key Vault Secrets User
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",  # Storage Blob Data Reader
)
# How the local Azure keeps count of what it was asked, which is no part of the world.
BOOKKEEPING = ("operations", "fabric_operations")
# Of a document: what it was before its last change, and until when.
PAST = {"_before", "_rolled_out", "_status", "_changes_at"}
# Whatever is another one in each run: ids, ETags, keys and client secrets of Azure's choice, dates.
CHANCE = re.compile(
    r"0x8D[0-9A-F]+"
    r"|\b1[789]\d{8}(\.\d+)?\b"
    r"|[A-Za-z0-9+/]{86}=="
    r"|\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b"
    r'|"(hint|_sha256)": "\w+"|\w{3}8Q~[\w.~-]{34}'
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?"
    r"|\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT"
)


def _no_scope(_desired: Any) -> Any:
    return None


def _alone(_desired: Any) -> tuple[Node, ...]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Example:
    """What a kind is tried with; `EXAMPLE` in its test.

    declare: makes what it stands in and says what is desired. change: the same later, after a hand edit, say, or with
    another desire; None for a kind that knows no update. name: its address's. beside: nodes declared with it, places
    of a credential say. scope: where `owned` looks for it.
    """

    declare: Callable[[LocalAzure], Any]
    change: Callable[[LocalAzure, Any], Any] | None = None
    name: str = "example"
    beside: Callable[[Any], tuple[Node, ...]] = _alone
    scope: Callable[[Any], Any] = _no_scope


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One part of a life as it goes when nothing goes wrong.

    name: create, update or delete. snapshot: the world it begins in; offset_seconds: of that world's clock. writes: the
    calls that write, in order. begins, ends: the world before and after it, chance apart.
    """

    name: str
    recipe: Recipe
    snapshot: str
    offset_seconds: float
    writes: tuple[tuple[str, str, str], ...]
    begins: Counter[str]
    ends: Counter[str]


@dataclass(frozen=True, kw_only=True)
class Lifecycle:
    """The parts of a kind's life, in order; and a client who may read all and write nothing, one who may nothing."""

    parts: tuple[Phase, ...]
    reader: tuple[str, RevealableSecret]
    nobody: tuple[str, RevealableSecret]


def lifecycle_of(azure: LocalAzure, kind: str, example: Example) -> Lifecycle:
    """The whole life when nothing goes wrong."""
    reader, nobody = azure.new_client("reader"), azure.new_client("nobody")
    for role in READING:
        grant(azure, azure.subscription, role, principal_of(azure, reader[0]))
    workspace = {OPERATOR_OBJECT_ID: "Contributor", principal_of(azure, reader[0]): "Viewer"}
    azure.control("PUT", "/settings/fabric", {"roles": workspace})
    address, desired = Address(kind, example.name), example.declare(azure)
    parts = [_run_phases(azure, CREATE, recipe_of(example, address, desired))]
    if example.change is not None:
        desired = example.change(azure, desired)
        parts.append(_run_phases(azure, UPDATE, recipe_of(example, address, desired)))
    if kinds()[kind].delete is not None:
        parts.append(_run_phases(azure, DELETE, recipe_of(example, address, desired)))
    return Lifecycle(parts=tuple(parts), reader=reader, nobody=nobody)


def principal_of(azure: LocalAzure, client_id: str) -> str:
    """The object id of a client."""
    return azure.graph("GET", f"servicePrincipals(appId='{client_id}')").json()["id"]


def recipe_of(example: Example, address: Address, desired: Any) -> Recipe:
    """The one node, and what is declared beside it."""
    scope = example.scope(desired)
    searches = () if scope is None else (Search(kind=address.kind, scope=scope),)
    nodes = (Node(address=address, desired=desired), *example.beside(desired))
    return Recipe(environment="lives", environment_id=ENVIRONMENT, nodes=nodes, searches=searches)


def _run_phases(azure: LocalAzure, name: str, recipe: Recipe) -> Phase:
    snapshot, begins = f"{recipe.nodes[0].address.kind}-{name}", stored_documents(azure)
    offset = azure.control("GET", "/clock")["offset_seconds"]
    azure.control("PUT", f"/snapshots/{snapshot}")
    azure.control("DELETE", "/calls")
    cloud = cloud_of(azure)
    outcomes = run(azure, cloud, recipe, name)
    cloud.session.close()
    failed = [str(outcome.error) for outcome in outcomes if outcome.error]
    assert not failed, failed
    return Phase(
        name=name,
        recipe=recipe,
        snapshot=snapshot,
        offset_seconds=offset,
        writes=writes(azure),
        begins=begins,
        ends=stored_documents(azure),
    )


def begin(azure: LocalAzure, part: Phase) -> None:
    """The world as it was before the part, with nothing going wrong."""
    azure.control("DELETE", "/faults")
    azure.control("POST", f"/snapshots/{part.snapshot}")
    azure.control("PUT", "/clock", {"offset_seconds": part.offset_seconds})
    azure.control("DELETE", "/calls")


def planned(cloud: Cloud, recipe: Recipe, name: str) -> tuple[Plan, Snapshot]:
    """What a run of the part would do now."""
    if name == DELETE:
        snapshot = observe(cloud, recipe, kinds(), teardown=True)
        return plan_teardown(recipe, snapshot, kinds()), snapshot
    snapshot = observe(cloud, recipe, kinds())
    return plan_provision(recipe, snapshot, kinds()), snapshot


def run(azure: LocalAzure, cloud: Cloud, recipe: Recipe, name: str) -> tuple[Outcome, ...]:
    """One run from observing to the last step. Raises what observing and planning raise."""
    made, snapshot = planned(cloud, recipe, name)
    return Apply(
        cloud=cloud,
        kinds=kinds(),
        plan=made,
        view=View(now=snapshot.now, environment_id=ENVIRONMENT),
        journal=Journal(azure.state / "journal", "lives", verb=name, began=snapshot.now),
        deadline_seconds=DEADLINE_SECONDS,
        clock=time.monotonic,
        watch=lambda _step, _outcome: None,
    ).run()


def errors_of(azure: LocalAzure, part: Phase, client: tuple[str, RevealableSecret] | None = None) -> list[Exception]:
    """One run in a session of its own; what it met."""
    cloud = cloud_of(azure, client)
    try:
        outcomes = run(azure, cloud, part.recipe, part.name)
    except ProvisionerError as error:
        return [error]
    finally:
        cloud.session.close()
    return [outcome.error for outcome in outcomes if outcome.error is not None]


def writes(azure: LocalAzure) -> tuple[tuple[str, str, str], ...]:
    """The calls so far that were no reads: method, host, path; signing in apart."""
    calls = azure.control("GET", "/calls")["calls"]
    sent = ((call["method"], call["host"], call["path"]) for call in calls)
    return tuple(one for one in sent if one[0] not in READS and not one[1].startswith("login."))


def stored_documents(azure: LocalAzure) -> Counter[str]:
    """Everything that the local Azure remembers, chance apart, once what is under way there has come true."""
    azure.advance(1)
    azure.request("GET", f"https://management.azure.com{azure.subscription}/resources?api-version=2021-04-01")
    path = azure.state / "store" / "store.sqlite"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
        rows: list[tuple[str, str]] = store.execute("SELECT tab, value FROM documents").fetchall()
    shown = (f"{table} {_plain(value)}" for table, value in rows if table not in BOOKKEEPING)
    return Counter(CHANCE.sub("?", row) for row in shown)


def _plain(document: str) -> str:
    """Without what it was until its last change: no part of what it is."""
    told = json.loads(document)
    return json.dumps({name: value for name, value in told.items() if name not in PAST}, sort_keys=True)


def differences(azure: LocalAzure, wanted: Counter[str]) -> list[str]:
    """What is otherwise than that."""
    found = stored_documents(azure)
    return [f"+ {row}" for row in (found - wanted)] + [f"- {row}" for row in (wanted - found)]
