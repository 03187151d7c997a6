"""Microsoft.DataFactory, and the web server of the Airflow that it hosts."""

from localazure.datafactory import (
    airflow_program,
    airflow_web,
    authored,
    factories,
    factory_actions,
    integration_runtimes,
    pipeline_runs,
)

SERVICES = (
    airflow_web.SERVICE,
    authored.SERVICE,
    factories.SERVICE,
    factory_actions.SERVICE,
    integration_runtimes.SERVICE,
    pipeline_runs.SERVICE,
)
RUNTIMES = (airflow_program.RUNTIME,)
