"""The web servers of Airflows on a cluster (`NAME.airflow.example`), behind a front that takes Entra's tokens.

Teams put such a front before Airflow, as Airflow's own token endpoints know no service principal. It signs in to
Airflow itself; who may come in is its own matter: here whoever has a token for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.service import Service
from localazure.containerservice import airflow_workload
from localazure.runtimes.airflow import forward

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.signing import InvalidToken


def render(_: Call, error: AzureError) -> Reply:
    """Render an error as Airflow's API does."""
    return Reply(status=error.status, body={"detail": error.message}, headers=error.headers)


def _unauthenticated(_: Call, invalid: InvalidToken) -> AzureError:
    message = f"The access token is not accepted: {invalid.reason}."
    return AzureError(status=401, code="Unauthorized", message=message, headers={"WWW-Authenticate": "Bearer"})


SERVICE = Service(
    name="airflow_ingress",
    hosts=(f"*.{airflow_workload.DOMAIN}",),
    audiences=(f"api://{airflow_workload.DOMAIN}",),
    render=render,
    unauthenticated=_unauthenticated,
)


def forward_call(call: Call) -> Reply:
    """Forward a call to the Airflow of this name."""
    workload = airflow_workload.resource_id(call.host.partition(".")[0])
    reply = forward.find_web_server(call, SERVICE, workload)
    return reply or render(call, forward.unavailable("No Airflow runs at this address."))


for _method in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"):
    SERVICE.route(_method, "/{rest:path}", action=None, why="Airflow's own front: a token for it is enough")(
        forward_call
    )
