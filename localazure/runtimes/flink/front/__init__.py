"""A web server in front of the local Flink's REST API, such as teams put before their session clusters.

It lets in whoever has an Entra token for it or the password in the file `front-password` of Flink's folder, as Basic
credentials of the user `airflow` or as a bearer token. Behind it is the Flink of the tenant's HDInsight cluster.
A job that is to start from a savepoint in the data lake is started from the folder that stands for it.
https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/deployment/security/security-ssl/#rest-endpoints-external-connectivity
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from localazure.app.call import AzureError, Reply, Upstream
from localazure.app.certificates import write_private
from localazure.app.service import Service
from localazure.app.signing import InvalidToken
from localazure.app.tenant import SEEDED_CLUSTER, TENANT_ID
from localazure.entra import tokens
from localazure.runtimes import flink
from localazure.runtimes.flink.cluster import FlinkError
from localazure.runtimes.flink.savepoints import local_savepoint_folder

if TYPE_CHECKING:
    from pathlib import Path

    from localazure.app.call import Call
    from localazure.runtimes.flink.cluster import Cluster

HOST = "sessions.flink.example"
PREFIX = "/session-a"
USER = "airflow"
PASSWORD_FILE = "front-password"  # noqa: S105  # a file's name
_AUDIENCES = (f"api://{HOST}",)
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="flink"'}


def render(_: Call, error: AzureError) -> Reply:
    """Render an error in the shape of Flink's own: `{"errors": [text]}`."""
    return Reply(status=error.status, body={"errors": [error.message]}, headers=error.headers)


def authenticate(call: Call) -> None:
    """Raise 401 unless the call has a token for this host, or the password."""
    authorization = call.headers.get("authorization", "")
    if _has_password(call, authorization):
        return
    try:
        tokens.authenticate(call.tenant, authorization, _AUDIENCES, TENANT_ID)
    except InvalidToken as invalid:
        message = f"The credential is not accepted: {invalid.reason}."
        raise AzureError(status=401, code="Unauthorized", message=message, headers=_CHALLENGE) from invalid


SERVICE = Service(name="flink_front", hosts=(HOST,), audiences=_AUDIENCES, render=render, authenticate=authenticate)
SERVICES = (SERVICE,)


def forward(call: Call) -> Reply:
    """Forward a call to Flink."""
    authenticate(call)
    program = call.tenant.runtimes.find_ready(flink.KIND, SEEDED_CLUSTER)
    unavailable = render(call, _unavailable())
    if program is None:
        return unavailable
    cluster: Cluster = program.client
    query = f"?{urlencode(call.query)}" if call.query else ""
    target = f"/{quote(call.params['rest'])}{query}"
    port = urlsplit(cluster.url).port or 0
    upstream = Upstream(port=port, unavailable=unavailable, tls_context=cluster.tls_context, target=target)
    return Reply(body=replace(upstream, body=_body_with_local_savepoint(call, cluster)))


def _body_with_local_savepoint(call: Call, cluster: Cluster) -> bytes | None:
    """Return the body of a job's start with the folder of its savepoint; None for any other body."""
    if not call.params["rest"].endswith("/run") or b"savepointPath" not in call.body:
        return None
    with suppress(AzureError, FlinkError):  # Flink itself says what is wrong with it
        body = call.json()
        folder = local_savepoint_folder(cluster, str(body["savepointPath"]))
        return json.dumps({**body, "savepointPath": f"file://{folder}"}).encode()
    return None


for _method in _METHODS:
    SERVICE.route(_method, f"{PREFIX}/{{rest:path}}", action=None, why="it accepts passwords, too", needs_token=False)(
        forward
    )


def read_or_create_password(folder: Path) -> str:
    """Return the password that the front accepts, created at the first call."""
    file = folder / PASSWORD_FILE
    if not file.exists():
        write_private(file, secrets.token_urlsafe(32).encode())
    return file.read_text()


def _has_password(call: Call, authorization: str) -> bool:
    folder = call.tenant.runtimes.find_folder(flink.KIND, SEEDED_CLUSTER)
    if folder is None or not folder.exists():
        return False
    expected, (scheme, _, credential) = read_or_create_password(folder), authorization.partition(" ")
    given = credential.strip()
    if scheme.lower() == "basic":
        with suppress(binascii.Error, UnicodeDecodeError):
            user, _, given = base64.b64decode(given, validate=True).decode().partition(":")
            return user == USER and hmac.compare_digest(given.encode(), expected.encode())
        return False
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _unavailable() -> AzureError:
    message = "No Flink runs behind this address; `provisioner local runtimes up` starts it."
    return AzureError(status=503, code="ServiceUnavailable", message=message, headers={"Retry-After": "1"})
