"""Microsoft Graph: `client` sends requests, `objects` has the types of its answers, `policy` the rules for secrets."""

from provisioner.cloud.clients.graph.client import Graph
from provisioner.cloud.clients.graph.objects import (
    FederatedIdentity,
    GraphApplication,
    GraphServicePrincipal,
    NewPassword,
    Password,
)

__all__ = ["FederatedIdentity", "Graph", "GraphApplication", "GraphServicePrincipal", "NewPassword", "Password"]
