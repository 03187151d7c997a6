"""Microsoft.Authorization: role assignments and definitions, the permissions of a caller."""

from localazure.authorization import role_assignments, role_definitions

SERVICES = (role_assignments.SERVICE, role_definitions.SERVICE)
