"""The note of folders in a filesystem's metadata: what is written comes back, whatever the folders are called."""

from __future__ import annotations

import pytest

from provisioner.cloud.clients.data_lake.folders import EVERYWHERE, MOST_BYTES, folders_in_note, note_name, note_text

ENVIRONMENT = "0b6d3b3f-5d1c-4d3f-8f0e-6c1f2a7b9c02"


@pytest.mark.parametrize("folders", [set[str](), {""}, {"", "a/b"}, {"a,b", "*", "ü/%2C", "x y"}])
def test_a_note_says_which_folders_it_was_written_for(folders: set[str]) -> None:
    text = note_text(folders)

    assert text.isascii()
    assert folders_in_note({note_name(ENVIRONMENT): text}, ENVIRONMENT) == folders


def test_a_note_that_metadata_cannot_hold_stands_for_every_folder() -> None:
    text = note_text(f"folder-{number:03}" for number in range(MOST_BYTES // 8))

    assert text == EVERYWHERE
    assert folders_in_note({note_name(ENVIRONMENT): text}, ENVIRONMENT) == {EVERYWHERE}


def test_another_environments_note_is_none() -> None:
    assert folders_in_note({note_name(ENVIRONMENT): "/"}, ENVIRONMENT.replace("0", "1")) is None
    assert note_name(ENVIRONMENT).isidentifier()
