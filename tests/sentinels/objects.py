"""What the objects of ours that live in this process show of themselves: their repr, their text, their pickle."""

from __future__ import annotations

import gc
import pickle
from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OURS = "provisioner."
EXEMPT = "localazure."  # its store may; the nouns of its wire are looked at in tests/localazure/app/test_wire.py


def alive() -> Iterator[Any]:
    """Every instance of a class of ours."""
    for one in gc.get_objects():
        home = str(type(one).__module__)
        if home.startswith(OURS) and not home.startswith(EXEMPT):
            yield one


def shown() -> Mapping[str, bytes]:
    """By class: all that its instances show. What refuses to be pickled shows nothing there."""
    found = defaultdict[str, set[bytes]](set)
    for one in alive():
        found[f"{type(one).__module__}.{type(one).__qualname__}"] |= {*texts(one), pickled(one)}
    return {name: b"\0".join(parts) for name, parts in found.items()}


def texts(one: object) -> Iterator[bytes]:
    """As a debugger, a log or a traceback would print it."""
    for text in (repr(one), str(one), f"{one}"):
        yield text.encode("utf-8", "surrogatepass")


def pickled(one: object) -> bytes:
    """Nothing if it cannot be."""
    try:
        return pickle.dumps(one)
    except Exception:  # noqa: BLE001  # whatever it says, it shows nothing
        return b""
