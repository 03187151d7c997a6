"""Reports whether Airflow's workers can sign in with the active variables of their runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localazure.app.resource_manager import resources
from localazure.datafactory import airflow_runtimes
from localazure.entra.worker_sign_in import try_sign_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from localazure.app.call import Reply
    from localazure.app.store import Document
    from localazure.app.tenant import Tenant
    from localazure.app.wire import Request


def try_worker_sign_ins(tenant: Tenant, send: Callable[[Request], Reply | None]) -> list[dict[str, Any]]:
    """Sign in with the active variables of each Airflow runtime.

    Returns whether its workers get a token now, and the Entra key id of their secret.

    The variables are those that EnvironmentCredential reads:
    https://learn.microsoft.com/python/api/azure-identity/azure.identity.environmentcredential
    """
    runtimes = resources.list_of_type(tenant, airflow_runtimes.TYPE)
    return [
        _try_runtime_sign_in(tenant, send, runtime)
        for runtime in runtimes
        if runtime["properties"]["type"] == "Airflow"
    ]


def _try_runtime_sign_in(tenant: Tenant, send: Callable[[Request], Reply | None], runtime: Document) -> dict[str, Any]:
    variables = airflow_runtimes.active_airflow_properties(tenant, runtime)["airflowEnvironmentVariables"]
    client_id, secret = variables.get("AZURE_CLIENT_ID", ""), variables.get("AZURE_CLIENT_SECRET", "")
    return {"runtime": runtime["name"], **try_sign_in(tenant, send, client_id, secret)}
