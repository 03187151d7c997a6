"""The data factory that the local Azure comes with, and an identity, by the aio clients. Argument: subscription."""

import asyncio
import json
import sys

from azure.identity.aio import DefaultAzureCredential
from azure.mgmt.datafactory.aio import DataFactoryManagementClient
from azure.mgmt.msi.aio import ManagedServiceIdentityClient
from azure.mgmt.resource.resources.aio import ResourceManagementClient


async def main(subscription):
    async with (
        DefaultAzureCredential() as credential,
        ResourceManagementClient(credential, subscription) as resources,
        ManagedServiceIdentityClient(credential, subscription) as identities,
        DataFactoryManagementClient(credential, subscription) as factories,
    ):
        await resources.resource_groups.create_or_update("rg-id", {"location": "westeurope"})
        wanted = {"location": "westeurope"}
        made = await identities.user_assigned_identities.create_or_update("rg-id", "id-async", wanted)
        again = await identities.user_assigned_identities.get("rg-id", "id-async")
        found = {
            "identity": made.principal_id,
            "identity again": again.principal_id,
            "factories": [one.name async for one in factories.factories.list()],
        }
        (factory,) = found["factories"]
        at = ("flink-platform", factory)
        await factories.pipelines.create_or_update(*at, "empty", {"properties": {"activities": []}})
        run = await factories.pipelines.create_run(*at, "empty")
        found["run"] = (await factories.pipeline_runs.get(*at, run.run_id)).status
        ssis = {"type": "Managed", "typeProperties": {"ssisProperties": {"edition": "Standard"}}}
        await factories.integration_runtimes.create_or_update(*at, "ssis", {"properties": ssis})
        starting = await factories.integration_runtimes.begin_start(*at, "ssis")
        found["runtime"] = (await starting.result()).properties.state
    print(json.dumps(found))


asyncio.run(main(*sys.argv[1:]))
