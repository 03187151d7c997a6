"""Microsoft.Authorization: role assignments and definitions, eligible roles, the permissions of a caller, locks."""

from localazure.authorization import eligible_roles, locks, permissions, role_assignments, role_definitions

SERVICES = (
    eligible_roles.SERVICE,
    locks.SERVICE,
    permissions.SERVICE,
    role_assignments.SERVICE,
    role_definitions.SERVICE,
)
