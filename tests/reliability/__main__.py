"""Lets runs fail in every way, counts what came of it, prints one table; exit code 1 if something did not hold.

`make reliability` does all of it, `make reliability ARGS=kills` a part. Each part is a module of `measures`. What was
counted is kept in `.local/reliability.json` as it comes; `ARGS=--table` prints the table of what is there, and
`ARGS=--readme` writes it into README.md, if it is of everything.
"""

from __future__ import annotations

import argparse
import signal
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from tests.reliability import measures
from tests.reliability.readme import with_table
from tests.reliability.tally import Figures

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.reliability.tally import Tally

ROOT = Path(__file__).parents[2]
TOLD_AFTER = 100  # runs
LONGEST = 1000  # of what went wrong, on the screen; the file has all of it


def parts() -> dict[str, Callable[[Tally], None]]:
    """By name, what can be measured: every module of `measures`."""
    names = [module.name for module in iter_modules(measures.__path__)]
    return {name: import_module(f"{measures.__name__}.{name}").measure for name in names}


def main(*arguments: str) -> int:
    """Arguments in, exit code out."""
    known = parts()
    asked = _asked(arguments, tuple(known))
    figures = Figures.kept(asked.figures, known)
    measured = () if asked.table or asked.readme else tuple(asked.parts or known)
    for name in measured:
        figures.measure(name, known[name], _teller(name), every=asked.every)
    lacks = tuple(figures.lacks(known))
    print(figures.text, *(f"({lack})" for lack in lacks), sep="\n")
    if asked.readme:
        if lacks or not all(tally.held for tally in figures.parts.values()):
            print("README.md is not written: these are not the figures of everything, or not all held", file=sys.stderr)
            return 1
        readme = ROOT / "README.md"
        readme.write_text(with_table(readme.read_text(encoding="utf-8"), figures), encoding="utf-8")
    return 0 if all(figures.parts[name].held for name in measured) else 1


def _asked(arguments: tuple[str, ...], known: tuple[str, ...]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make reliability", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"only these, of {', '.join(known)}")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each Nth call (default: every one)")
    parser.add_argument(
        "--figures",
        type=Path,
        default=ROOT / ".local" / "reliability.json",
        metavar="FILE",
        help="where the figures are kept, by part (default: .local/reliability.json)",
    )
    parser.add_argument("--table", action="store_true", help="run nothing; print the table of what was counted before")
    parser.add_argument("--readme", action="store_true", help="run nothing; write that table into README.md")
    asked = parser.parse_args(arguments)
    if unknown := sorted(set(asked.parts) - set(known)):
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(known)}")
    return asked


def _teller(name: str) -> Callable[[Tally], None]:
    """Prints a line now and then and one at the end, and what went wrong as soon as it did."""
    told = list[str]()

    def tell(tally: Tally) -> None:
        for wrong in tally.wrong[len(told) :]:
            told.append(wrong)
            print(f"! {wrong[:LONGEST]}", flush=True)
        if tally.ended or tally.runs % TOLD_AFTER == 0:
            print(f"{name}: {tally.survived} of {tally.runs} runs survived, {tally.seconds:.0f} s", flush=True)

    return tell


def _ended(number: int, _frame: object) -> None:
    """Ended from outside: the local Azures that were started end, too."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _ended)
    raise SystemExit(main(*sys.argv[1:]))
