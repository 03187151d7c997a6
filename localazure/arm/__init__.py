"""Azure Resource Manager itself: tenants, subscriptions, providers, resource groups, tags."""

from localazure.arm import metadata, provider_operations, root, tags

SERVICES = (metadata.SERVICE, provider_operations.SERVICE, root.SERVICE, tags.SERVICE)
