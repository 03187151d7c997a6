"""The table of rights in docs/access.md: what the suite of least privilege grants, written by `make goldens`."""

from __future__ import annotations

import re
from pathlib import Path

from provisioner.commands.run import names_of
from provisioner.recipe.rights import HEADER, needed_rights, table
from tests.environment_files import load

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/access.md"
RIGHTS = needed_rights(environment := load("local", ROOT / "environments", environ={}), names_of(environment, "tenant"))


def with_table(page: str) -> str:
    """The page with the table as it is to be."""
    return re.sub(rf"{re.escape(HEADER)}(\|.*\n)*", lambda _: table(RIGHTS), page, count=1)


def write() -> None:
    """Write the page anew."""
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
