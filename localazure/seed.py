"""Writes what a new tenant contains: the operator with its Graph permission and role, then each service's own seed."""

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
    from localazure.app.tenant import Tenant

OWNER_ROLE = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
_META = "meta"


def seed_once(tenant: Tenant, services: Iterable[Service], operator_secret: Secret) -> None:
    """Seed an empty store; do nothing if it was seeded before."""
    if tenant.store.get(_META, "seeded") is not None:
        return
    with tenant.store.transaction(tenant.clock.timestamp()):
        _create_operator(tenant, operator_secret)
        for service in services:
            if service.seed is not None:
                service.seed(tenant)
        tenant.store.put(_META, "seeded", {"at": directory.format_date(tenant.clock.now())})


def _create_operator(tenant: Tenant, secret: Secret) -> None:
    """Create the principal that clients use: Owner of the subscription, no data roles, OwnedBy on Graph."""
    now, name = tenant.clock.now(), "provisioner-operator"
    password = directory.new_password_credential(
        secret.reveal(), tenant.clock.new_id(), "local", now, now + timedelta(days=3650)
    )
    application = directory.new_application(tenant, name)
    application |= {"appId": OPERATOR_CLIENT_ID, "passwordCredentials": [password]}
    tenant.store.put(directory.APPLICATIONS, application["id"], application)
    principal = directory.new_principal(tenant, OPERATOR_CLIENT_ID, name) | {
        "id": OPERATOR_OBJECT_ID,
        "_graph_roles": ["Application.ReadWrite.OwnedBy"],
    }
    tenant.store.put(directory.PRINCIPALS, OPERATOR_OBJECT_ID, principal)
    assignment = str(uuid.uuid5(uuid.UUID(OPERATOR_OBJECT_ID), SUBSCRIPTION))
    _assign_owner_role(tenant, assignment)


def _assign_owner_role(tenant: Tenant, assignment_name: str) -> None:
    resource_id = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleAssignments/{assignment_name}"
    created = directory.format_date(tenant.clock.now())
    tenant.store.put(
        access.ASSIGNMENTS,
        resource_id.lower(),
        {
            "id": resource_id,
            "name": assignment_name,
            "type": "Microsoft.Authorization/roleAssignments",
            "scope": SUBSCRIPTION,
            "principalId": OPERATOR_OBJECT_ID,
            "principalType": "ServicePrincipal",
            "roleDefinitionId": f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{OWNER_ROLE}",
            "description": None,
            "condition": None,
            "conditionVersion": None,
            "createdOn": created,
            "updatedOn": created,
            "createdBy": OPERATOR_OBJECT_ID,
            "updatedBy": OPERATOR_OBJECT_ID,
        },
    )
