"""What is in a local Azure, told so that two of them compare: counted by role, and as a text without chance in it.

It reads the store itself, so it shows what a client would have to look for: soft-deleted things, older versions, paths
that nobody lists.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Document = tuple[str, str, Any]  # table, key, value

# What says nothing of an environment: rates, finished operations, definitions that come with a tenant.
NOT_COMPARED = {"fabric_operations", "meta", "operations", "role_definitions", "settings"}
# Random texts, parts of them, tags that follow from times, what was in a runtime before it was changed; and leases
# with the words beside them: where a run ended between its last write and giving its lease back, the next has nothing
# to write and takes none, and this one runs out.
LEASE = {"last_declared", "lease", "lease_owner", "lease_since", "lease_purpose", "lease_process", "lease_id"}
CHANCE = {"etag", "eTag", "hint", "provisioner_imported", "_keys", "_before", *LEASE}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)?")
FIRST_MOMENT = 1_000_000_000  # a number from here on is a time
NAME = re.compile(
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])"  # GUIDs, versions of secrets
    r"|[\w~.-]{3}8Q~[\w~.-]{31,34}"  # client secrets
)
HASH = re.compile(r"(?<=\"_sha256\": \")[0-9a-f]{64}")
COLOUR = re.compile(r"<[0-9a-f]{8}>")
ROUNDS = 4


@dataclass(frozen=True, kw_only=True)
class Census:
    """counted: by role, as `password of APPLICATION`. orphans: what nothing refers to. told: all of it."""

    counted: Counter[str]
    orphans: tuple[str, ...]
    told: tuple[str, ...]

    def twice(self, wanted: Census) -> list[str]:
        """What there is more of than there should be."""
        more = self.counted - wanted.counted
        return [f"{role}: {self.counted[role]} instead of {wanted.counted[role]}" for role in more]

    def lacking(self, wanted: Census) -> list[str]:
        """What there is less of than there should be."""
        return [f"{role}: {self.counted[role]} instead of {n}" for role, n in (wanted.counted - self.counted).items()]

    def differing(self, wanted: Census) -> list[str]:
        """Lines that only one of them has: `+` here, `-` there. Where names alone differ, those lines."""
        shapes = _differing(map(_shape, self.told), map(_shape, wanted.told))
        return shapes or _differing(self.told, wanted.told)


def store_of(state: Path) -> list[Document]:
    """Every document of the local Azure that keeps its state there."""
    with closing(sqlite3.connect(f"file:{state / 'store' / 'store.sqlite'}?mode=ro", uri=True)) as store:
        rows = store.execute("SELECT tab, key, value FROM documents ORDER BY tab, key").fetchall()
    return [(table, key, json.loads(value)) for table, key, value in rows if table not in NOT_COMPARED]


def census(documents: list[Document]) -> Census:
    """Of these documents."""
    plain = [f"{table} {key} {_plain(value)}" for table, key, value in documents]
    return Census(
        counted=Counter(_roles(documents)),
        orphans=tuple(_orphans(documents)),
        told=tuple(_without_chance(_with_texts(plain))),
    )


def _differing(here: Iterable[str], there: Iterable[str]) -> list[str]:
    more, less = Counter(here), Counter(there)
    return [*(f"+ {line}" for line in more - less), *(f"- {line}" for line in less - more)]


def _shape(line: str) -> str:
    return COLOUR.sub("<>", line)


def _roles(documents: list[Document]) -> Iterator[str]:
    """One line for each thing, by what it is for; things of the same line are duplicates of each other."""
    names = _names(documents)
    for table, key, value in documents:
        if table == "applications":
            yield f"application {names[key]}"
            yield from (f"password {one['displayName']} of {names[key]}" for one in value["passwordCredentials"])
            yield from (f"trust in {one['subject']} of {names[key]}" for one in value.get("_federated", ()))
        elif table == "service_principals":
            yield f"service principal {names[key]}"
        elif table == "role_assignments":
            role, who = value["roleDefinitionId"].rsplit("/", 1)[-1], names.get(value["principalId"], "nobody")
            yield f"grant of {role} to {who} on {value['scope'].lower()}"
        elif table == "secrets":
            enabled = ("enabled" if one["enabled"] else "disabled" for one in value["versions"])
            yield from (f"{state} version of {key}" for state in enabled)
        else:
            yield f"{table} {NAME.sub('*', key)}"


def _names(documents: list[Document]) -> dict[str, str]:
    """Applications and principals by object id, as people know them."""
    return {
        key: value.get("uniqueName") or value["displayName"]
        for table, key, value in documents
        if table in {"applications", "service_principals"}
    }


def _orphans(documents: list[Document]) -> Iterator[str]:
    """Passwords that no place names, principals without application, grants to nobody, files under way."""
    names, clients = _names(documents), {v["appId"] for t, _, v in documents if t == "applications"}
    told = [(key, json.dumps(value)) for _, key, value in documents]
    for table, key, value in documents:
        if table == "applications":
            for one in value["passwordCredentials"]:
                named = any(one["keyId"] in text for other, text in told if other != key)
                if not named and (one["displayName"] or "").startswith("provisioner-"):
                    yield f"password {one['displayName']} {one['keyId']}, which no place names"
        elif table == "service_principals" and value["tags"] and value["appId"] not in clients:
            yield f"service principal {names[key]} without application"
        elif table == "role_assignments" and value["principalId"] not in names:
            yield f"grant to nobody on {value['scope']}"
        elif table == "blocks" or (table == "paths" and value["pending"]):
            yield f"bytes that wait for a flush in {key}"


def _plain(value: Any) -> str:
    """A document without times and random texts."""
    kept = json.loads(json.dumps(value), object_hook=_unlikely, parse_int=_number, parse_float=_number)
    return MOMENT.sub("TIME", json.dumps(kept, sort_keys=True))


def _unlikely(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in CHANCE}


def _number(digits: str) -> str | float:
    return "TIME" if float(digits) >= FIRST_MOMENT else float(digits)


def _with_texts(texts: list[str]) -> list[str]:
    """Each hash of a client secret replaced by the secret, so that it counts whose place holds the right one."""
    secrets = {name for text in texts for name in NAME.findall(text) if "8Q~" in name}
    by_hash = {hashlib.sha256(secret.encode()).hexdigest(): secret for secret in secrets}
    return [HASH.sub(lambda found: by_hash.get(found.group(), "NOBODY HAS ITS TEXT"), text) for text in texts]


def _without_chance(texts: list[str]) -> Iterable[str]:
    """The texts with every random name replaced by one that follows from where it stands.

    Each round tells names apart by the texts they stand in, as those look with the names of the round before: colour
    refinement, https://en.wikipedia.org/wiki/Colour_refinement_algorithm
    """
    found = {name for text in texts for name in NAME.findall(text)}
    colours = dict.fromkeys(found, "")
    for _ in range(ROUNDS):
        seen: dict[str, list[str]] = {name: [] for name in found}
        for text in texts:
            shape = _coloured(text, colours)
            for rank, name in enumerate(NAME.findall(text)):
                seen[name].append(f"{rank} {shape}")
        colours = {name: _short("\n".join(sorted(places))) for name, places in seen.items()}
    return sorted(_coloured(text, colours) for text in texts)


def _coloured(text: str, colours: dict[str, str]) -> str:
    return NAME.sub(lambda name: f"<{colours[name.group()]}>", text)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
