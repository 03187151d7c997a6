"""Batches of the Blob service: up to 256 deletes or tier changes in one request.

https://learn.microsoft.com/rest/api/storageservices/blob-batch
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from localazure.app import service
from localazure.app.call import AzureError, Reply
from localazure.storage.blob import blob_wire, multipart
from localazure.storage.data.path_responses import with_version_header
from localazure.storage.data.storage_access import authorize

if TYPE_CHECKING:
    from localazure.app.call import Call

HOST = "*.blob.core.windows.net"
SERVICE = service.Service(name="blob batch", hosts=(HOST,), path="/([^/]+/?)?", render=blob_wire.render)
_WHY = "decided by storage_access.authorize, for the batch and for each request in it"


@SERVICE.route("POST", "/", action=None, why=_WHY, query={"comp": "batch"})
@SERVICE.route("POST", "/{container}", action=None, why=_WHY, query={"restype": "container", "comp": "batch"})
@with_version_header
def run_batch(call: Call) -> Reply:
    """202 with the response to each request of the batch, in their order.

    The batch itself is authorized as any call:
    https://learn.microsoft.com/rest/api/storageservices/blob-batch#authorization
    """
    authorize(call)
    responses = [(content_id, _dispatch(inner)) for content_id, inner in multipart.split_requests(call)]
    boundary = f"batchresponse_{call.tenant.clock.new_id()}"
    content_type = {"Content-Type": f"multipart/mixed; boundary={boundary}"}
    return Reply(status=202, body=multipart.join_responses(responses, boundary), headers=content_type)


def _dispatch(call: Call) -> Reply:
    """The response to one request of a batch; 400 unless it is a delete or a tier change."""
    try:
        if call.method == "DELETE" or (call.method == "PUT" and call.query.get("comp") == "tier"):
            reply = service.answer_inner_call(import_module(str(__package__)).SERVICES, call)
            if reply is not None:
                return reply
    except AzureError as error:
        return blob_wire.render(call, error)
    invalid = AzureError(status=400, code="InvalidInput", message="One of the request inputs is not valid.")
    return blob_wire.render(call, invalid)
