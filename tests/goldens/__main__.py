"""`python -m tests.goldens --write` writes the files in `expected/` anew, from runs that have to agree.

It also writes the table of rights in docs/access.md, and takes the README's picture of a terminal.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from localazure.app import process
from tests import emulator, rights_table
from tests.goldens import files, picture
from tests.goldens.scenario import recorder
from tests.sentinels.marks import Known

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.goldens.scenario import Recorder


def main() -> None:
    """Raises SystemExit if two runs differ, or if a secret stands in one."""
    parser = argparse.ArgumentParser(prog="python -m tests.goldens", description=__doc__)
    parser.add_argument("--write", action="store_true", required=True, help="replace the files in expected/")
    parser.parse_args()
    fixed = _names() & _names()
    first, second = _texts(fixed), _texts(fixed)
    if wrong := files.differing(first, second):
        raise SystemExit(f"two runs differ:\n{wrong}")
    if leaks := [name for name, text in first.items() if Known().found(text.encode(), issued_only=True)]:
        raise SystemExit(f"secrets stand in {leaks}")
    files.write(first, fixed)
    rights_table.write()
    with _recorder(fixed) as recording:
        picture.write(recording.azure, str(recording.folder / "journal"))


def _names() -> frozenset[str]:
    """Every name in a run that looks random."""
    with _recorder(frozenset()) as recording:
        recording.files()
        return frozenset(recording.placeholders.numbers)


def _texts(fixed: frozenset[str]) -> dict[str, str]:
    with _recorder(fixed) as recording:
        return recording.files()


@contextmanager
def _recorder(fixed: frozenset[str]) -> Generator[Recorder]:
    """On a local Azure that ends with this."""
    with tempfile.TemporaryDirectory(prefix="goldens-") as folder:
        state = Path(folder) / "azure"
        try:
            yield recorder(emulator.start(state), Path(folder), fixed)
        finally:
            process.stop(state)


if __name__ == "__main__":
    main()
