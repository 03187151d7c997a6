"""Whether the caller may do what a plan wants, asked before the first write; Azure stays the judge of each one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from provisioner.errors import Refusals, Refused
from provisioner.model import Action, Address, Plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.cloud.cloud import Cloud
    from provisioner.kind import Kind

THREADS = 8
WRITES = (Action.CREATE, Action.UPDATE, Action.REPLACE)


def check_rights(cloud: Cloud, kinds: Mapping[str, Kind[Any, Any]], made: Plan) -> None:
    """Raises Refused, or Refusals for several, if the caller lacks a right on the control plane that a step takes."""
    wanted: dict[tuple[str, str], Address] = {}
    for step in made.steps:
        kind = kinds[step.address.kind]
        if kind.right and step.action in WRITES:
            wanted.setdefault((getattr(step.desired, kind.identity[0]), kind.right), step.address)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="rights") as pool:
        answers = list(pool.map(cloud.caller.lacks, *zip(*wanted, strict=True))) if wanted else []
    missing = dict(zip(answers, wanted.values(), strict=True))
    refused = [Refused(str(address), "the caller may not write it", told) for told, address in missing.items() if told]
    if refused:
        raise refused[0] if len(refused) == 1 else Refusals(tuple(refused))
