"""Two moments of a local Azure compare as they should: the comparison sees what matters, and no chance."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from tests.reliability.census import Document, census, store_of

if TYPE_CHECKING:
    from tests.reliability.restorable_environment import RestorableEnvironment


@pytest.fixture
def documents(ground: RestorableEnvironment) -> list[Document]:
    """An environment that was provisioned."""
    ground.restore("provisioned")
    return store_of(ground.azure.state)


def changed(documents: list[Document], table: str, key: str, **values: Any) -> list[Document]:
    """The same with other values in a document whose key ends so."""
    copied = copy.deepcopy(documents)
    (found,) = [value for name, at, value in copied if name == table and at.endswith(key)]
    found.update(values)
    return copied


def test_the_same_work_done_again_under_other_random_names_compares_equal(
    ground: RestorableEnvironment, documents: list[Document]
) -> None:
    ground.restore("empty")
    ground.done("provision")

    assert store_of(ground.azure.state) != documents
    assert ground.census().differing(census(documents)) == []
    assert ground.census().twice(census(documents)) == []


def test_a_second_password_is_seen_and_has_no_holder(ground: RestorableEnvironment, documents: list[Document]) -> None:
    (application,) = [v for t, _, v in documents if t == "applications" and "airflow" in v["displayName"]]
    asked = {"passwordCredential": {"displayName": application["passwordCredentials"][0]["displayName"]}}
    assert ground.azure.graph("POST", f"applications/{application['id']}/addPassword", asked).status == 200

    found = ground.census()

    assert "2 instead of 1" in found.twice(census(documents))[0]
    assert "which no place names" in found.orphans[0]


def test_a_place_that_holds_another_secret_than_its_key_names_is_seen(documents: list[Document]) -> None:
    wrong: list[Any] = [{"version": "0" * 32, "value": "someone's own", "enabled": True, "tags": {}}]

    found = census(changed(documents, "secrets", "api-secret", versions=wrong))

    assert "NOBODY HAS ITS TEXT" in "".join(found.differing(census(documents)))


def test_a_grant_to_somebody_who_is_gone_is_an_orphan(documents: list[Document]) -> None:
    gone = [one for one in documents if not (one[0] == "service_principals" and "airflow" in one[2]["displayName"])]

    assert "grant to nobody" in census(gone).orphans[0]


def test_what_is_missing_is_told(documents: list[Document]) -> None:
    without = [one for one in documents if not one[1].endswith("wordcount.jar")]

    assert census(without).lacking(census(documents)) == ["paths stflinklocal/jobs/wordcount.jar: 0 instead of 1"]
