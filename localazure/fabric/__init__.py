"""Microsoft Fabric: Apache Airflow jobs of a workspace, and the web server of the Airflow behind each."""

from localazure.fabric import airflow_job_environments, airflow_web, files, items, operations, pools, workspaces

SERVICES = (
    airflow_job_environments.SERVICE,
    airflow_web.SERVICE,
    files.SERVICE,
    items.SERVICE,
    operations.SERVICE,
    pools.SERVICE,
    workspaces.SERVICE,
)
RUNTIMES = (airflow_web.RUNTIME,)
