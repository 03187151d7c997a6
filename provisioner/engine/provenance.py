"""Tells what changed in Azure from what changed in the file, by what the last provision noted. Pure; decides nothing.

The note is a short hash of each resource as it was declared when it was last as declared, in the lock container's
metadata. It has no secret and no value. Without it, or for a value that is secret, nothing is said.
"""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from provisioner.engine.written import hash_and_has_secret
from provisioner.errors import Refused
from provisioner.model import Action, Address, Origin, Result

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from provisioner.model import Node, Outcome, Plan, Recipe, Step

    Noted = tuple[bytes | None, bytes | None, bool, Node]  # as noted, as declared now, whether it has a secret

WIDTH = 3  # bytes of an address, and as many of what it declares
MOST = 900  # resources: 7.2 KB, beside who has the lease; all metadata of a container may have 8 KB


def note_after_run(note_before: str, recipe: Recipe, outcomes: Iterable[Outcome]) -> str:
    """The note after a run. What the run left as declared is noted as it is declared now, the rest as before."""
    before = _parse_note(note_before)
    settled = {o.step.address for o in outcomes if o.result in (Result.DONE, Result.UNCHANGED)}
    found: dict[bytes, bytes] = {}
    for node in _concerned(recipe.nodes):
        key = _short(str(node.address))
        now = _short_hash_and_has_secret(node)[0] if node.address in settled else before.get(key)
        if now is not None:
            found[key] = now
    pairs = sorted(found.items())[:MOST]
    return base64.urlsafe_b64encode(b"".join(key + value for key, value in pairs)).decode()


def with_origins(plan: Plan, recipe: Recipe, note: str) -> Plan:
    """The plan with each step's origin as far as it is known, and with the names of what has only an id."""
    before = _parse_note(note) if any(step.pending for step in plan.steps) else {}
    noted_now = {
        node.address: (before.get(_short(str(node.address))), *_short_hash_and_has_secret(node), node)
        for node in (_concerned(recipe.nodes) if before else ())
    }
    changed = {a for a, (known, now, _, _) in noted_now.items() if known != now}
    steps = tuple(replace(step, origin=_origin(step, noted_now, changed)) for step in plan.steps)
    return replace(plan, steps=steps, names=_names(plan, recipe))


def _concerned(nodes: Iterable[Node]) -> tuple[Node, ...]:
    return tuple(node for node in nodes if not node.access and not node.bootstrap)


def _origin(step: Step, nodes: Mapping[Address, Noted], changed: Collection[Address]) -> Origin | None:
    """changed: what the file declares otherwise than noted; what refers to it follows it."""
    seen = step.origin or next((change.origin for change in step.changes if change.origin), None)
    if seen or not nodes or step.access or step.routine or not step.pending:
        return seen
    if step.address not in nodes:
        return Origin.FILE if step.action is Action.DELETE else None
    known, now, secret, node = nodes[step.address]
    creates = step.action is Action.CREATE
    if step.action in (Action.DEFER, Action.ROTATE) or now is None or (known is None and not creates):
        return None
    if step.address in changed or any(ref.address in changed for ref in node.refs):
        return Origin.FILE
    return None if secret and not creates else Origin.AZURE


def _short_hash_and_has_secret(node: Node) -> tuple[bytes | None, bool]:
    """The short hash of what is declared, None where its file cannot be read; and whether it has a secret."""
    with suppress(Refused):
        text, secret = hash_and_has_secret(node.desired)
        return bytes.fromhex(text)[:WIDTH], secret
    return None, False


def _short(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:WIDTH]


def _parse_note(note: str) -> dict[bytes, bytes]:
    """What a note says; nothing if somebody has edited it."""
    try:
        raw = base64.b64decode(note, altchars=b"-_", validate=True)
    except ValueError:
        return {}
    width = 2 * WIDTH
    return {raw[at : at + WIDTH]: raw[at + WIDTH : at + width] for at in range(0, len(raw) - width + 1, width)}


def _names(plan: Plan, recipe: Recipe) -> dict[str, str]:
    """The environment's own id, and the ids of principals and applications."""
    found = {recipe.environment_id: recipe.environment}
    for address, outputs in plan.outputs.items():
        for name, value in outputs.items():
            if name in {"object_id", "client_id", "principal_id", "identity_object_id"}:
                found[str(value)] = _name_of(address, name)
    return found


def _name_of(address: Address, output: str) -> str:
    return f"{address} ({output.replace('_', ' ')})"
