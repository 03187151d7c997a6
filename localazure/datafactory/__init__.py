"""Microsoft.DataFactory, and the web server of the Airflow that it hosts."""

from localazure.datafactory import airflow_program, airflow_web, authored, factories

SERVICES = (airflow_web.SERVICE, authored.SERVICE, factories.SERVICE)
RUNTIMES = (airflow_program.RUNTIME,)
