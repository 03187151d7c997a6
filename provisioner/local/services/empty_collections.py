"""Collections below resources of the local Azure that are always empty here: clients list them in passing.

What stands in one on Azure (private endpoints, queues, classic administrators) is not served, so there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.local import arm_errors
from provisioner.local.call import Reply
from provisioner.local.service import Service

if TYPE_CHECKING:
    from provisioner.local.call import Call
    from provisioner.local.service import Handler

_GROUP = "/subscriptions/{subscription}/resourcegroups/{group}"
_BELOW = {
    "Microsoft.KeyVault/vaults": ("privateEndpointConnections", "keys"),
    "Microsoft.Storage/storageAccounts": (
        *("privateEndpointConnections", "encryptionScopes", "localUsers", "objectReplicationPolicies"),
        "inventoryPolicies",
        *("fileServices/default/shares", "queueServices/default/queues", "tableServices/default/tables"),
    ),
    "Microsoft.DataFactory/factories": ("privateEndPointConnections",),
}
_OF_SUBSCRIPTION = ("Microsoft.Authorization/classicAdministrators", "Microsoft.Storage/deletedAccounts")
_KINDS = "|".join(kind for kinds in _BELOW.values() for kind in kinds)
SERVICE = Service(
    name="empty collections",
    hosts=(arm_errors.HOST,),
    path=f".*/providers/({'|'.join(_OF_SUBSCRIPTION)}|[^/]+/[^/]+/[^/]+/({_KINDS}))/?",
    audiences=arm_errors.AUDIENCES,
    render=arm_errors.render,
    scope=arm_errors.scope,
    forbidden=arm_errors.forbidden,
    one_slash=True,
    versions=("2015-07-01", "2018-06-01", "2022-07-01", "2023-05-01"),
)


def _list_of(parent: str) -> Handler:
    def list_nothing(call: Call) -> Reply:
        arm_errors.require_resource(call, parent, call.params["name"])
        return Reply(body={"value": []})

    return list_nothing


for _parent, _children in _BELOW.items():
    _namespace, _, _kind = _parent.partition("/")
    for _child in _children:
        _path = f"{_GROUP}/providers/{_namespace}/{_kind}/{{name}}/{_child}"
        SERVICE.route("GET", _path, action=f"{_parent}/{_child.replace('/default', '')}/read")(_list_of(_parent))


for _listed in _OF_SUBSCRIPTION:

    @SERVICE.route("GET", "/subscriptions/{subscription}/providers/" + _listed, action=f"{_listed}/read")
    def list_none(_: Call) -> Reply:
        """None in the subscription."""
        return Reply(body={"value": []})
