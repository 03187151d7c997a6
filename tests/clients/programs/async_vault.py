"""A group, a vault, a role and eight secrets, by the aio clients. Arguments: subscription, tenant, role definition."""

import asyncio
import base64
import json
import sys
from uuid import NAMESPACE_URL, uuid5

from azure.core.exceptions import HttpResponseError
from azure.identity.aio import DefaultAzureCredential
from azure.keyvault.secrets.aio import SecretClient
from azure.mgmt.authorization.aio import AuthorizationManagementClient
from azure.mgmt.keyvault.aio import KeyVaultManagementClient
from azure.mgmt.resource.resources.aio import ResourceManagementClient


async def own_object_id(credential):
    token = (await credential.get_token("https://management.azure.com/.default")).token
    claims = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["oid"]


async def restored(secrets, name):
    backup = await secrets.backup_secret(name)
    await secrets.delete_secret(name)
    await secrets.purge_deleted_secret(name)
    await secrets.restore_secret_backup(backup)
    return (await secrets.get_secret(name)).value


async def allow(authorization, subscription, role, principal, scope):
    definition = f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    who = {"principalId": principal, "principalType": "ServicePrincipal"}
    assignment = {"properties": {"roleDefinitionId": definition, **who}}
    await authorization.role_assignments.create(scope, str(uuid5(NAMESPACE_URL, scope)), assignment)


async def main(subscription, tenant, role):
    found = {}
    async with (
        DefaultAzureCredential() as credential,
        ResourceManagementClient(credential, subscription) as resources,
        KeyVaultManagementClient(credential, subscription) as vaults,
        AuthorizationManagementClient(credential, subscription) as authorization,
    ):
        group = await resources.resource_groups.create_or_update("rg-async", {"location": "westeurope"})
        found["group"] = group.properties.provisioning_state
        properties = {"tenantId": tenant, "sku": {"family": "A", "name": "standard"}, "enableRbacAuthorization": True}
        wanted = {"location": "westeurope", "properties": properties}
        vault = await (await vaults.vaults.begin_create_or_update("rg-async", "kv-async-one", wanted)).result()
        found["vault"] = vault.properties.vault_uri
        async with SecretClient(vault.properties.vault_uri, credential) as secrets:
            try:
                await secrets.get_secret("secret-0")
            except HttpResponseError as error:
                found["refused"] = error.error.code
            await allow(authorization, subscription, role, await own_object_id(credential), vault.id)
            await asyncio.gather(*(secrets.set_secret(f"secret-{n}", f"value-{n}") for n in range(8)))
            read = await asyncio.gather(*(secrets.get_secret(f"secret-{n}") for n in range(8)))
            found["secrets"] = {one.name: one.value for one in read}
            found["listed"] = sorted([one.name async for one in secrets.list_properties_of_secrets()])
            found["restored"] = await restored(secrets, "secret-7")
        await (await resources.resource_groups.begin_delete("rg-async")).result()
        found["group after delete"] = await resources.resource_groups.check_existence("rg-async")
    print(json.dumps(found))


asyncio.run(main(*sys.argv[1:]))
