"""Declares what all services on management.azure.com have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localazure.app.resource_manager import errors, locks, policies, scopes
from localazure.app.resource_manager.versions import check_api_version
from localazure.app.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from localazure.app.call import Call


def arm_service(
    name: str,
    path: str,
    versions: Sequence[str],
    *,
    check_version: Callable[[Call], None] = check_api_version,
    **more: Any,
) -> Service:
    """Create a service of Resource Manager for the paths that match `path`. more: other fields of Service."""
    return Service(
        name=name,
        hosts=(errors.HOST,),
        path=path,
        audiences=errors.AUDIENCES,
        render=errors.render,
        scope=scopes.require_authorization_scope,
        precondition=_refuse_locked_or_denied,
        merges_slashes=True,
        versions=tuple(versions),
        check_version=check_version,
        **more,
    )


def _refuse_locked_or_denied(call: Call) -> None:
    locks.refuse_locked_change(call)
    policies.refuse_denied_put(call)
