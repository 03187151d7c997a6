"""Properties of the loader, of rendering and of name rules over texts nobody thinks of; the same in each run."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localazure.app.resource_manager import groups
from localazure.datafactory import factories
from localazure.keyvault import management, vault_secrets
from localazure.storage.account import accounts
from localazure.storage.data import containers
from provisioner.errors import SpecError
from provisioner.spec import fields
from provisioner.spec.targets.airflow import data_factory
from tests.environment_files import load, loaded, write
from tests.render.rendered_dag import constants, dag_text
from tests.render.settings import settings_of
from tests.sentinels.counts import tried

if TYPE_CHECKING:
    from types import ModuleType

    from provisioner.spec.fields import Rule

FEW = settings(max_examples=150, deadline=None, derandomize=True, database=None)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
MARKS = r"""a : - { } [ ] &a *a !!str ' " ${A} ${ # | > --- ? vault job 1"""
BITS = st.sampled_from([*MARKS.split(" "), " ", "\n", "\t"])
# Near what the rules are about: where they end, what looks like a letter or a digit and is none.
NAMES = st.text("aZ09-._() ä٣\n$", max_size=8) | st.text("a0-", min_size=1, max_size=95) | st.text("aA", max_size=130)
RULES: dict[str, tuple[Rule, ModuleType, str]] = {
    "vault": (fields.VAULT, management, "_NAME"),
    "account": (fields.ACCOUNT, accounts, "_NAME"),
    "container": (fields.CONTAINER, containers, "_NAME"),
    "factory": (data_factory.NAME, factories, "NAME"),
    "group": (fields.GROUP, groups, "_GROUP_NAME"),
    "secret": (fields.SECRET_NAME, vault_secrets, "_NAME"),
}


def quoted(text: str) -> str:
    """The text as a YAML scalar, every character escaped, `${` doubled."""
    return '"' + "".join(f"\\U{ord(character):08x}" for character in text.replace("${", "$${")) + '"'


@pytest.mark.parametrize("name", RULES)
def test_a_name_that_the_spec_takes_azure_takes_and_no_other(name: str) -> None:
    rule, module, pattern = RULES[name]
    theirs: re.Pattern[str] = vars(module)[pattern]

    @FEW
    @given(NAMES)
    def agree(text: str) -> None:
        tried()
        assert (re.fullmatch(rule.pattern, text) is None) == (theirs.fullmatch(text) is None)

    agree()


@FEW
@given(st.binary(max_size=200) | st.lists(BITS, max_size=40).map(lambda bits: "".join(bits).encode()))
def test_whatever_bytes_a_file_holds_it_is_a_spec_error_with_lines(raw: bytes) -> None:
    tried()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "x.yaml"
        file.write_bytes(raw)
        with pytest.raises(SpecError) as caught:
            load(str(file), environ={"A": "b"})
        assert all(problem.line > 0 and problem.right for problem in caught.value.problems)


@FEW
@given(TEXTS, TEXTS)
def test_any_text_that_a_spec_takes_is_the_same_in_the_dag_and_in_the_settings(args: str, value: str) -> None:
    tried()
    with TemporaryDirectory() as folder:
        job = f"{{jar: job.jar, args: {quoted(args)}}}"
        environment = loaded(Path(folder), f"variables: {{a: {quoted(value)}}}", job=job)
        assert environment.variables["a"].reveal() == value
        assert environment.all_jobs[0].spec.args == constants(dag_text(environment))["ARGS"]


@FEW
@given(TEXTS)
def test_what_a_spec_says_of_requirements_is_what_airflow_gets(line: str) -> None:
    tried()
    with TemporaryDirectory() as folder:
        airflow = f"{{factory: fff, runtime: rrr, requirements: [{quoted(line)}]}}"
        try:
            environment = load(str(write(Path(folder), airflow=airflow)), environ={})
        except SpecError:
            return
        made = settings_of(environment)
        assert made.requirements[-1] == line
        assert ast.literal_eval(repr(made.requirements))[-1] == line
