"""Microsoft.ManagedIdentity: user-assigned identities and their federated credentials."""

from localazure.identity import federated_credentials, user_assigned

SERVICES = (federated_credentials.SERVICE, user_assigned.SERVICE)
