from __future__ import annotations

import inspect

import pytest

from provisioner import errors
from provisioner.errors import CloudError, NotAuthorized, Problem, ProvisionerError, Refusals, Refused, SpecError

PROBLEM = Problem(file="dev.yaml", line=3, path="vault.name", wrong="it is too long", right="use up to 24 characters")
EXAMPLES = (
    SpecError((PROBLEM,)),
    errors.UnknownReference("box/b", "box/c"),
    errors.Cycle(("a", "b", "a")),
    errors.StalePlan("plan.json", ("dag_file/a: what would be written has changed",)),
    errors.Protected("prod"),
    errors.Unconfirmed("dev: 2 to delete"),
    Refused("box/b", "it cannot serve", "Choose another"),
    Refusals((Refused("box/b", "it cannot serve", "Choose another"),)),
    *(kind(operation="GET x") for kind in (CloudError, *CloudError.__subclasses__())),
    errors.NotInUse(
        key="client_secret/airflow/1", holder="airflow_runtime/airflow", awaited_from="the run 1", seconds=60
    ),
    errors.DagNotParsed(file="dags/job.py", dag="Job", trace="SyntaxError: invalid syntax"),
    errors.DagNotParsed(file="dags/job.py", dag="Job", seconds=60),
    errors.Defect(ZeroDivisionError()),
    errors.WrongUsage(program="provisioner plan", what="there is no 'x' here", hint="`--help` shows all of them"),
    errors.LocalError("it did not start", "Try again"),
    errors.Interrupted("apply"),
)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_every_error_is_a_sentence_that_says_what_to_do(error: ProvisionerError) -> None:
    assert len(str(error)) > 20
    assert "None" not in str(error)


def test_every_error_of_the_tree_has_an_example_here_and_a_place_in_the_drawing() -> None:
    tree = {
        name
        for name, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, ProvisionerError) and found not in (ProvisionerError, errors.PlanError)
    }

    assert tree == {type(error).__name__ for error in EXAMPLES}
    assert all(name in str(errors.__doc__) for name in tree)


def test_all_problems_of_a_spec_are_told_at_once() -> None:
    told = str(SpecError((PROBLEM, PROBLEM)))

    assert told.startswith("2 problems")
    assert told.count("dev.yaml:3: vault.name: it is too long; use up to 24 characters") == 2


def test_a_cloud_error_tells_status_code_message_request_and_remedy() -> None:
    error = NotAuthorized(
        operation="GET vaults/kv",
        status=403,
        code="Forbidden",
        message="no",
        request_id="r-1",
        address="key_vault/kv",
        remedy="Do this.",
    )

    assert str(error) == "key_vault/kv: GET vaults/kv answered 403 Forbidden: no (request r-1). Do this."


def test_an_error_without_a_sentence_is_a_defect() -> None:
    with pytest.raises(AssertionError):
        ProvisionerError().sentence()
