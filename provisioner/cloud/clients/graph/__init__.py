"""Microsoft Graph: `client` asks, `objects` is what it shows, `policy` what it says of client secrets."""

from provisioner.cloud.clients.graph.client import Graph
from provisioner.cloud.clients.graph.objects import Application, NewPassword, Password, Principal

__all__ = ["Application", "Graph", "NewPassword", "Password", "Principal"]
