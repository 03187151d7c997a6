"""Azure Resource Manager itself: tenants, subscriptions, providers, resource groups, tags."""

from localazure.arm import metadata, provider_operations, resource_groups, resource_providers, root, tags

SERVICES = (
    metadata.SERVICE,
    provider_operations.SERVICE,
    resource_groups.SERVICE,
    resource_providers.SERVICE,
    root.SERVICE,
    tags.SERVICE,
)
