"""What every verb prints, which calls it makes and what it leaves in the cloud is as the files in `expected/` say.

Where a change is meant, `make goldens` writes them anew; their diff is for the reviewer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.goldens import files
from tests.goldens.scenario import recorder

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator import LocalAzure


def test_every_verb_prints_calls_and_leaves_what_it_did_before(azure: LocalAzure, tmp_path: Path) -> None:
    different = files.differing(files.expected(), recorder(azure, tmp_path, files.fixed()).files())
    if different:
        pytest.fail(different, pytrace=False)
