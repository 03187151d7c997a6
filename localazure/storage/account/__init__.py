"""Microsoft.Storage on Resource Manager: storage accounts and what hangs on them."""

from localazure.storage.account import containers_api, management, management_policies, service_properties

SERVICES = (
    containers_api.SERVICE,
    management.SERVICE,
    management_policies.SERVICE,
    service_properties.SERVICE,
)
