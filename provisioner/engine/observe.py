"""Reads every declared resource in parallel, and finds what the spec no longer names. Writes nothing.

A node is read at the same time as its container; the result counts only if the container exists. It waits for another
node only if its identity is a Ref to that one. A search begins once its container has been read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from provisioner.engine.unusable_keys import find_unusable_keys
from provisioner.errors import CloudError, NotAuthorized, NotFound, ProvisionerError
from provisioner.model import Address, Node, Orphan, Reading, Recipe, Search, Snapshot, identity_refs, refs, resolve

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from provisioner.kind import Kind

THREADS = 32
Kinds = Mapping[str, "Kind[Any, Any]"]


def observe(
    cloud: Cloud, recipe: Recipe, kinds: Kinds, *, teardown: bool = False, collect: list[ProvisionerError] | None = None
) -> Snapshot:
    """Read everything once. teardown: also list what is in owned containers without the owner tag.

    Raises the first error that is neither a missing right nor explained by a missing container. With `collect`, such
    errors are appended to it instead; the reading of that node has the error, too.
    """
    errors = _RaiseFirst() if collect is None else collect
    cloud.session.reads.new_pass()
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="observe")
    try:
        checks = [] if teardown else _checks(cloud, kinds, recipe.nodes, pool)
        searches = _Searches(cloud, kinds, pool, recipe.searches)
        retained = _Retained(cloud, kinds, pool, teardown=teardown)
        unmanaged = _Unmanaged(cloud, kinds, pool, teardown=teardown)
        readings = _Readings(cloud, kinds, pool, searches, (retained, unmanaged)).read_all(recipe.nodes)
        errors.extend(_fatal_errors(readings))
        errors.extend(refused for check in checks if (refused := check.result()) is not None)
        readings |= retained.await_readings_with_retained(readings)
        contents = unmanaged.await_and_mark_unreadable(readings)
        undeclared = [one for one in searches.await_orphans(errors) if not _declared(one, readings)]
        orphans = tuple(undeclared if teardown else pool.map(_described, undeclared))
        now = cloud.session.clock.decision_time()
        snapshot = Snapshot(now=now, readings=readings, orphans=orphans, unmanaged=contents)
        unusable = frozenset[str]() if teardown else find_unusable_keys(cloud, recipe, snapshot, kinds)
        return replace(snapshot, unusable_keys=unusable)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class _RaiseFirst(list[ProvisionerError]):
    """A list of errors that raises the first one it gets."""

    def extend(self, errors: Iterable[ProvisionerError]) -> None:
        for error in errors:
            raise error


def _fatal_errors(readings: Mapping[Address, Reading]) -> Iterator[ProvisionerError]:
    errors = (reading.error for reading in readings.values())
    return (error for error in errors if error is not None and not isinstance(error, NotAuthorized))


class _Readings:
    """The reads of one pass under way."""

    def __init__(
        self,
        cloud: Cloud,
        kinds: Kinds,
        pool: ThreadPoolExecutor,
        searches: _Searches,
        followers: tuple[_Retained | _Unmanaged, ...],
    ) -> None:
        self._cloud, self._kinds, self._pool, self._searches = cloud, kinds, pool, searches
        self._followers = followers
        self._done: dict[Address, Reading] = {}
        self._outputs: dict[Address, Mapping[str, Any]] = {}
        self._running: dict[Future[Reading], Node] = {}
        self._ready: deque[Node] = deque()
        self._awaiting: dict[Address, list[Node]] = {}  # by what they wait for

    def read_all(self, nodes: tuple[Node, ...]) -> dict[Address, Reading]:
        """Each node's reading."""
        self._ready.extend(nodes)
        while self._ready or self._running:
            while self._ready and len(self._running) < THREADS:
                self._start(self._ready.popleft())
            self._searches.begin(self._done, self._outputs)
            if self._running:
                self._collect()
        self._searches.begin(self._done, self._outputs, all_read=True)
        for node in nodes:  # a container may have been read after its contents
            if self._is_container_absent(node):
                self._done[node.address] = Reading(node=node)
        return {node.address: self._done.get(node.address, Reading(node=node)) for node in nodes}

    def _start(self, node: Node) -> None:
        """Begin to read a node, or let it wait for what its identity refers to."""
        needed = set(identity_refs(node.desired))
        unread = next((ref.address for ref in needed if ref.address not in self._done), None)
        unknown = any(ref.output not in self._outputs.get(ref.address, {}) for ref in needed)
        if self._is_container_absent(node) or (unread is None and unknown):
            self._note(node, Reading(node=node))
        elif unread is not None:
            self._awaiting.setdefault(unread, []).append(node)
        else:
            self._running[self._pool.submit(self._read, node)] = node

    def _is_container_absent(self, node: Node) -> bool:
        container = self._done.get(node.container) if node.container else None
        return container is not None and container.observed is None and container.error is None

    def _collect(self) -> None:
        finished, _ = wait(self._running, return_when=FIRST_COMPLETED)
        for future in finished:
            self._note(self._running.pop(future), future.result())
        for future, node in list(self._running.items()):
            if self._is_container_absent(node):
                del self._running[future]
                self._note(node, Reading(node=node))

    def _note(self, node: Node, reading: Reading) -> None:
        if self._is_container_absent(node):
            reading = Reading(node=node)
        self._done[node.address] = reading
        for follower in self._followers:
            follower.begin(reading)
        if reading.observed is not None:
            self._outputs[node.address] = self._kinds[node.address.kind].publish(reading.observed, None).known()
        self._ready.extend(self._awaiting.pop(node.address, ()))

    def _read(self, node: Node) -> Reading:
        kind, desired = self._kinds[node.address.kind], resolve(node.desired, self._outputs)
        try:
            return Reading(node=node, observed=kind.read(self._cloud, desired))
        except NotFound:
            return Reading(node=node)
        except ProvisionerError as error:
            if isinstance(error, CloudError):
                error.address = str(node.address)
            return Reading(node=node, error=error)


class _Searches:
    """The searches of one pass, each begun as soon as what it needs has been read."""

    def __init__(self, cloud: Cloud, kinds: Kinds, pool: ThreadPoolExecutor, searches: tuple[Search, ...]) -> None:
        self._cloud, self._kinds, self._pool = cloud, kinds, pool
        needs = ({search.container, *(ref.address for ref in refs(search.scope))} - {None} for search in searches)
        self._waiting = list(zip(count(), searches, needs))
        self._running: dict[int, Future[tuple[Orphan, ...]]] = {}

    def begin(
        self, done: Mapping[Address, Reading], outputs: Mapping[Address, Mapping[str, Any]], *, all_read: bool = False
    ) -> None:
        """Begin the searches that wait for nothing more. all_read: nothing else will be read."""
        waiting: list[tuple[int, Search, set[Address | None]]] = []
        for rank, search, needs in self._waiting:
            if not all_read and not needs <= done.keys():
                waiting.append((rank, search, needs))
            elif search.container is None or done[search.container].observed is not None:
                self._running[rank] = self._pool.submit(self._search, rank, search, resolve(search.scope, outputs))
        self._waiting = waiting

    def await_orphans(self, errors: list[ProvisionerError]) -> Iterator[Orphan]:
        """What all searches found, in the order of the recipe; what two of them found is listed once.

        errors: the errors of searches that failed are added to it.
        """
        found: dict[Address, Orphan] = {}
        for _, looked in sorted(self._running.items()):
            try:
                for orphan in looked.result():
                    found.setdefault(orphan.address, orphan)
            except ProvisionerError as error:
                errors.extend((error,))
        yield from found.values()

    def _search(self, rank: int, search: Search, scope: Any) -> tuple[Orphan, ...]:
        """Run one search. Finds nothing if its container may not be read yet or its scope does not exist."""
        owned = self._kinds[search.kind].owned
        if isinstance(owned, str) or any(True for _ in refs(scope)):
            return ()
        try:
            found = owned(self._cloud, scope)
        except (NotAuthorized, NotFound):
            return ()
        at = search.container
        return tuple(
            Orphan(
                address=Address(search.kind, one.name),
                container=at,
                observed=one.observed,
                rank=rank,
                needs=search.needs,
                kept=one.kept,
                describe=one.describe,
            )
            for one in found
        )


def _checks(
    cloud: Cloud, kinds: Kinds, nodes: tuple[Node, ...], pool: ThreadPoolExecutor
) -> list[Future[ProvisionerError | None]]:
    """Start the checks that need no other node. They begin first, so nothing waits for them."""

    def ask(check: Callable[[Cloud, Any], None], desired: Any) -> ProvisionerError | None:
        try:
            with suppress(CloudError):  # what may not be asked yet is asked again when it is made
                check(cloud, desired)
        except ProvisionerError as refused:
            return refused
        return None

    asked = ((kinds[node.address.kind].preflight.check, node.desired) for node in nodes)
    return [pool.submit(ask, check, desired) for check, desired in asked if check is not None]


class _Retained:
    """What Azure retains: of absent containers, or in a teardown of owned ones. Left out if it may not be read.

    Begun as soon as a resource has been read.
    """

    def __init__(self, cloud: Cloud, kinds: Kinds, pool: ThreadPoolExecutor, *, teardown: bool) -> None:
        self._cloud, self._kinds, self._pool, self._teardown = cloud, kinds, pool, teardown
        self._running: dict[Address, Future[str]] = {}

    def begin(self, reading: Reading) -> None:
        """Ask, if this reading calls for it."""
        container = self._kinds[reading.node.address.kind].container
        if container and container.retained and self._concerns(reading):
            self._running[reading.node.address] = self._pool.submit(self._ask, container.retained, reading)

    def await_readings_with_retained(self, readings: Mapping[Address, Reading]) -> dict[Address, Reading]:
        """Wait for the answers. Returns, with its answer, each reading that still calls for one; no other."""
        concerned = {address: future for address, future in self._running.items() if self._concerns(readings[address])}
        return {address: replace(readings[address], retained=future.result()) for address, future in concerned.items()}

    def _concerns(self, reading: Reading) -> bool:
        observed = reading.observed
        concerned = observed is not None and observed.owned if self._teardown else observed is None
        return concerned and reading.error is None

    def _ask(self, retained: Callable[[Cloud, Any, Any], str], reading: Reading) -> str:
        with suppress(CloudError):
            return retained(self._cloud, reading.node.desired, reading.observed)
        return ""


class _Unmanaged:
    """What is in owned containers without our owner tag, for a teardown. Begun as soon as a container has been read."""

    def __init__(self, cloud: Cloud, kinds: Kinds, pool: ThreadPoolExecutor, *, teardown: bool) -> None:
        self._cloud, self._kinds, self._pool, self._teardown = cloud, kinds, pool, teardown
        self._running: dict[Address, Future[Sequence[str]]] = {}

    def begin(self, reading: Reading) -> None:
        """List it, if this reading calls for it."""
        container, observed = self._kinds[reading.node.address.kind].container, reading.observed
        if self._teardown and container and container.unmanaged and observed is not None and observed.owned:
            self._running[reading.node.address] = self._pool.submit(container.unmanaged, self._cloud, observed)

    def await_and_mark_unreadable(self, readings: dict[Address, Reading]) -> dict[Address, tuple[str, ...]]:
        """By container. Waits; sets in `readings` the error of those whose contents may not be listed."""
        found: dict[Address, tuple[str, ...]] = {}
        for address, future in self._running.items():
            if readings[address].observed is None:  # its own container turned out to be absent
                continue
            try:
                found[address] = tuple(future.result())
            except NotAuthorized as error:
                error.address = str(address)
                readings[address] = replace(readings[address], error=error)
        return found


def _declared(orphan: Orphan, readings: Mapping[Address, Reading]) -> bool:
    """Whether a node declares it: by its address, or because the same record was read (a grant has no name)."""
    alike = (r.observed for a, r in readings.items() if a.kind == orphan.address.kind)
    return orphan.address in readings or orphan.observed in alike


def _described(orphan: Orphan) -> Orphan:
    """With what people call it; without that where Azure does not say."""
    with suppress(CloudError):
        return replace(orphan, described=orphan.describe()) if orphan.describe else orphan
    return orphan
