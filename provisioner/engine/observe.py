"""Read what is there: every node as soon as it can be, all at once; and what the spec no longer names.

A node is read beside its container, not after it: what it answers counts only if the container is there. It waits
for another node only where its identity is a Ref to that one. A search begins once its container has been read.
Writes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from provisioner.errors import CloudError, NotAuthorized, NotFound, ProvisionerError
from provisioner.model import Address, Node, Orphan, Reading, Recipe, Search, Snapshot, identity_refs, refs, resolve

if TYPE_CHECKING:
    from provisioner.cloud.cloud import Cloud
    from provisioner.kind import Kind

THREADS = 16
Kinds = Mapping[str, "Kind[Any, Any]"]


def observe(
    cloud: Cloud, recipe: Recipe, kinds: Kinds, *, teardown: bool = False, told: list[ProvisionerError] | None = None
) -> Snapshot:
    """One pass over the cloud. teardown: also lists what stands in our containers without our owner tag.

    Raises the first error that is neither a missing right nor explained by a missing container. With `told` it goes on
    and puts every such error there; what it is of has a reading with it.
    """
    errors = _Raising() if told is None else told
    cloud.session.memory.new_pass()
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="observe")
    try:
        checks = [] if teardown else _checks(cloud, kinds, recipe.nodes, pool)
        searches = _Searches(cloud, kinds, pool, recipe.searches)
        readings = _Readings(cloud, kinds, pool, searches).of(recipe.nodes)
        errors.extend(_serious(readings))
        errors.extend(refused for check in checks if (refused := check.result()) is not None)
        readings |= _retained(cloud, kinds, readings, pool, teardown=teardown)
        unmanaged = _unmanaged(cloud, kinds, readings, pool) if teardown else {}
        orphans = tuple(one for one in searches.found(errors) if not _declared(one, readings))
        return Snapshot(now=cloud.session.clock.now(), readings=readings, orphans=orphans, unmanaged=unmanaged)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class _Raising(list[ProvisionerError]):
    """Errors of which the first ends the pass."""

    def extend(self, errors: Iterable[ProvisionerError]) -> None:
        for error in errors:
            raise error


def _serious(readings: Mapping[Address, Reading]) -> Iterator[ProvisionerError]:
    errors = (reading.error for reading in readings.values())
    return (error for error in errors if error is not None and not isinstance(error, NotAuthorized))


class _Readings:
    """The reads of one pass under way."""

    def __init__(self, cloud: Cloud, kinds: Kinds, pool: ThreadPoolExecutor, searches: _Searches) -> None:
        self._cloud, self._kinds, self._pool, self._searches = cloud, kinds, pool, searches
        self._done: dict[Address, Reading] = {}
        self._outputs: dict[Address, Mapping[str, Any]] = {}
        self._running: dict[Future[Reading], Node] = {}
        self._ready: deque[Node] = deque()
        self._awaiting: dict[Address, list[Node]] = {}  # by what they wait for

    def of(self, nodes: tuple[Node, ...]) -> dict[Address, Reading]:
        """Each node's reading."""
        self._ready.extend(nodes)
        while self._ready or self._running:
            while self._ready and len(self._running) < THREADS:
                self._start(self._ready.popleft())
            self._searches.begin(self._done, self._outputs)
            if self._running:
                self._collect()
        self._searches.begin(self._done, self._outputs, all_read=True)
        for node in nodes:  # a container may have answered after what it does not hold
            if self._without_container(node):
                self._done[node.address] = Reading(node=node)
        return {node.address: self._done.get(node.address, Reading(node=node)) for node in nodes}

    def _start(self, node: Node) -> None:
        """Begin to read a node, or let it wait for what its identity refers to."""
        wanted = set(identity_refs(node.desired))
        unread = next((ref.address for ref in wanted if ref.address not in self._done), None)
        unknown = any(ref.output not in self._outputs.get(ref.address, {}) for ref in wanted)
        if self._without_container(node) or (unread is None and unknown):
            self._note(node, Reading(node=node))
        elif unread is not None:
            self._awaiting.setdefault(unread, []).append(node)
        else:
            self._running[self._pool.submit(self._read, node)] = node

    def _without_container(self, node: Node) -> bool:
        held_by = self._done.get(node.container) if node.container else None
        return held_by is not None and held_by.observed is None and held_by.error is None

    def _collect(self) -> None:
        finished, _ = wait(self._running, return_when=FIRST_COMPLETED)
        for future in finished:
            self._note(self._running.pop(future), future.result())
        for future, node in list(self._running.items()):
            if self._without_container(node):
                del self._running[future]
                self._note(node, Reading(node=node))

    def _note(self, node: Node, reading: Reading) -> None:
        if self._without_container(node):
            reading = Reading(node=node)
        self._done[node.address] = reading
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
        """Begin those that wait for nothing any more. all_read: nothing else will be known."""
        waiting: list[tuple[int, Search, set[Address | None]]] = []
        for rank, search, needs in self._waiting:
            if not all_read and not needs <= done.keys():
                waiting.append((rank, search, needs))
            elif search.container is None or done[search.container].observed is not None:
                self._running[rank] = self._pool.submit(self._look, rank, search, resolve(search.scope, outputs))
        self._waiting = waiting

    def found(self, errors: list[ProvisionerError]) -> Iterator[Orphan]:
        """What all of them found, in the order of the recipe; what two came upon once, as the first has it.

        errors: takes why some found nothing.
        """
        found: dict[Address, Orphan] = {}
        for _, looked in sorted(self._running.items()):
            try:
                for orphan in looked.result():
                    found.setdefault(orphan.address, orphan)
            except ProvisionerError as error:
                errors.extend((error,))
        yield from found.values()

    def _look(self, rank: int, search: Search, scope: Any) -> tuple[Orphan, ...]:
        """What one finds; nothing where its container may not be read yet, or its scope does not exist."""
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
                address=Address(search.kind, one.name), container=at, observed=one.observed, rank=rank, kept=one.kept
            )
            for one in found
        )


def _checks(
    cloud: Cloud, kinds: Kinds, nodes: tuple[Node, ...], pool: ThreadPoolExecutor
) -> list[Future[ProvisionerError | None]]:
    """What each node can be asked before anything is known of others; begun first, it delays nobody."""

    def ask(check: Callable[[Cloud, Any], None], desired: Any) -> ProvisionerError | None:
        try:
            with suppress(CloudError):  # what may not be asked yet is asked again when it is made
                check(cloud, desired)
        except ProvisionerError as refused:
            return refused
        return None

    asked = ((kinds[node.address.kind].preflight.check, node.desired) for node in nodes)
    return [pool.submit(ask, check, desired) for check, desired in asked if check is not None]


def _retained(
    cloud: Cloud, kinds: Kinds, readings: Mapping[Address, Reading], pool: ThreadPoolExecutor, *, teardown: bool
) -> dict[Address, Reading]:
    """Readings with what Azure keeps: of what is not there, or in a teardown of what of ours is; where one may ask."""

    def look(retained: Callable[[Cloud, Any, Any], str], reading: Reading) -> str:
        with suppress(CloudError):
            return retained(cloud, reading.node.desired, reading.observed)
        return ""

    looks: dict[Address, Future[str]] = {}
    for address, reading in readings.items():
        container, observed = kinds[address.kind].container, reading.observed
        concerned = observed is not None and observed.owned if teardown else observed is None
        if container and container.retained and concerned and reading.error is None:
            looks[address] = pool.submit(look, container.retained, reading)
    return {address: replace(readings[address], retained=future.result()) for address, future in looks.items()}


def _declared(orphan: Orphan, readings: Mapping[Address, Reading]) -> bool:
    """Whether a node stands for it: under its name, or as the very thing that was read (a grant has no name)."""
    alike = (r.observed for a, r in readings.items() if a.kind == orphan.address.kind)
    return orphan.address in readings or orphan.observed in alike


def _unmanaged(
    cloud: Cloud, kinds: Kinds, readings: dict[Address, Reading], pool: ThreadPoolExecutor
) -> dict[Address, tuple[str, ...]]:
    """Contents without our owner tag; a container whose contents may not be listed counts as unreadable."""
    looks: dict[Address, Future[Sequence[str]]] = {}
    for address, reading in readings.items():
        container = kinds[address.kind].container
        if container and container.unmanaged and reading.observed is not None and reading.observed.owned:
            looks[address] = pool.submit(container.unmanaged, cloud, reading.observed)
    found: dict[Address, tuple[str, ...]] = {}
    for address, future in looks.items():
        try:
            found[address] = tuple(future.result())
        except NotAuthorized as error:
            error.address = str(address)
            readings[address] = replace(readings[address], error=error)
    return found
