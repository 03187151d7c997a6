"""The web servers of Airflows on a cluster (`NAME.airflow.example`), behind a front that takes Entra's tokens.

Teams put such a front before Airflow, as Airflow's own token endpoints know no service principal. It signs in to
Airflow itself; who may come in is its own matter: here whoever has a token for it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply
from localazure.app.service import Service
from localazure.containerservice import airflow_workload
from localazure.runtimes.airflow import forward, modelled

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
    name = call.host.partition(".")[0]
    workload = airflow_workload.resource_id(name)
    reply = forward.forward_to_airflow(call, SERVICE, workload)
    if reply is None and (deployed := airflow_workload.find_workload(call.tenant, name)) is not None:
        files = airflow_workload.dag_texts(call.tenant, deployed)
        rendered = next(iter(re.findall(r"(?m)^PROVISIONER_RENDERED=(.*)$", str(deployed["variables"]))), "")
        reply = modelled.advance_and_reply(call, workload, str(deployed["version"]), files, rendered)
    return reply or render(call, forward.unavailable("No Airflow runs at this address."))


for _method in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"):
    SERVICE.route(_method, "/{rest:path}", action=None, why="Airflow's own front: a token for it is enough")(
        forward_call
    )
