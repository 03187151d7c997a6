"""The tables of rights in docs/access.md: what the suite of least privilege grants, written by `make goldens`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.commands.run import names_of
from provisioner.recipe.rights import HEADER, markdown_table, required_and_optional_rights
from tests.environment_files import load

if TYPE_CHECKING:
    from provisioner.model import NeededRight

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/access.md"


def rights_of(name: str) -> tuple[NeededRight, ...]:
    """What the environment of a file of environments/ needs."""
    environment = load(name, ROOT / "environments", environ={})
    return required_and_optional_rights(environment, names_of(environment, "tenant"))


RIGHTS = rights_of("local")
KNOWN = {(one.where, one.role) for one in RIGHTS}
TESTS = ROOT / "tests"


def beyond(*names: str) -> tuple[NeededRight, ...]:
    """What environments need beyond that."""
    more = (one for name in names for one in rights_of(name) if (one.where, one.role) not in KNOWN)
    return tuple({(one.where, one.role): one for one in more}.values())


IN_FABRIC = beyond("fabric")
SELF_MANAGED = beyond(
    "self-managed", str(TESTS / "reliability/managed-identity.yaml"), str(TESTS / "rights/assigned-identity.yaml")
)
ELSEWHERE = beyond(str(TESTS / "rights/elsewhere.yaml"))
TABLES = (RIGHTS, SELF_MANAGED, IN_FABRIC, ELSEWHERE)  # in the order of the page


def with_table(page: str) -> str:
    """The page with the tables as they are to be."""
    tables = map(markdown_table, TABLES)
    written, count = re.subn(rf"{re.escape(HEADER)}(\|.*\n)*", lambda _: next(tables, ""), page)
    assert count == len(TABLES)
    return written


def write() -> None:
    """Write the page anew."""
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
