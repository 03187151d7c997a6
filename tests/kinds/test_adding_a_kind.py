"""docs/adding-a-kind.md: every field of the contract stands in it, and its example does what the page says."""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import provisioner.kinds
import provisioner.recipe
import tests.kinds
from provisioner.commands.run import declared_recipe
from provisioner.kind import Container, Credential, Holder, Kind, Preflight, Proofs
from tests.environment_files import load
from tests.kinds import lifecycle, test_contract
from tests.kinds.azure_setup import cloud_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from provisioner.cloud.cloud import Cloud
    from provisioner.model import Recipe
    from tests.emulator import LocalAzure
    from tests.kinds.lifecycle import Lifecycle

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/adding-a-kind.md").read_text(encoding="utf-8")
GROUPS = (Preflight, Proofs, Container, Holder, Credential)
NAME = "managed_identity"
MODULES = (f"provisioner.kinds.{NAME}", f"tests.kinds.test_{NAME}", "provisioner.recipe.identities")


def test_every_field_of_the_contract_is_explained() -> None:
    names = [field.name for record in (Kind, *GROUPS) for field in fields(record)]
    assert [name for name in names if f"| `{name}` |" not in PAGE] == []


def test_the_contract_is_small() -> None:
    assert len(fields(Kind)) <= 12
    assert sum(len(fields(group)) for group in GROUPS) <= 12


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The page's files as modules, by name: found in their packages as if they lay there."""
    for place, code in re.findall(r"^```python (\S+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
        file = tmp_path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)
    for package in (provisioner.kinds, provisioner.recipe, tests.kinds):
        folder = str(tmp_path / package.__name__.replace(".", "/"))
        monkeypatch.setattr(package, "__path__", [*package.__path__, folder])
    yield {name: import_module(name) for name in MODULES}
    for name in MODULES:
        package, _, module = name.rpartition(".")
        delattr(sys.modules[package], module)
        del sys.modules[name]


def test_its_tests_pass(page: dict[str, ModuleType], azure: LocalAzure, cloud: Cloud) -> None:
    found = [one for name, one in vars(page[MODULES[1]]).items() if name.startswith("test_")]
    assert found
    for test in found:
        azure.reset()
        cloud.session.reads.new_pass()
        test(**{name: {"azure": azure, "cloud": cloud}[name] for name in inspect.signature(test).parameters})


def test_the_contract_test_lives_its_life(page: dict[str, ModuleType], azure: LocalAzure) -> None:
    lived = lifecycle.lifecycle_of(azure, NAME, page[MODULES[1]].EXAMPLE)

    def live(_name: str) -> Lifecycle:
        return lived

    assert [part.name for part in lived.parts] == [lifecycle.CREATE, lifecycle.UPDATE, lifecycle.DELETE]
    for check in (
        test_contract.test_each_part_of_a_life_ends_alike_and_leaves_nothing_to_do,
        test_contract.test_an_answer_that_is_lost_after_the_write_makes_nothing_twice,
        test_contract.test_each_write_that_is_turned_away_once_is_sent_again,
        test_contract.test_replicas_that_lag_are_waited_for,
        test_contract.test_a_caller_without_the_right_is_told_which_and_writes_nothing,
    ):
        check(azure, live, NAME)


def recipe_of(page: dict[str, ModuleType], azure: LocalAzure, identities: list[str]) -> Recipe:
    """The group of environments/local.yaml and the identities that its field would name."""
    environment = load("local", ROOT / "environments", environ={})
    whole = declared_recipe(environment, azure.tenant_id)
    made: Any = page[MODULES[2]]
    group = tuple(node for node in whole.nodes if node.address.kind == "resource_group")
    nodes = tuple(made.nodes(environment, whole.environment_id, identities))
    return replace(whole, nodes=(*group, *nodes), searches=tuple(made.searches(environment, whole.environment_id)))


def test_what_the_spec_no_longer_names_is_deleted(page: dict[str, ModuleType], azure: LocalAzure) -> None:
    cloud = cloud_of(azure)
    for identities, pending in (
        (
            ["id-a", "id-b"],
            {"resource_group/flink-local": "create", f"{NAME}/id-a": "create", f"{NAME}/id-b": "create"},
        ),
        (["id-a"], {f"{NAME}/id-b": "delete"}),
        (["id-a"], {}),
    ):
        recipe = recipe_of(page, azure, identities)
        made, _ = lifecycle.planned(cloud, recipe, lifecycle.CREATE)
        assert {str(step.address): step.action.value for step in made.steps if step.pending} == pending
        assert [outcome.error for outcome in lifecycle.run(azure, cloud, recipe, lifecycle.CREATE)] == [None] * len(
            made.steps
        )
    cloud.session.close()
