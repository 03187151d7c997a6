"""An application, its principal and password, by msgraph-sdk, as its users write it."""

import asyncio
import json

from azure.identity.aio import DefaultAzureCredential
from msgraph import GraphServiceClient
from msgraph.generated.applications.applications_request_builder import ApplicationsRequestBuilder as Applications
from msgraph.generated.applications.item.add_password.add_password_post_request_body import AddPasswordPostRequestBody
from msgraph.generated.models.application import Application
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.password_credential import PasswordCredential
from msgraph.generated.models.service_principal import ServicePrincipal


async def main():
    async with DefaultAzureCredential() as credential:
        graph = GraphServiceClient(credential)
        made = await graph.applications.post(Application(display_name="from the SDK", tags=["one"]))
        principal = await graph.service_principals.post(ServicePrincipal(app_id=made.app_id))
        body = AddPasswordPostRequestBody(password_credential=PasswordCredential(display_name="key"))
        password = await graph.applications.by_application_id(made.id).add_password.post(body)
        query = Applications.ApplicationsRequestBuilderGetQueryParameters(filter=f"appId eq '{made.app_id}'")
        config = Applications.ApplicationsRequestBuilderGetRequestConfiguration(query_parameters=query)
        listed = await graph.applications.get(request_configuration=config)
        await graph.applications.by_application_id(made.id).patch(Application(display_name="renamed"))
        renamed = await graph.applications_with_app_id(made.app_id).get()
        owners = await graph.applications.by_application_id(made.id).owners.get()
        await graph.applications.by_application_id(made.id).delete()
        try:
            await graph.service_principals.by_service_principal_id(principal.id).get()
            gone = None
        except ODataError as error:
            gone = error.error.code
    found = {"tenant": str(principal.app_owner_organization_id), "hint": password.secret_text.startswith(password.hint)}
    found |= {"listed": [one.display_name for one in listed.value], "renamed": renamed.display_name}
    print(json.dumps(found | {"owners": len(owners.value), "principal after delete": gone}))


asyncio.run(main())
