"""What every verb says, which calls it makes and what it leaves in the cloud is as it was.

Where a change is meant, `make goldens` writes the files anew; their diff is for the reviewer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.goldens import files
from tests.goldens.scenario import begun, lived

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator import LocalAzure


def test_every_verb_says_and_does_what_it_did(azure: LocalAzure, tmp_path: Path) -> None:
    now = lived(begun(azure, tmp_path, files.fixed()))
    different = files.differing(files.expected(), now)
    assert not different, different
