"""Roles of the environment's principals that it neither declares nor owns: somebody else granted them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioner.kinds.role_assignment import ObservedRoleAssignment
from provisioner.kinds.service_principal import RegisteredPrincipal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.cloud.cloud import Cloud
    from provisioner.model import Plan


def extra_role_notes(cloud: Cloud, plan: Plan) -> Iterator[str]:
    """A note for each, in the subscriptions in which the environment has roles. Raises NotAuthorized.

    The plan names the roles that are declared or owned, and the principals.
    """
    known = {step.observed.name for step in plan.steps if isinstance(step.observed, ObservedRoleAssignment)}
    scopes = {step.observed.scope for step in plan.steps if isinstance(step.observed, ObservedRoleAssignment)}
    subscriptions = {cloud.session.subscription_id, *(scope.split("/")[2] for scope in scopes)}
    for step in plan.steps:
        if isinstance(step.observed, RegisteredPrincipal):
            for subscription in sorted(subscriptions):
                where, principal_id = f"/subscriptions/{subscription}", step.observed.object_id
                for one in cloud.authorization.list_assignments_of(where, principal_id):
                    if one.name not in known:
                        known.add(one.name)
                        role = cloud.authorization.role_name(one.scope, one.role)
                        yield (
                            f"{step.address.name} also has the role {role} on {one.scope}: somebody else granted it, "
                            "and no run changes it"
                        )
