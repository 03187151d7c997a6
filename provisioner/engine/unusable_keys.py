"""Finds keys that a holder hands out and that do not work, where only a sign-in tells.

A key that was created minutes ago may be missing from one replica of the directory, or somebody may have removed it
since. And somebody may have changed the text in a holder that has no versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from provisioner.engine.plan import view_of
from provisioner.errors import CloudError
from provisioner.model import CONVERGE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provisioner.cloud.cloud import Cloud
    from provisioner.kind import Kind
    from provisioner.model import HolderKey, Reading, Recipe, Snapshot
    from provisioner.secret import Secret

Kinds = Mapping[str, "Kind[Any, Any]"]
KNOWN_EVERYWHERE = timedelta(minutes=15)  # until then a replica may refuse a new key that others take


def find_unusable_keys(cloud: Cloud, recipe: Recipe, snapshot: Snapshot, kinds: Kinds) -> frozenset[str]:
    """Ids of the keys that a holder hands out and that do not work.

    Reads their texts in the holders and signs in with them; writes nothing. A key whose text no holder reveals, or that
    cannot be tried now, is none of them.
    """
    view, found = view_of(recipe, snapshot, kinds, CONVERGE), set[str]()
    for credential, references in view.key_references.items():
        kind, reading = kinds[credential.kind], snapshot.readings.get(credential)
        if kind.proofs.deleted is None or reading is None or reading.observed is None:
            continue
        published = kind.publish(reading.observed, view).known()
        if not published:  # there is none
            continue
        since, hint = published.get("since"), published.get("hint")
        shown = since is not None  # by its service, with its dates
        young = shown and snapshot.now - since <= KNOWN_EVERYWHERE
        tried = [one for one in references if one.key.unversioned or not shown]
        with suppress(CloudError):
            text = _reveal_key(cloud, kinds, snapshot.readings, tried, published["key_id"])
            if text is None:
                continue
            another = hint is not None and not text.begins_with(hint)
            if another or (not young and kind.proofs.deleted(cloud, reading.observed, text)):
                found.add(published["key_id"])
    return frozenset(found)


def _reveal_key(
    cloud: Cloud, kinds: Kinds, readings: Mapping[Any, Reading], references: Iterable[HolderKey], key_id: str
) -> Secret | None:
    """The key as a holder that reveals it has it."""
    for one in references:
        reading, holder = readings.get(one.holder), kinds[one.holder.kind].holder
        if one.key.key_id == key_id and one.key.readable and holder and reading and reading.observed is not None:
            return holder.reveal(cloud, reading.observed, key_id)
    return None
