"""Azure Resource Manager itself: tenants, subscriptions, providers, resource groups, tags."""

from localazure.arm import metadata, resource_groups, resource_providers, root, tags

SERVICES = (
    metadata.SERVICE,
    resource_groups.SERVICE,
    resource_providers.SERVICE,
    root.SERVICE,
    tags.SERVICE,
)
