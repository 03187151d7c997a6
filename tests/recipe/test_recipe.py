"""What a recipe declares holds together: whatever a node refers to is declared, once, and can be put into an order."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioner.commands import declared_recipe
from provisioner.engine.order import ordered
from provisioner.model import Address, refs
from tests.environment_files import load, loaded

if TYPE_CHECKING:
    from provisioner.model import Recipe

ENVIRONMENTS = Path(__file__).parents[2] / "environments"
FURTHER = """
principals:
  reporter: {role: Reader, secrets: [reporter-secret]}
  loader: {role: Reader}
jars: [{jar: job.jar, directory: more}]
variables: {greeting: hello}
connections: {database: 'postgresql://host'}
"""


@pytest.fixture(params=["article", "dev", "local", "prod", "further"])
def recipe(request: pytest.FixtureRequest, tmp_path: Path) -> Recipe:
    """Of each environment in the repository, and of one with further principals, jars and variables."""
    if request.param == "further":
        return declared_recipe(loaded(tmp_path, FURTHER))
    return declared_recipe(load(request.param, ENVIRONMENTS, environ={}))


def test_each_address_is_declared_once(recipe: Recipe) -> None:
    addresses = [str(node.address) for node in recipe.nodes]
    assert len(set(addresses)) == len(addresses) > 20


def test_whatever_a_node_refers_to_is_declared_and_comes_before_it(recipe: Recipe) -> None:
    before = set[Address]()
    for node in ordered(recipe.nodes):
        assert {*node.all_needs} <= before, node.address
        before.add(node.address)


def test_what_is_no_longer_declared_is_looked_for_in_declared_containers(recipe: Recipe) -> None:
    addresses: set[Address | None] = {None, *(node.address for node in recipe.nodes)}
    assert {search.container for search in recipe.searches} <= addresses


def test_roles_that_are_wider_than_needed_are_noted(tmp_path: Path) -> None:
    noted = declared_recipe(loaded(tmp_path)).notes
    principals = "principals: {airflow: {role: Key Vault Secrets User}}"
    narrow = declared_recipe(loaded(tmp_path, principals, job="{jar: job.jar, role: Storage Blob Data Reader}")).notes
    assert [note for note in noted if "role" in note] != []
    assert [note for note in narrow if "role" in note] == []


def test_every_reference_is_to_an_output_of_the_kind_that_its_address_names(recipe: Recipe) -> None:
    found = {(ref.address.kind, ref.output) for node in recipe.nodes for ref in refs(node.desired)}
    outputs = {kind: import_module(f"provisioner.kinds.{kind}").Outputs for kind, _ in found}
    assert [(kind, output) for kind, output in sorted(found) if output not in vars(outputs[kind]())] == []
