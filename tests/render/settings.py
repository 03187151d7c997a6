"""The settings that Airflow gets from a spec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.render.airflow_settings import AirflowSettings, airflow_settings
from provisioner.spec.targets.airflow.data_factory import DataFactoryAirflow

if TYPE_CHECKING:
    from provisioner.spec.model import Environment

VAULT = "https://kv-dev.vault.azure.net/"


def settings_of(environment: Environment, **names: str) -> AirflowSettings:
    airflow = environment.airflow
    assert isinstance(airflow, DataFactoryAirflow)
    own = AirflowSettings(
        overrides={**airflow.overrides},
        environment={**airflow.environment},
        requirements=tuple(airflow.requirements),
    )
    return airflow_settings(airflow, own, **{"vault_url": VAULT, **names})
