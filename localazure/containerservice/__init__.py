"""Azure Kubernetes Service (Microsoft.ContainerService): clusters, their issuers of tokens, and Airflows on them."""

from localazure.containerservice import airflow_ingress, airflow_workload, api_server, issuer, managed_clusters

SERVICES = (airflow_ingress.SERVICE, api_server.SERVICE, issuer.SERVICE, managed_clusters.SERVICE)
RUNTIMES = (airflow_workload.RUNTIME,)
