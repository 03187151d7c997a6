from __future__ import annotations

import copy
import pickle

import pytest

from provisioner.secret import Secret

SENTINEL = "sentinel-5f1c"


def test_a_secret_shows_in_no_text() -> None:
    secret = Secret(SENTINEL)

    shown = f"{secret} {secret!r} {secret:>40} {[secret]} {{}}".format(secret) + str(secret) + "%s" % secret  # noqa: UP031  # one more way out

    assert SENTINEL not in shown


def test_a_secret_is_not_compared_by_equality() -> None:
    with pytest.raises(TypeError, match="matches"):
        _ = Secret("a") == Secret("a")


def test_matches_compares_texts() -> None:
    assert Secret("ä").matches(Secret("ä"))
    assert not Secret("a").matches(Secret("b"))


@pytest.mark.parametrize("export", [pickle.dumps, copy.deepcopy, hash, vars])
def test_a_secret_leaves_in_no_other_way(export: object) -> None:
    assert callable(export)
    with pytest.raises(TypeError):
        export(Secret(SENTINEL))


def test_reveal_gives_the_text() -> None:
    assert Secret(SENTINEL).reveal() == SENTINEL
