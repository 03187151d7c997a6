"""Microsoft Graph v1.0."""

from localazure.graph import batch, federated_credentials, objects_api, owners, policies

SERVICES = (batch.SERVICE, federated_credentials.SERVICE, objects_api.SERVICE, owners.SERVICE, policies.SERVICE)
