"""Microsoft.PolicyInsights: what Azure Policy would do to a resource."""

from localazure.policyinsights import restrictions

SERVICES = (restrictions.SERVICE,)
