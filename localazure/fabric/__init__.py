"""Microsoft Fabric: Apache Airflow jobs of a workspace, and the web server of the Airflow behind each."""

from localazure.fabric import airflow_web, environments, files, items, operations, pools, workspaces

SERVICES = (
    airflow_web.SERVICE,
    environments.SERVICE,
    files.SERVICE,
    items.SERVICE,
    operations.SERVICE,
    pools.SERVICE,
    workspaces.SERVICE,
)
RUNTIMES = (airflow_web.RUNTIME,)
