"""Sorts nodes and addresses by their dependencies. Pure."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from provisioner.errors import Cycle, UnknownReference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from provisioner.model import Address, Node


def ordered(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """The nodes, each after all it needs, otherwise as declared.

    Raises UnknownReference for a need that no node declares, Cycle for nodes that need each other.
    """
    by_address = {node.address: node for node in nodes}
    for node in by_address.values():
        for need in node.all_needs:
            if need not in by_address:
                raise UnknownReference(address=str(node.address), target=str(need))
    return tuple(by_address[address] for address in sort({a: n.all_needs for a, n in by_address.items()}))


def sort(needs: Mapping[Address, Iterable[Address]]) -> tuple[Address, ...]:
    """Addresses, each after those it needs; needs outside the mapping are left out."""
    known = {address: [need for need in wanted if need in needs] for address, wanted in needs.items()}
    try:
        return tuple(TopologicalSorter(known).static_order())
    except CycleError as error:
        raise Cycle(tuple(str(address) for address in error.args[1])) from error


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
