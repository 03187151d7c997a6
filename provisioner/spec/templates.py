"""Where templates are looked for: `templates/` of the current folder first, then those that come with the tool."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# A wheel has them in the package; in a checkout they are beside it.
SHIPPED = next(folder for folder in (PACKAGE / "templates", PACKAGE.parent / "templates") if folder.is_dir())
FOLDER = Path("templates")


def find_template(name: str) -> Path:
    """The path of a template such as `dags/flink_wordcount.py.j2`.

    It is that in `templates/` of the current folder, else the shipped one, which need not exist.
    """
    own = FOLDER / name
    return own.absolute() if own.exists() else SHIPPED / name


def or_shipped(path: Path) -> Path:
    """The path, or what comes with the tool if the path leads to a file that `templates/` here does not have."""
    try:
        if path.exists():
            return path
        name = Path(os.path.relpath(path, FOLDER))
        shipped = SHIPPED / name
        return shipped if ".." not in name.parts and shipped.exists() else path
    except OSError:  # a name that is too long, a folder that is gone: who opens the path says so
        return path
