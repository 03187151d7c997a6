"""What `make reliability` keeps and tells: of a whole run, of parts, of one that was cut off."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.reliability.__main__ import main, parts
from tests.reliability.readme import with_table
from tests.reliability.tally import NOT_COUNTED, Figures, Tally

if TYPE_CHECKING:
    from collections.abc import Callable

README = Path(__file__).parents[2] / "README.md"
KNOWN = ("kills", "hostile")


def kills(tally: Tally) -> None:
    """Three runs, one of which left something."""
    tally.kill_points |= {"a", "b"}
    tally.ran("killed before")
    tally.ran("killed before", "it hung")
    tally.ran("answer lost", "twice", duplicates=1)


def hostile(tally: Tally) -> None:
    """No runs."""
    tally.secrets_found, tally.bad_inputs = 0, 7


def cut_off(tally: Tally) -> None:
    """One run, then an end from outside."""
    tally.ran("answer lost")
    raise SystemExit(143)


def quiet(_tally: Tally) -> None:
    """Tells nobody."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new" / "figures.json"


def measured(file: Path, **measures: Callable[[Tally], None]) -> Figures:
    figures = Figures.kept(file, KNOWN)
    for name, measure in measures.items():
        figures.measure(name, measure, quiet, every=1)
    return Figures.kept(file, KNOWN)


def test_parts_that_ran_one_by_one_make_one_table(file: Path) -> None:
    assert dict(measured(file, kills=kills).rows())["bad inputs tried"] == NOT_COUNTED

    figures = measured(file, hostile=hostile)

    assert dict(figures.rows()) == {
        "faults injected": "3",
        "kinds of fault": "2",
        "kill points": "2",
        "runs survived": "1 of 3",
        "duplicates": "1",
        "orphans": "0",
        "secrets found": "0",
        "bad inputs tried": "7",
    }
    assert list(figures.lacks(KNOWN)) == []
    assert (figures.parts["kills"].held, figures.parts["hostile"].held) == (False, True)


def test_a_run_that_was_cut_off_tells_as_far_as_it_came(file: Path) -> None:
    with pytest.raises(SystemExit):
        measured(file, kills=cut_off)

    figures = Figures.kept(file, KNOWN)

    assert dict(figures.rows())["runs survived"] == "1 of 1"
    assert list(figures.lacks(KNOWN)) == ["kills was cut off after 1 runs", "hostile was not run"]
    assert not figures.parts["kills"].held


def test_a_part_that_runs_again_counts_anew(file: Path) -> None:
    measured(file, kills=kills)

    assert dict(measured(file, kills=kills).rows())["faults injected"] == "3"


def test_a_sample_is_told_as_one(file: Path) -> None:
    Figures.kept(file, KNOWN).measure("kills", kills, quiet, every=10)

    assert next(Figures.kept(file, KNOWN).lacks(KNOWN)) == "kills was run with each 10th call only"


def test_the_readme_has_a_place_for_the_table(file: Path) -> None:
    figures, readme = measured(file, kills=kills, hostile=hostile), README.read_text(encoding="utf-8")

    written = with_table(readme, figures)

    assert "\n    runs survived                     1 of 3\n" in written
    assert with_table(written, figures) == written
    with pytest.raises(ValueError, match="has no line"):
        with_table("# elsewhere", figures)


def test_the_readme_is_not_written_from_parts(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = README.read_bytes()
    measured(file, kills=kills)

    assert main("--readme", "--figures", str(file)) == 1

    said = capsys.readouterr()
    assert README.read_bytes() == before
    assert "hostile was not run" in said.out
    assert "README.md is not written" in said.err


def test_a_part_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main("kill")
    assert f"no part 'kill'; there are {', '.join(parts())}" in capsys.readouterr().err
