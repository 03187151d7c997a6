"""Which of several things must come first. Pure."""

from __future__ import annotations

from collections import deque
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from provisioner.errors import Cycle, UnknownReference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from provisioner.model import Address, Node


def ordered(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """The nodes, each behind all it needs, otherwise as declared.

    Raises UnknownReference for a need that no node declares, Cycle for nodes that need each other.
    """
    by_address = {node.address: node for node in nodes}
    for node in by_address.values():
        for need in node.all_needs():
            if need not in by_address:
                raise UnknownReference(address=str(node.address), target=str(need))
    return tuple(by_address[address] for address in sort({a: n.all_needs() for a, n in by_address.items()}))


def sort(needs: Mapping[Address, Iterable[Address]]) -> tuple[Address, ...]:
    """Addresses, each behind those it needs; needs outside the mapping are left out."""
    known = {address: [need for need in wanted if need in needs] for address, wanted in needs.items()}
    try:
        return tuple(TopologicalSorter(known).static_order())
    except CycleError as error:
        raise Cycle(tuple(str(address) for address in error.args[1])) from error


class Turns:
    """Hands out what may begin: each address once all that it needs have ended. Needs outside the mapping are left out.

    ready: what may begin now; whoever begins it takes it out.
    """

    def __init__(self, needs: Mapping[Address, Iterable[Address]]) -> None:
        self._needs = {address: {need for need in wanted if need in needs} for address, wanted in needs.items()}
        self._behind: dict[Address, list[Address]] = {}
        for address, wanted in self._needs.items():
            for need in wanted:
                self._behind.setdefault(need, []).append(address)
        self.recount((), ())

    def ended(self, address: Address) -> None:
        """What needs nothing else any more becomes ready."""
        for later in self._behind.get(address, ()):
            self._left[later] -= 1
            if not self._left[later]:
                self.ready.append(later)

    def recount(self, ended: Collection[Address], begun: Collection[Address]) -> None:
        """From what is known to have ended and begun, whatever was noted so far: an interrupt may have come between."""
        self._left = {address: sum(need not in ended for need in wanted) for address, wanted in self._needs.items()}
        free = (address for address, left in self._left.items() if not left)
        self.ready = deque(address for address in free if address not in ended and address not in begun)


def closure(start: Iterable[Address], needs: Mapping[Address, Iterable[Address]]) -> frozenset[Address]:
    """The addresses themselves and all they need, directly or not."""
    seen: set[Address] = set()
    waiting = list(start)
    while waiting:
        address = waiting.pop()
        if address not in seen:
            seen.add(address)
            waiting.extend(needs.get(address, ()))
    return frozenset(seen)
