"""`verify` and `plan` of an Airflow that somebody runs, which cannot import a DAG, or has another text of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioner.commands.run import names_of
from provisioner.model import Platform
from provisioner.recipe.recipe import declared_targets
from provisioner.verify.check import Check, failed
from provisioner.verify.checks import DAG
from tests.airflow_server import MOMENT
from tests.rotation.switching import Switch, switches

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.emulator import LocalAzure

TRACE = "Traceback (most recent call last):\n  File …\nModuleNotFoundError: No module named 'nobody'\n"
FAILURE = {"import_error_id": 1, "timestamp": MOMENT, "bundle_name": "dags-folder", "stack_trace": TRACE}
WHY = (
    "it cannot be imported: ModuleNotFoundError: No module named 'nobody'. `provisioner run` shows all of it; "
    "correct the DAG"
)


@pytest.fixture
def switch(azure: LocalAzure, tmp_path: Path) -> Iterator[Switch]:
    """An environment whose Airflow can be asked."""
    with switches(azure, tmp_path) as made:
        yield made


def checked(switch: Switch) -> Check:
    """What `verify` says of the DAG."""
    return next(check for check in switch.forms["secret"].verify() if check.name == DAG)


def test_a_dag_that_airflow_cannot_import_is_named_with_its_error(switch: Switch) -> None:
    switch.airflow.import_errors = [{**FAILURE, "filename": "somebody_elses.py"}]
    assert checked(switch).detail.endswith("run `provisioner provision --wait-dag`")
    switch.airflow.import_errors = [{**FAILURE, "filename": "flink_wordcount.py"}]

    for parsed in (True, False):  # an earlier text, or none
        switch.airflow.parsed = parsed
        assert checked(switch) == failed(DAG, WHY)


def planned(switch: Switch) -> Platform:
    """What `plan` says of Airflow."""
    return switch.forms["secret"].status().platform


def test_a_plan_says_which_dags_airflow_has_otherwise(switch: Switch) -> None:
    switch.verify()
    found = planned(switch)
    assert (found.drift, found.unknown.partition(" yet; ")[0]) == (
        "",
        "Airflow has another text of local-FlinkWordCountExample",
    )
    switch.airflow.import_errors = [{**FAILURE, "timestamp": "", "filename": "flink_wordcount.py"}]
    assert planned(switch).drift.startswith("Airflow cannot import dags/flink_wordcount.py: ModuleNotFoundError: ")
    switch.airflow.forbidden = "dagSources"
    assert planned(switch).unknown.startswith("what Airflow has of dags/flink_wordcount.py: ")
    switch.airflow.forbidden = ""
    environment = switch.forms["secret"].environment
    switch.airflow.source = declared_targets(environment, names_of(environment, switch.azure.tenant_id)).dags[0].content
    assert planned(switch) == Platform()
