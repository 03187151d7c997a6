"""Microsoft Graph v1.0."""

from localazure.graph import (
    app_role_assignments,
    directory_objects,
    federated_credentials,
    objects_api,
    owners,
    policies,
    tenant_api,
)

SERVICES = (
    app_role_assignments.SERVICE,
    directory_objects.SERVICE,
    federated_credentials.SERVICE,
    objects_api.SERVICE,
    owners.SERVICE,
    policies.SERVICE,
    tenant_api.SERVICE,
)
