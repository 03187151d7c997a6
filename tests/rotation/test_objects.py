"""No object of ours shows a secret while a run goes on: at each step of a provision, a rotation and a status."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.engine import apply
from provisioner.model import Action
from tests.rotation.rotating_environment import DAY, RotatingEnvironment, failed
from tests.sentinels import objects
from tests.sentinels.plugin import WATCH

if TYPE_CHECKING:
    import pytest

    from provisioner.model import Outcome, Step
    from tests.emulator import LocalAzure

SPEC = Path(__file__).parents[2] / "environments/local.yaml"
THROUGH = ("client_secret", "vault_secret", "airflow_runtime", "dag_file")  # what a secret goes through
HOLDERS = {
    "provisioner.cloud.transport.sign_in.LocalSettings",
    "provisioner.cloud.transport.tokens.Tokens",
    "provisioner.engine.apply.Apply",
    "provisioner.engine.step_runner.StepRunner",
    "provisioner.kinds.airflow_runtime.records.AirflowRuntime",
    "provisioner.kinds.vault_secret.records.VaultSecret",
    "provisioner.model.plans.Step",
    "provisioner.secret.Secret",
    "provisioner.spec.model.Environment",
}


def test_no_object_of_a_run_shows_a_secret(azure: LocalAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # One step at a time: a tuple that another thread is making must not be held by anyone, and gc hands it out.
    monkeypatch.setattr(apply, "THREADS", 1)
    seen: set[str] = set()
    done: set[Action] = set()

    def look() -> None:
        for name, content in objects.shown().items():
            seen.add(name)
            WATCH.look("objects", f"an object: {name}", content)

    def watched(step: Step, outcome: Outcome | None) -> None:
        if outcome is not None and step.address.kind in THROUGH and step.action is not Action.KEEP:
            done.add(step.action)
            look()

    rotations = RotatingEnvironment(azure=azure, spec=SPEC, journal=tmp_path / "journal", watched=watched)
    provisioned = rotations.provision()
    look()
    rotations.advance(31 * DAY)
    rotated = rotations.rotate()
    look()
    status = rotations.status()
    look()

    assert (failed(provisioned), failed(rotated)) == ([], [])
    assert done >= {Action.CREATE, Action.ROTATE, Action.UPDATE}
    assert status.steps
    assert seen >= HOLDERS
