"""What a new tenant comes with: the operator, its Graph permission and ownership, then each service's own seed."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from localazure.app.tenant import OPERATOR_CLIENT_ID, OPERATOR_OBJECT_ID, SUBSCRIPTION
from localazure.entra import directory
from localazure.rbac import access

if TYPE_CHECKING:
    from collections.abc import Iterable

    from localazure.app.secret import Secret
    from localazure.app.service import Service
    from localazure.app.world import World

OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
_META = "meta"


def seed(world: World, services: Iterable[Service], operator_secret: Secret) -> None:
    """Fill a fresh store; one that was filled stays as it is."""
    if world.store.get(_META, "seeded") is not None:
        return
    with world.store.transaction(world.clock.timestamp()):
        _operator(world, operator_secret)
        for service in services:
            if service.seed is not None:
                service.seed(world)
        world.store.put(_META, "seeded", {"at": directory.format_date(world.clock.now())})


def _operator(world: World, secret: Secret) -> None:
    """The principal that runs the provisioner: Owner of the subscription, no data roles, OwnedBy on Graph."""
    now, name = world.clock.now(), "provisioner-operator"
    password = directory.new_password(secret.reveal(), world.clock.new_id(), "local", now, now + timedelta(days=3650))
    application = directory.new_application(world, name)
    application |= {"appId": OPERATOR_CLIENT_ID, "passwordCredentials": [password]}
    world.store.put(directory.APPLICATIONS, application["id"], application)
    principal = directory.new_principal(world, OPERATOR_CLIENT_ID, name) | {
        "id": OPERATOR_OBJECT_ID,
        "_graph_roles": ["Application.ReadWrite.OwnedBy"],
    }
    world.store.put(directory.PRINCIPALS, OPERATOR_OBJECT_ID, principal)
    assignment = str(uuid.uuid5(uuid.UUID(OPERATOR_OBJECT_ID), SUBSCRIPTION))
    _own(world, assignment)


def _own(world: World, name: str) -> None:
    key = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments/{name}"
    at = directory.format_date(world.clock.now())
    world.store.put(
        access.ASSIGNMENTS,
        key.lower(),
        {
            "id": key,
            "name": name,
            "type": "Microsoft.Authorization/roleAssignments",
            "scope": SUBSCRIPTION,
            "principalId": OPERATOR_OBJECT_ID,
            "principalType": "ServicePrincipal",
            "roleDefinitionId": f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{OWNER}",
            "description": None,
            "condition": None,
            "conditionVersion": None,
            "createdOn": at,
            "updatedOn": at,
            "createdBy": OPERATOR_OBJECT_ID,
            "updatedBy": OPERATOR_OBJECT_ID,
        },
    )
