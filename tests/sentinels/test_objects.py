"""The walk over our objects can fail: it sees what one of them shows, in each way."""

from __future__ import annotations

from typing import NoReturn

import pytest

from tests.sentinels import objects
from tests.sentinels.marks import Known

TEXT = "a text that nothing else holds"


class Quiet:
    """Of a class of ours; it holds the text and shows it nowhere but in a pickle."""

    __module__ = "provisioner.engine.quiet"

    def __init__(self, text: str) -> None:
        self.text = text


class Silent(Quiet):
    """Nor there."""

    __module__ = "provisioner.engine.silent"

    def __reduce__(self) -> NoReturn:
        raise TypeError


class Spelled(Silent):
    __module__ = "provisioner.engine.spelled"

    def __repr__(self) -> str:
        return f"Spelled({self.text!r})"


class Printed(Silent):
    __module__ = "provisioner.engine.printed"

    def __str__(self) -> str:
        return self.text


class Stored(Spelled):
    """In the store of the local Azure it may."""

    __module__ = "localazure.app.store"


@pytest.mark.parametrize(("kind", "shows"), [(Silent, False), (Spelled, True), (Printed, True), (Stored, False)])
def test_what_an_object_shows_is_seen(kind: type[Quiet], *, shows: bool) -> None:
    known = Known(texts={TEXT})
    one = kind(TEXT)

    shown = objects.shown()

    name = f"{kind.__module__}.{kind.__qualname__}"
    assert (name in shown) is kind.__module__.startswith("provisioner.engine.")
    assert bool(known.found(shown.get(name, b""))) is shows
    assert one.text == TEXT


def test_a_pickle_is_searched() -> None:
    assert not Known(texts={TEXT}).found(objects.pickled(Silent(TEXT)))
    assert Known(texts={TEXT}).found(objects.pickled([TEXT]))
