"""Rules that every service of the local Azure keeps."""

from __future__ import annotations

import inspect

import pytest

from localazure.app.service import Route, Service
from localazure.discovery import find_services

SERVICES = list(find_services())
ROUTES = [(service, route) for service in SERVICES for route in service.routes]


def _test_id(value: object) -> str:
    if isinstance(value, Service):
        return value.name
    return f"{value.method} {value.path}" if isinstance(value, Route) else str(value)


@pytest.mark.parametrize(("service", "route"), ROUTES, ids=_test_id)
def test_a_route_has_an_action_or_a_reason_for_none(service: Service, route: Route) -> None:
    assert route.action or route.why
    if route.action:
        assert service.audiences, "an action needs a caller"
        assert service.scope, "an action needs a scope"


@pytest.mark.parametrize("service", SERVICES, ids=_test_id)
def test_a_service_has_hosts_routes_and_an_error_shape(service: Service) -> None:
    assert service.hosts
    assert service.routes
    assert len(inspect.signature(service.render).parameters) == 2


@pytest.mark.parametrize("service", SERVICES, ids=_test_id)
def test_no_service_has_the_same_route_twice(service: Service) -> None:
    known = [(route.method, route.path.lower(), tuple(sorted(route.query.items()))) for route in service.routes]
    assert len(known) == len(set(known))


def test_names_of_services_are_unique() -> None:
    assert len({service.name for service in SERVICES}) == len(SERVICES)
