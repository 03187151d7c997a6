"""One file's fields over another's."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import jsonschema
import pytest
import yaml

from provisioner.errors import SpecError
from provisioner.spec.extends import origins, read_extended
from provisioner.spec.loader import names
from provisioner.spec.schema import json_schema
from tests.environment_files import LEAST, jar, load

if TYPE_CHECKING:
    from pathlib import Path

    from provisioner.spec.model import Environment

BASE = """
tags: {team: data, stage: none}
rotation: {every: 10d, overlap: 1d}
jars: [a.jar, b.jar]
variables: {one: "${ONE}", two: two}
dag: {schedule: 0 6 * * *}
protected: true
"""
OWN = """
extends: base.yaml
name: dev
tags: {stage: dev}
rotation: {every: 20d}
jars: [c.jar]
dag: {schedule: null}
"""


def files(folder: Path, own: str = OWN, base: str = BASE) -> Path:
    rest = "".join(f"{name}: {value}\n" for name, value in LEAST.items() if name != "name")
    (folder / "base.yaml").write_text(rest + base)
    (folder / "dev.yaml").write_text(own)
    for name in ("job", "a", "b", "c"):
        jar(folder / f"{name}.jar")
    return folder / "dev.yaml"


def loaded(folder: Path, own: str = OWN, base: str = BASE) -> Environment:
    return load(str(files(folder, own, base)), environ={"ONE": "1"})


def test_maps_merge_lists_replace_and_null_takes_away(tmp_path: Path) -> None:
    environment = loaded(tmp_path)
    assert environment.tags == {"team": "data", "stage": "dev"}
    assert (environment.rotation.every, environment.rotation.overlap) == (timedelta(20), timedelta(1))
    assert [one.lake_path for one in environment.jars] == ["c.jar"]
    assert environment.dag.schedule is None
    assert environment.protected
    assert environment.variables["one"].reveal() == "1"


def test_a_problem_is_told_where_it_stands(tmp_path: Path) -> None:
    file = files(tmp_path, OWN + "access: never\n", BASE + "valt: typo\nwaits: {grant: soon}\n")
    with pytest.raises(SpecError) as caught:
        load(str(file), environ={})
    at = {problem.path: (problem.file, problem.line) for problem in caught.value.problems}
    lines = (tmp_path / "base.yaml").read_text().splitlines()
    base = str(tmp_path / "base.yaml")
    assert at == {
        "access": (str(file), OWN.count("\n") + 1),
        "valt": (base, lines.index("valt: typo") + 1),
        "waits.grant": (base, lines.index("waits: {grant: soon}") + 1),
        "variables.one": (base, lines.index('variables: {one: "${ONE}", two: two}') + 1),
    }


def test_what_is_replaced_is_no_problem_any_more(tmp_path: Path) -> None:
    environment = loaded(tmp_path, OWN + "variables: null\nvault: kv-own\n", BASE.replace("two: two", "two: [1]"))
    assert environment.variables == {}
    assert environment.vault_name == "kv-own"


def test_where_each_value_is_from_is_known(tmp_path: Path) -> None:
    found = read_extended(files(tmp_path), {"ONE": "1"})
    places = {".".join(map(str, path)): origin.rpartition("/")[2] for path, origin in origins(found)}
    assert places["tags.stage"] == "dev.yaml:4"
    assert places["tags.team"].startswith("base.yaml:")
    assert places["jars"] == "dev.yaml:6"
    assert found.variables() == ("ONE",)


@pytest.mark.parametrize("named", ["nowhere.yaml", "[base.yaml]", "null", '"a\\0b"', "."])
def test_what_is_extended_is_a_file(tmp_path: Path, named: str) -> None:
    with pytest.raises(SpecError, match=r"extends: is no (file|text); write the path of a YAML file"):
        loaded(tmp_path, OWN.replace("base.yaml", named))


def test_one_level_is_extended(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"base\.yaml:\d+: extends: extends a file that another one extends"):
        loaded(tmp_path, base=f"{BASE}extends: dev.yaml\n")


def test_a_file_that_is_only_extended_is_no_environment(tmp_path: Path) -> None:
    files(tmp_path)
    (tmp_path / "bytes.yaml").write_bytes(b"\xff")
    assert names(tmp_path) == ["bytes", "dev"]


def test_two_files_of_one_environment_are_found_through_their_base(tmp_path: Path) -> None:
    files(tmp_path)
    (tmp_path / "copy.yaml").write_text("extends: base.yaml\nname: dev\n")
    with pytest.raises(SpecError, match=r"is the environment of copy\.yaml, too"):
        loaded(tmp_path)


def test_the_schema_takes_a_file_that_extends_another(tmp_path: Path) -> None:
    document = yaml.safe_load(files(tmp_path).read_text())
    jsonschema.validate(document, json_schema())
    del document["extends"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema())
