"""Rejects api-versions that a resource type never had, for types whose versions are recorded; others accept any.

The REST specifications omit some versions (2021-05-01 of storage accounts), so the list is that of an error message of
Azure's, and later dates are accepted:
https://learn.microsoft.com/azure/azure-resource-manager/templates/template-tutorial-troubleshoot
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from localazure.app.call import AzureError

if TYPE_CHECKING:
    from collections.abc import Iterable

# Newest first; the first is the date up to which the list is complete.
_RECORDED: dict[str, tuple[str, ...]] = {
    "Microsoft.Storage/storageAccounts": (
        *("2021-06-01", "2021-05-01", "2021-04-01", "2021-02-01", "2021-01-01", "2020-08-01-preview", "2019-06-01"),
        *("2019-04-01", "2018-11-01", "2018-07-01", "2018-03-01-preview", "2018-02-01", "2017-10-01", "2017-06-01"),
        *("2016-12-01", "2016-05-01", "2016-01-01", "2015-06-15", "2015-05-01-preview"),
    )
}
_TYPE = re.compile(r"/resourcegroups/[^/]+/providers/([^/]+/[^/]+)(/[^/]+)?/?", re.IGNORECASE)


def type_without_version(path: str, version: str) -> str:
    """Return the resource type in a path if it never had this api-version, else an empty string."""
    match = _TYPE.search(path)
    spellings = {kind.lower(): kind for kind in _RECORDED}
    kind = spellings.get(match[1].lower(), "") if match and path.endswith(match[0]) else ""
    if not kind or version[:10] > _RECORDED[kind][0] or version.lower() in _RECORDED[kind]:
        return ""
    return kind


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
