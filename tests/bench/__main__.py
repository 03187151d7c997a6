"""Measures what the project promises about speed and prints one table; exit code 1 if a median breaks its limit.

`make bench` runs everything, `make bench ARGS='--runs 9 planning'` some of it.
"""

from __future__ import annotations

import argparse
import os

from tests.bench.figures import FIGURES, Row
from tests.bench.world import world

RUNS = 5
BUSY = 1.5


def main() -> int:
    """Arguments in, exit code out."""
    names = {figure.__name__: figure for figure in FIGURES}
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=RUNS, metavar="N", help=f"of each, for the median (default {RUNS})")
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"only these, of {', '.join(names)}")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.figures) - names.keys()):
        parser.error(f"no figure {unknown[0]!r}; there are {', '.join(names)}")
    kept = True
    print(f"{'':46}{'median':>9}{'least':>9}{'greatest':>9}{'limit':>9}")
    with world() as started:
        for name in asked.figures or names:
            for row in names[name](started, asked.runs):
                print(_line(row), flush=True)
                kept = kept and row.kept
    busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    if busy > BUSY:
        print(f"The machine did {busy:.1f} times what it can do at once: seconds are longer than they need be.")
    return 0 if kept else 1


def _line(row: Row) -> str:
    limit = "" if row.most is None else f"{row.most:g}"
    digits = 2 if row.unit == "s" else 0
    figures = "".join(f"{figure:9.{digits}f}" for figure in (row.median, min(row.found), max(row.found)))
    return f"{row.what:46}{figures}{limit:>9} {row.unit:4}{'' if row.kept else 'BROKEN'}".rstrip()


if __name__ == "__main__":
    raise SystemExit(main())
