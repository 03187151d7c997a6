"""Rejects api-versions that a resource type never had, for types whose versions are recorded; others accept any.

The REST specifications omit some versions (2021-05-01 of storage accounts), so the list is that of an error message of
Azure's, and later dates are accepted:
https://learn.microsoft.com/azure/azure-resource-manager/templates/template-tutorial-troubleshoot
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import AzureError
from localazure.app.resource_manager import providers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from localazure.app.call import Call
    from localazure.app.tenant import Tenant

# Newest first; the first is the date up to which the list is complete.
_RECORDED: dict[str, tuple[str, ...]] = {
    "Microsoft.Storage/storageAccounts": (
        *("2021-06-01", "2021-05-01", "2021-04-01", "2021-02-01", "2021-01-01", "2020-08-01-preview", "2019-06-01"),
        *("2019-04-01", "2018-11-01", "2018-07-01", "2018-03-01-preview", "2018-02-01", "2017-10-01", "2017-06-01"),
        *("2016-12-01", "2016-05-01", "2016-01-01", "2015-06-15", "2015-05-01-preview"),
    )
}
# Of subscriptions, resource groups and what else the gateway answers itself; from its error messages, too:
# https://github.com/Azure/azure-cli/issues/28038 and https://github.com/Azure/bicep-types-az/issues/2332
GATEWAY = (
    *("2026-06-01", "2025-04-01", "2025-03-01", "2024-11-01", "2024-10-01-preview", "2024-08-01", "2024-07-01"),
    *("2024-06-01-preview", "2024-03-01", "2023-07-01", "2023-07-01-preview", "2023-03-01-preview", "2022-12-01"),
    *("2022-11-01-preview", "2022-09-01", "2022-06-01", "2022-05-01", "2022-03-01-preview", "2022-01-01"),
    *("2021-04-01", "2021-01-01", "2020-10-01", "2020-09-01", "2020-08-01", "2020-07-01", "2020-06-01", "2020-05-01"),
    *("2020-01-01", "2019-11-01", "2019-10-01", "2019-09-01", "2019-08-01", "2019-07-01", "2019-06-01", "2019-05-10"),
    *("2019-05-01", "2019-03-01", "2018-11-01", "2018-09-01", "2018-08-01", "2018-07-01", "2018-06-01", "2018-05-01"),
    *("2018-02-01", "2018-01-01", "2017-12-01", "2017-08-01", "2017-06-01", "2017-05-10", "2017-05-01", "2017-03-01"),
    *("2016-09-01", "2016-07-01", "2016-06-01", "2016-02-01", "2015-11-01", "2015-01-01", "2014-04-01-preview"),
    *("2014-04-01", "2014-01-01", "2013-03-01", "2014-02-26", "2014-04"),
)
# By provider, the versions that retire, all those before the first date, and when.
# https://learn.microsoft.com/azure/key-vault/general/access-control-default
_RETIREMENTS = {"microsoft.keyvault": ("2026-02-01", "2027-02-27")}
_NAMESPACE = re.compile(r"/providers/([^/]+)(/[^/]+)?", re.IGNORECASE)
_TYPE = re.compile(r"/resourcegroups/[^/]+/providers/([^/]+/[^/]+)(/[^/]+)?/?", re.IGNORECASE)


def is_offered(tenant: Tenant, namespace: str, version: str) -> bool:
    """Return whether a provider takes a version, by the setting `api_versions` of the control endpoint.

    `refuse_retired`: versions that have retired at the clock's date are refused. `newest`: by namespace, the newest
    version, as in a cloud that is behind. Without the setting every version is taken.
    """
    setting = tenant.store.get("settings", "api_versions") or {}
    first, retired_on = _RETIREMENTS.get(namespace.lower(), ("", ""))
    retired = setting.get("refuse_retired") and version < first and f"{tenant.clock.now():%Y-%m-%d}" >= retired_on
    newest = {name.lower(): date for name, date in setting.get("newest", {}).items()}.get(namespace.lower())
    return not retired and (not newest or version <= newest)


def check_api_version(call: Call) -> None:
    """Raise 404, for a PUT 400, InvalidResourceType if the provider does not take the call's api-version.

    It takes every version until the setting `api_versions` of the control endpoint says otherwise: `is_offered`.
    """
    found = _NAMESPACE.findall(call.path)
    namespace, kind = found[-1] if found else ("", "")
    version = call.query.get("api-version", "")
    name = next((name for name in providers.PROVIDERS if name.lower() == namespace.lower()), "")
    if not name or not kind or is_offered(call.tenant, namespace, version):
        return
    known = {date for dates in providers.PROVIDERS[name].values() for date in dates}
    offered = ", ".join(sorted((date for date in known if is_offered(call.tenant, namespace, date)), reverse=True))
    message = (
        f"The resource type '{kind.strip('/')}' could not be found in the namespace '{name}' for api version "
        f"'{version}'. The supported api-versions are '{offered}'."
    )
    raise AzureError(status=400 if call.method == "PUT" else 404, code="InvalidResourceType", message=message)


def type_lacking_version(path: str, version: str) -> str:
    """Return the resource type in a path if it never had this api-version, else an empty string."""
    match = _TYPE.search(path)
    spellings = {kind.lower(): kind for kind in _RECORDED}
    kind = spellings.get(match[1].lower(), "") if match and path.endswith(match[0]) else ""
    if not kind or version[:10] > _RECORDED[kind][0] or version.lower() in _RECORDED[kind]:
        return ""
    return kind


def check_gateway_version(call: Call) -> None:
    """Raise 400 InvalidApiVersionParameter for a version that the gateway never had; a later one is accepted."""
    version = call.query.get("api-version", "")
    if version[:10] <= GATEWAY[0] and version.lower() not in GATEWAY:
        message = f"The api-version '{version}' is invalid. The supported versions are '{','.join(GATEWAY)}'."
        raise AzureError(status=400, code="InvalidApiVersionParameter", message=message)


def unsupported_version_error(kind: str, version: str, location: str, regions: Iterable[str]) -> AzureError:
    """Return 400 NoRegisteredProviderFound for a resource in a location, 404 InvalidResourceType for a list."""
    namespace, _, name = kind.partition("/")
    known = ", ".join(_RECORDED[kind])
    if not location:
        message = (
            f"The resource type '{name}' could not be found in the namespace '{namespace}' for api version "
            f"'{version}'. The supported api-versions are '{known}'."
        )
        return AzureError(status=404, code="InvalidResourceType", message=message)
    message = (
        f"No registered resource provider found for location '{location}' and API version '{version}' for type "
        f"'{name}'. The supported api-versions are '{known}'. The supported locations are '{', '.join(regions)}'."
    )
    return AzureError(status=400, code="NoRegisteredProviderFound", message=message)
