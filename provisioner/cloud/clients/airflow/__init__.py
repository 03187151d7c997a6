"""An Airflow's own REST API: `client` asks, `objects` is what it shows, `logs` what its tasks wrote."""

from provisioner.cloud.clients.airflow.client import Airflow
from provisioner.cloud.clients.airflow.objects import DagRun, ImportFailure, TaskRun

__all__ = ["Airflow", "DagRun", "ImportFailure", "TaskRun"]
