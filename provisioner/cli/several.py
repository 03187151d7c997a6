"""Which environments a command line names: names, paths, globs of either, or all. Reads folders only."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.errors import Refused
from provisioner.spec.loader import FOLDER, names, spec_path
from provisioner.spec.siblings import SUFFIXES

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

GLOB = frozenset("*?[")
ALONE = ("markdown", "out", "plan")  # options that are about one environment


def is_single(arguments: Namespace) -> bool:
    """Whether the command line names one environment and no pattern: what is printed then is about that one alone."""
    return not arguments.all and len(arguments.environments) == 1 and GLOB.isdisjoint(arguments.environments[0])


def references(arguments: Namespace) -> list[str]:
    """Each environment once, in the order of the command line. Raises Refused for a pattern that matches nothing."""
    for option in ALONE:
        if getattr(arguments, option, None):
            remedy = "Run the command once for each environment"
            raise Refused(f"--{option}", "is about one environment, and several are named", remedy)
    if arguments.all:
        found = names()
        if not found:
            remedy = "Change to the folder where yours are, or give the files' paths"
            raise Refused("--all", f"{FOLDER.absolute()} has no environments", remedy)
        return found
    by_file: dict[Path, str] = {}
    for text in arguments.environments:
        for one in [text] if GLOB.isdisjoint(text) else _matching(text):
            by_file.setdefault(_file(one), one)
    return list(by_file.values())


def _matching(pattern: str) -> Iterator[str]:
    of_paths = os.sep in pattern or pattern.endswith(SUFFIXES)
    found = (
        sorted(path for path in glob(pattern) if path.endswith(SUFFIXES))  # noqa: PTH207  # absolute ones, too
        if of_paths
        else [name for name in names() if fnmatchcase(name, pattern)]
    )
    if not found:
        there = "" if of_paths else f"; there are: {', '.join(names()) or 'none'}"
        raise Refused(pattern, f"matches no environment{there}", "Quote it, so that the shell leaves it as it is")
    yield from found


def _file(reference: str) -> Path:
    """The file itself; for a name without one, which fails later on its own, a path that stands for it."""
    from provisioner.errors import SpecError

    try:
        return spec_path(reference).resolve()
    except SpecError:
        return Path(reference)
