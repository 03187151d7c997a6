"""Measures what the project promises about speed and prints one table; exit code 1 if a median breaks its limit.

On a machine that other work keeps busy, seconds of the clock are told and not judged; all other figures are.
`make bench` runs everything and writes docs/performance.md, `make bench ARGS='--runs 9 planning'` runs some of it.
"""

from __future__ import annotations

import argparse
import os

from tests.bench.figures import FIGURES
from tests.bench.measured_runs import bench
from tests.bench.page import PAGE, machine, page
from tests.bench.row import Row

RUNS = 5
BUSY = 1.5
BROKEN = "over the limit"


def main() -> int:
    """Arguments in, exit code out."""
    names = {figure.__name__: figure for figure in FIGURES}
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=RUNS, metavar="N", help=f"of each, for the median (default {RUNS})")
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"only these, of {', '.join(names)}")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.figures) - names.keys()):
        parser.error(f"no figure {unknown[0]!r}; there are {', '.join(names)}")
    rows, verdicts = list[Row](), list[str]()
    print(f"{'':50}{'median':>9}{'least':>9}{'greatest':>9}{'limit':>9}")
    with bench() as started:
        for name in asked.figures or names:
            for row in names[name](started, asked.runs):
                rows.append(row)
                verdicts.append(_verdict(row))
                print(_line(row, verdicts[-1]), flush=True)
    if not asked.figures:
        PAGE.write_text(page(rows, machine(), verdicts), encoding="utf-8")
    return int(BROKEN in verdicts)


def _verdict(row: Row) -> str:
    if row.kept:
        return ""
    return "unknown, the machine is busy" if row.waits and os.getloadavg()[0] > BUSY * (os.cpu_count() or 1) else BROKEN


def _line(row: Row, verdict: str) -> str:
    limit = "" if row.most is None else f"{row.most:g}"
    digits = 2 if row.unit in {"s", "x"} else 0
    figures = "".join(f"{figure:9.{digits}f}" for figure in (row.median, min(row.found), max(row.found)))
    return f"{row.what:50}{figures}{limit:>9} {row.unit:4}{verdict}".rstrip()


if __name__ == "__main__":
    raise SystemExit(main())
