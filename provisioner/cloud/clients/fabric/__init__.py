"""Microsoft Fabric: Apache Airflow jobs of a workspace, their environments and files, raw on its REST API.

https://learn.microsoft.com/rest/api/fabric/apacheairflowjob
"""

from provisioner.cloud.clients.fabric.client import Fabric
from provisioner.cloud.clients.fabric.objects import AirflowJob, Compute, JobEnvironment, JobFile, Workspace

CLIENT = Fabric

__all__ = ["CLIENT", "AirflowJob", "Compute", "Fabric", "JobEnvironment", "JobFile", "Workspace"]
