"""Microsoft Graph: `client` sends requests, `objects` has the types of its answers, `policy` the rules for secrets."""

from provisioner.cloud.clients.graph.client import Graph
from provisioner.cloud.clients.graph.objects import Application, NewPassword, Password, Principal

__all__ = ["Application", "Graph", "NewPassword", "Password", "Principal"]
