"""An Apache Airflow job of Fabric, by microsoft-fabric-api, as its users write it. Argument: the workspace's name."""

import base64
import json
import sys

from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
from microsoft_fabric_api import FabricClient
from microsoft_fabric_api.generated.apacheairflowjob import models

PART = "apacheairflowjob-content.json"
POOL = {"minNodeCount": 5, "maxNodeCount": 6}


def definition():
    airflow = {"airflowEnvironmentVariables": {"A": "from the definition"}, "airflowRequirements": ["one==1"]}
    content = {"properties": {"type": "Airflow", "typeProperties": {"airflowProperties": airflow}}}
    part = models.ApacheAirflowJobDefinitionPart(
        path=PART, payload=base64.b64encode(json.dumps(content).encode()).decode(), payload_type="InlineBase64"
    )
    parts = models.ApacheAirflowJobDefinition(parts=[part])
    return models.UpdateApacheAirflowJobDefinitionRequest(definition=parts)


def named(values):
    return [models.NameValuePair(name=name, value=value) for name, value in values.items()]


fabric = FabricClient(DefaultAzureCredential())
(workspace,) = [one.id for one in fabric.core.workspaces.list_workspaces() if one.display_name == sys.argv[1]]
airflow = fabric.apacheairflowjob
request = models.CreateApacheAirflowJobRequest(display_name="airflow-dev", description="owner tag")
job = airflow.items.create_apache_airflow_job(workspace, request)
at = (workspace, job.id)
found = {"type": job.type, "jobs": [one.display_name for one in airflow.items.list_apache_airflow_jobs(workspace)]}
airflow.items.update_apache_airflow_job_definition(*at, definition())
parts = airflow.items.get_apache_airflow_job_definition(*at).definition.parts
found["parts"] = sorted(part.path for part in parts)
airflow.environment.start_apache_airflow_job_environment_beta(*at)
found["status"] = airflow.environment.get_apache_airflow_job_environment_beta(*at, beta=True).status
before = airflow.settings.get_apache_airflow_job_settings_beta(*at, beta=True)
found["before"] = [(one.name, one.value) for one in before.environment_variables]
changes = models.AirflowEnvironmentSettingsRequest(
    environment_variables=[*before.environment_variables, *named({"B": "added"})],
    airflow_configuration_overrides=named({"AIRFLOW__SECRETS__BACKEND": "x"}),
    triggerers="Disabled",
)
airflow.settings.update_apache_airflow_job_settings_beta(*at, changes)
after = airflow.settings.get_apache_airflow_job_settings_beta(*at, beta=True)
found["after"] = [one.name for one in (*after.environment_variables, *after.airflow_configuration_overrides)]
try:
    reserved = models.AirflowEnvironmentSettingsRequest(environment_variables=named({"AZURE_CLIENT_ID": "x"}))
    airflow.settings.update_apache_airflow_job_settings_beta(*at, reserved)
except HttpResponseError as error:
    found["reserved"] = error.status_code
airflow.requirements.deploy_apache_airflow_job_requirements_beta(*at, "two==2\n")
libraries = airflow.requirements.list_apache_airflow_job_libraries_beta(*at, beta=True)
found["libraries"] = [(one.name, one.version) for one in libraries]
airflow.files.create_or_update_apache_airflow_job_file_beta(*at, "dags/one.py", b"print()", beta=True)
listed = airflow.files.list_apache_airflow_job_files_beta(*at, beta=True, root_path="dags")
found["files"] = [(one.file_path, one.size_in_bytes) for one in listed]
found["file"] = b"".join(airflow.files.get_apache_airflow_job_file_beta(*at, "dags/one.py", beta=True)).decode()
airflow.files.delete_apache_airflow_job_file_beta(*at, "dags/one.py", beta=True)
pool = airflow.pool_management.create_airflow_pool_template_beta(
    workspace,
    {"name": "own", "nodeSize": "Small", "computeScalability": POOL, "apacheAirflowJobVersion": "1.0.0"},
    beta=True,
)
compute = models.AirflowEnvironmentComputeRequest(pool_template_id=pool.id)
airflow.compute.update_apache_airflow_job_compute_beta(*at, compute)
found["pool"] = airflow.compute.get_apache_airflow_job_compute_beta(*at, beta=True).pool_template_name
settings = airflow.workspace_settings.get_airflow_workspace_settings_beta(workspace, beta=True)
found["default pool is the starter's"] = set(settings.default_pool_template_id) == {"0", "-"}
airflow.environment.stop_apache_airflow_job_environment_beta(*at)
airflow.items.delete_apache_airflow_job(*at)
try:
    airflow.items.get_apache_airflow_job(*at)
except HttpResponseError as error:
    found["deleted"] = json.loads(error.response.text())["errorCode"]
print(json.dumps(found))
