"""Nothing names a target but its own files: its section, its declaration, its part of a DAG, its kinds and clients."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioner.spec.targets import target_classes
from tests.test_structure import imports

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TOP = Path(__file__).parents[1]
ROLES = {name: role for role in ("airflow", "flink") for name in target_classes(role)}
URL = re.compile(r"(?:https?://|learn\.microsoft\.com/)\S+")
SHARED = ("provisioner.kinds.", "provisioner.cloud.clients.")
# Names that are no decision about a target: what they are instead.
OTHERS = {
    ("hdinsight-aks", "provisioner/spec/targets/airflow/data_factory.py"): "the prefix that vaults have by default",
    ("data-factory", "provisioner/cloud/remedies.py"): "a role of Azure's, by its resource provider",
    ("data-factory", "provisioner/cloud/built_in_roles.py"): "a role of Azure's",
    ("hdinsight-aks", "provisioner/cloud/built_in_roles.py"): "roles of Azure's",
    ("data-factory", "provisioner/model/api_versions.py"): "a resource provider of Azure's",
}


def own_files(name: str, graph: Mapping[str, set[str]]) -> set[Path]:
    """The files of a target: those named after it, and the kinds and clients that nothing but these imports."""
    module = name.replace("-", "_")
    own = {f"provisioner.{room}.targets.{ROLES[name]}.{module}" for room in ("spec", "recipe")}
    units = {unit(one) for one in graph if unit(one) != one or one.startswith(SHARED)}
    while more := {one for one in units - own if (by := importers(one, graph)) and by <= own}:
        own |= more
    modules = {file for one in own for file in (TOP / one.replace(".", "/")).rglob("*.py")}
    files = {TOP / f"{one.replace('.', '/')}.py" for one in own}
    return {TOP / f"templates/dags/parts/targets/{module}.py.j2", *modules, *files}


def importers(name: str, graph: Mapping[str, set[str]]) -> set[str]:
    """The units outside a kind or client that import it."""
    return {unit(other) for other, names in graph.items() if name in map(unit, names)} - {name}


def unit(module: str) -> str:
    """The kind or the client that a module belongs to; else the module itself."""
    for room in SHARED:
        if module.startswith(room):
            return room + module.removeprefix(room).partition(".")[0]
    return module


def _pattern(name: str) -> str:
    """The name in any spelling; one that is a single word only where it is quoted or beside its role."""
    if "-" in name:
        return r"(?:[-_ ]|[-_ ]on[-_ ])?".join(name.split("-"))  # no dot: `self.managed…` names a field
    role = ROLES.get(name, "flink")
    return rf"[\"'`]{name}[\"'`]|{role}[-_.]{name}\b|\b{name}{role}\b"


def mentions(name: str, files: Iterable[Path], top: Path) -> list[str]:
    """Where files name a target, in any spelling of its words; addresses of web pages do not count."""
    words = re.compile(_pattern(name), re.IGNORECASE)
    found: list[str] = []
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if words.search(URL.sub("", line)):
                found.append(f"{file.relative_to(top)}:{number}: {line.strip()}")
    return found


@pytest.mark.parametrize("name", ROLES)
def test_nothing_outside_its_files_names_a_target(name: str) -> None:
    own = own_files(name, imports(TOP, "provisioner")) | {TOP / file for other, file in OTHERS if other == name}
    files = [*(TOP / "provisioner").rglob("*.py"), *(TOP / "templates").rglob("*.j2")]
    outside = sorted({*files} - own)
    assert len(outside) > 100
    assert mentions(name, outside, TOP) == []


@pytest.mark.parametrize("pair", OTHERS)
def test_an_exception_is_one_that_is_needed(pair: tuple[str, str]) -> None:
    assert mentions(pair[0], [TOP / pair[1]], TOP)


@pytest.mark.parametrize("text", ["DataFactory", "data_factory", "in Data Factory", "'data-factory'", "datafactory"])
def test_a_name_is_found_in_any_spelling(tmp_path: Path, text: str) -> None:
    (tmp_path / "one.py").write_text(f"a\nx = {text}  # https://learn.microsoft.com/azure/data-factory/\n")
    assert len(mentions("data-factory", [tmp_path / "one.py"], tmp_path)) == 1
    (tmp_path / "one.py").write_text("# https://learn.microsoft.com/azure/data-factory/\n")
    assert mentions("data-factory", [tmp_path / "one.py"], tmp_path) == []
