"""Runs of environments without a client secret that are killed at a write; `make reliability` does it at every one.

Each write of a federated credential is here, before it and after it, and of the other writes a sample, the same each
time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reliability.kills import AFTER, BEFORE, PROVISION, TEARDOWN, Case, Trial, Way
from tests.reliability.restorable_environment import (
    MANAGED_IDENTITY,
    SELF_MANAGED,
    prepared_environment,
)
from tests.reliability.test_kills import assert_survived, sample

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator import LocalAzure

FEDERATIONS = 2  # in each of the environments
OTHERS = 1  # of each environment's verbs, in each way
TRIALS: dict[tuple[Path, Path, Case], Trial] = {}


@pytest.fixture
def trial(running_azure: LocalAzure, tmp_path_factory: pytest.TempPathFactory, spec: Path, case: Case) -> Trial:
    """With the environment prepared once per local Azure, and the undisturbed run done once."""
    grounds = [one.ground for (state, of, _), one in TRIALS.items() if (state, of) == (running_azure.state, spec)]
    made = grounds[:1] or [prepared_environment(running_azure, tmp_path_factory.mktemp(spec.stem), spec)]
    return TRIALS.setdefault((running_azure.state, spec, case), Trial(ground=made[0], case=case))


@pytest.mark.parametrize("way", [BEFORE, AFTER], ids=lambda way: way.name)
@pytest.mark.parametrize("case", [PROVISION, TEARDOWN], ids=lambda case: case.verb)
@pytest.mark.parametrize("spec", [SELF_MANAGED, MANAGED_IDENTITY], ids=lambda spec: spec.stem)
def test_a_run_that_is_killed_at_a_write_is_finished_by_the_next(trial: Trial, way: Way) -> None:
    writes = [call for call in trial.calls() if call.writes]
    federations = [call for call in writes if "/federatedIdentityCredentials" in call.path]
    others = sample([call for call in writes if call not in federations], OTHERS)

    assert len(federations) == FEDERATIONS
    assert_survived(trial.meet(call, way) for call in (*federations, *others))
