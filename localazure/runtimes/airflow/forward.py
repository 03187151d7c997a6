"""Forwards a call to the real Airflow behind a resource, signed in as that Airflow's administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localazure.app.call import AzureError, Reply, Upstream
from localazure.runtimes import airflow

if TYPE_CHECKING:
    from localazure.app.call import Call
    from localazure.app.service import Service


def forward_to_airflow(call: Call, service: Service, resource_id: str) -> Reply | None:
    """Return the reply that forwards the call, 503 while Airflow does not run, or None if none was started there.

    Updates the programs that run first, so that settings rolled out by now apply.
    """
    runtimes = call.tenant.runtimes
    runtimes.update_running(call.tenant)  # settings that are rolled out by now apply to this call
    if runtimes.find_folder(airflow.KIND, resource_id) is None:
        return None
    program = runtimes.find_ready(airflow.KIND, resource_id)
    if program is None:
        what = "The Airflow behind this address is being prepared, or could not be started."
        return service.render(call, unavailable(what))
    web: airflow.WebServer = program.client
    silent = service.render(call, unavailable("The Airflow behind this address does not answer."))
    lock = None if call.method in {"GET", "HEAD"} else web.write_lock
    return Reply(body=Upstream(port=web.port, unavailable=silent, headers=web.headers, lock=lock))


def unavailable(what: str) -> AzureError:
    """Return 503, which is worth another try."""
    message = f"{what} `provisioner local runtimes status` shows why."
    return AzureError(status=503, code="Service Unavailable", message=message, headers={"Retry-After": "1"})
