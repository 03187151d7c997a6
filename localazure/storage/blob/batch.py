"""Batches of the Blob service: up to 256 deletions or changes of tier in one request.

https://learn.microsoft.com/rest/api/storageservices/blob-batch
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from localazure.app import service
from localazure.app.call import AzureError, Reply
from localazure.storage.blob import blob_wire, multipart
from localazure.storage.data.path_answers import versioned
from localazure.storage.data.storage_access import visit

if TYPE_CHECKING:
    from localazure.app.call import Call

HOST = "*.blob.core.windows.net"
SERVICE = service.Service(name="blob batch", hosts=(HOST,), path="/([^/]+/?)?", render=blob_wire.render)
_WHY = "storage looks at the caller itself, and each request inside has an authorization of its own"


@SERVICE.route("POST", "/", action=None, why=_WHY, when={"comp": "batch"})
@SERVICE.route("POST", "/{container}", action=None, why=_WHY, when={"restype": "container", "comp": "batch"})
@versioned
def run_batch(call: Call) -> Reply:
    """202 with the answer to each part, in their order.

    Who sends a batch is let in like everybody: https://learn.microsoft.com/rest/api/storageservices/blob-batch#authorization
    """
    visit(call)
    replies = [(content_id, _run(inner)) for content_id, inner in multipart.parts(call)]
    boundary = f"batchresponse_{call.world.clock.new_id()}"
    kind = {"Content-Type": f"multipart/mixed; boundary={boundary}"}
    return Reply(status=202, body=multipart.joined(replies, boundary), headers=kind)


def _run(call: Call) -> Reply:
    try:
        if call.method == "DELETE" or (call.method == "PUT" and call.query.get("comp") == "tier"):
            reply = service.handle(import_module(str(__package__)).SERVICES, call)
            if reply is not None:
                return reply
    except AzureError as failed:
        return blob_wire.render(call, failed)
    wrong = AzureError(status=400, code="InvalidInput", message="One of the request inputs is not valid.")
    return blob_wire.render(call, wrong)
