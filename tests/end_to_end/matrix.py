"""`make matrix`: the life of an environment for each pair of targets, with a real Airflow and a real Flink."""

from __future__ import annotations

import pytest

from tests.end_to_end import life
from tests.end_to_end.conftest import person_with


@pytest.mark.parametrize("flink", ["hdinsight-aks", "rest"])
@pytest.mark.parametrize("airflow", ["data-factory", "fabric", "self-managed"])
def test_an_environment_lives(tmp_path_factory: pytest.TempPathFactory, airflow: str, flink: str) -> None:
    with person_with(life.BASES[airflow], tmp_path_factory) as person:
        life.has_both_jobs(person, airflow, flink)
        life.is_provisioned(person)
        life.counts_all_words(person, life.WORDS)
        life.is_verified(person)
        life.drifts_and_is_repaired(person)
        life.rotates(person)
        life.counts_all_words(person, life.WORDS)
        life.is_upgraded(person)
        life.is_torn_down(person)
