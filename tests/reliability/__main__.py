"""Lets runs fail in every way, counts what came of it, prints one table; exit code 1 if something did not hold.

`make reliability` does all of it, `make reliability ARGS=kills` a part. Each part is a module of `measures`.
"""

from __future__ import annotations

import argparse
import time
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from tests.reliability import measures
from tests.reliability.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable


def parts() -> dict[str, Callable[[Tally], None]]:
    """By name, what can be measured: every module of `measures`."""
    names = [module.name for module in iter_modules(measures.__path__)]
    return {name: import_module(f"{measures.__name__}.{name}").measure for name in names}


def main() -> int:
    """Arguments in, exit code out."""
    known = parts()
    parser = argparse.ArgumentParser(prog="make reliability", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"only these, of {', '.join(known)}")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each Nth call (default: every one)")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.parts) - known.keys()):
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(known)}")
    tally = Tally(every=asked.every)
    for name in asked.parts or known:
        began = time.perf_counter()
        known[name](tally)
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
    for wrong in tally.wrong:
        print(f"! {wrong}")
    for what, number in tally.rows():
        print(f"{what:20}{number:>16}")
    print("; ".join(f"{number} {kind}" for kind, number in sorted(tally.faults.items())))
    return 0 if tally.held else 1


if __name__ == "__main__":
    raise SystemExit(main())
