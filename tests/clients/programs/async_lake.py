"""An account, a role and six files, by the aio clients. Arguments: subscription, role definition."""

import asyncio
import base64
import json
import sys
from uuid import NAMESPACE_URL, uuid5

from azure.core.exceptions import HttpResponseError
from azure.identity.aio import DefaultAzureCredential
from azure.mgmt.authorization.aio import AuthorizationManagementClient
from azure.mgmt.resource.resources.aio import ResourceManagementClient
from azure.mgmt.storage.aio import StorageManagementClient
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.filedatalake.aio import DataLakeServiceClient

ACCOUNT = "stasync0001"


async def own_object_id(credential):
    token = (await credential.get_token("https://management.azure.com/.default")).token
    claims = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["oid"]


async def files(credential, subscription, role, account, authorization):
    found = {}
    async with DataLakeServiceClient(f"https://{ACCOUNT}.dfs.core.windows.net", credential) as lake:
        jobs = await lake.create_file_system("jobs")
        try:
            await jobs.get_file_client("in/0.bin").create_file()
        except HttpResponseError as error:
            found["refused"] = error.error_code
        principal = await own_object_id(credential)
        definition = f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        who = {"principalId": principal, "principalType": "ServicePrincipal"}
        assignment = {"properties": {"roleDefinitionId": definition, **who}}
        await authorization.role_assignments.create(account.id, str(uuid5(NAMESPACE_URL, account.id)), assignment)
        await asyncio.gather(
            *(jobs.get_file_client(f"in/{n}.bin").upload_data(bytes(100_000 + n), overwrite=True) for n in range(6))
        )
        listed = [one async for one in jobs.get_paths("in")]
        found["files"] = {one.name: one.content_length for one in sorted(listed, key=lambda one: one.name)}
        await jobs.get_file_client("in/3.bin").rename_file("jobs/out.bin")
        found["renamed"] = not await jobs.get_file_client("in/3.bin").exists()
    async with BlobServiceClient(f"https://{ACCOUNT}.blob.core.windows.net", credential) as blobs:
        stream = await blobs.get_blob_client("jobs", "out.bin").download_blob()
        found["as blob"] = len(await stream.readall())
    return found


async def main(subscription, role):
    async with (
        DefaultAzureCredential() as credential,
        ResourceManagementClient(credential, subscription) as resources,
        StorageManagementClient(credential, subscription) as storage,
        AuthorizationManagementClient(credential, subscription) as authorization,
    ):
        await resources.resource_groups.create_or_update("rg-lake", {"location": "westeurope"})
        wanted = {
            "location": "westeurope",
            "kind": "StorageV2",
            "sku": {"name": "Standard_LRS"},
            "properties": {"isHnsEnabled": True},
        }
        account = await (await storage.storage_accounts.begin_create("rg-lake", ACCOUNT, wanted)).result()
        found = {"hierarchical": account.is_hns_enabled}
        found |= await files(credential, subscription, role, account, authorization)
    print(json.dumps(found))


asyncio.run(main(*sys.argv[1:]))
