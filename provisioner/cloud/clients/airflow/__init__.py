"""Airflow's REST API: `client` sends requests, `objects` has the types of its answers, `logs` reads logs of tasks."""

from provisioner.cloud.clients.airflow.client import Airflow
from provisioner.cloud.clients.airflow.objects import DagRun, ImportFailure, TaskReport, TaskRun

__all__ = ["Airflow", "DagRun", "ImportFailure", "TaskReport", "TaskRun"]
