"""What a plan would write, as hashes: plain values and files by SHA-256, the secrets of all steps by one scrypt hash.

One hash over all secrets, so that a weak one cannot be guessed alone. Nothing here can be turned back into a value.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from provisioner.errors import Refused
from provisioner.model import Address, Node, Plan, Ref, resolve
from provisioner.secret import Secret

if TYPE_CHECKING:
    from dataclasses import Field

# OWASP's password storage cheat sheet: 32 MiB and about 0.3 s, once a plan.
SCRYPT = {"n": 2**15, "r": 8, "p": 3, "maxmem": 2**26}


def hashes_without_secrets(plan: Plan, nodes: Iterable[Node]) -> dict[Address, str]:
    """By address of each step that would write: SHA-256 of what is declared, without its secrets. Raises Refused."""
    return {node.address: _sha256(_canonical(node.desired, [])) for node in _nodes_to_write(plan, nodes)}


def resolved_hash(plan: Plan, nodes: Iterable[Node]) -> str:
    """SHA-256 of everything that would be written, with the outputs of resources that exist: ids, addresses."""
    written = {str(node.address): resolve(node.desired, plan.outputs) for node in _nodes_to_write(plan, nodes)}
    return _sha256(_canonical(written, []))


def secrets_hash(plan: Plan, nodes: Iterable[Node], salt: bytes) -> str:
    """Scrypt over all secrets that would be written."""
    secrets: list[str] = []
    for node in _nodes_to_write(plan, nodes):
        secrets.append(str(node.address))
        _canonical(node.desired, secrets)
    return hashlib.scrypt(json.dumps(secrets).encode(), salt=salt, **SCRYPT).hex()


def addresses_with_secrets(plan: Plan, nodes: Iterable[Node]) -> tuple[Address, ...]:
    """The addresses of the steps that would write a secret of the spec."""
    return tuple(node.address for node in _nodes_to_write(plan, nodes) if secrets_in(node.desired))


def hash_and_has_secret(desired: object) -> tuple[str, bool]:
    """SHA-256 of what is declared, without its secrets; and whether it has any. Raises Refused."""
    secrets: list[str] = []
    return _sha256(_canonical(desired, secrets)), bool(secrets)


def secrets_in(desired: object) -> tuple[str, ...]:
    """The texts of its secrets."""
    if isinstance(desired, Secret):
        return (desired.reveal(),)
    inner: Iterable[Any] = ()
    if is_dataclass(desired):
        inner = (getattr(desired, item.name) for item in fields(desired))
    elif isinstance(desired, Mapping):
        inner = cast("Mapping[Any, Any]", desired).values()
    elif isinstance(desired, (tuple, list)):
        inner = cast("Iterable[Any]", desired)
    return tuple(text for one in inner for text in secrets_in(one))


def _nodes_to_write(plan: Plan, nodes: Iterable[Node]) -> list[Node]:
    pending = {step.address for step in plan.steps if step.pending}
    return sorted((node for node in nodes if node.address in pending), key=lambda node: node.address)


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _canonical(value: object, secrets: list[str]) -> object:
    """The value as JSON that is equal wherever the value is. Secrets are appended to `secrets`, in order."""
    if isinstance(value, Secret):
        secrets.append(value.reveal())
        return "(secret)"
    if isinstance(value, Ref):
        return [str(value.address), value.output]
    if is_dataclass(value):
        return [type(value).__name__, {item.name: _field(value, item, secrets) for item in fields(value)}]
    if isinstance(value, Mapping):
        pairs = cast("Mapping[Any, Any]", value).items()
        return {str(key): _canonical(inner, secrets) for key, inner in sorted(pairs, key=lambda pair: str(pair[0]))}
    if isinstance(value, (tuple, list)):
        return [_canonical(inner, secrets) for inner in cast("Iterable[Any]", value)]
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


def _field(record: object, item: Field[Any], secrets: list[str]) -> object:
    value = getattr(record, item.name)
    return _file_hash(value) if item.metadata.get("local_file") else _canonical(value, secrets)


def _file_hash(file: str) -> str:
    try:
        with Path(file).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise Refused(file, f"it cannot be read: {error.strerror}", "Create it, or correct its path") from error
