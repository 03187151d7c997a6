"""From request to reply, with a toy service: it stands for no Azure service, only for the contract of one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from localazure.app.call import AzureError, Call, Reply
from localazure.app.clock import Clock
from localazure.app.dispatch import Dispatcher
from localazure.app.service import Service
from localazure.app.signing import Signer
from localazure.app.store import Store
from localazure.app.tenant import TENANT_ID, Tenant
from localazure.app.wire import Request
from localazure.entra import directory, tokens
from localazure.rbac import access

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GROUP = "/subscriptions/s/resourceGroups/g"
THING = f"{GROUP}/providers/Toy.Shop/things/one"
ROLE = "11111111-2222-3333-4444-555555555555"


def _render(_call: Call, error: AzureError) -> Reply:
    return Reply(status=error.status, body={"code": error.code, "message": error.message})


def _toy() -> Service:
    toy = Service(
        name="toy",
        hosts=("toy.example.net", "*.toys.example.net"),
        audiences=("https://toy.example.net",),
        versions=("2020-01-01",),
        render=_render,
        scope=lambda call: f"{GROUP}/providers/Toy.Shop/things/{call.params['name']}",
    )

    @toy.route("GET", "/open", action=None, why="metadata", needs_token=False)
    def get_open(_call: Call) -> Reply:
        return Reply(body={"open": True})

    @toy.route("GET", "/things/{name}", action="Toy.Shop/things/read")
    @toy.route("GET", "/data/{name}", action="Toy.Shop/things/content/read", data=True)
    @toy.route("HEAD", "/things/{name}", action="Toy.Shop/things/read")
    def get_thing(call: Call) -> Reply:
        return Reply(body={"name": call.params["name"], "who": call.authenticated_caller.object_id})

    @toy.route("DELETE", "/things/{name}", action="Toy.Shop/things/delete")
    def delete_thing(_call: Call) -> Reply:
        return Reply(status=204)

    @toy.route("PUT", "/break", action=None, why="a defect")
    def put_break(call: Call) -> Reply:
        call.tenant.store.put("toys", "half", {})
        raise ValueError(call.body.decode())

    @toy.route("PUT", "/refuse", action=None, why="an error of Azure's")
    def put_refuse(call: Call) -> Reply:
        call.tenant.store.put("toys", "written", {})
        raise AzureError(status=409, code="Busy", message="Busy.")

    return toy


class Shop:
    """A dispatcher over the toy services, and one principal with a token."""

    def __init__(self, folder: Path) -> None:
        self.tenant = Tenant(store=Store(folder), clock=Clock(), signer=Signer())
        narrow = Service(name="narrow", hosts=("toy.example.net",), path="/narrow(/.*)?", render=_render)
        narrow.route("GET", "/narrow", action=None, why="a toy")(lambda _call: Reply(body="narrow"))
        self.dispatcher = Dispatcher(
            self.tenant, [_toy(), narrow], authenticate=tokens.authenticate, authorize=access.is_principal_allowed
        )
        self.principal = directory.new_principal(self.tenant, "app", "somebody")
        self.tenant.store.put(directory.PRINCIPALS, self.principal["id"], self.principal)

    def token(self, **changed: Any) -> str:
        now = int(self.tenant.clock.timestamp())
        who = {"oid": self.principal["id"], "appid": "app", "tid": TENANT_ID}
        claims = {"aud": "https://toy.example.net/", "nbf": now, "exp": now + 60, **who}
        return self.tenant.signer.sign(claims | changed)

    def grant(self, scope: str, name: str = "a", **more: Any) -> None:
        assignment = {"scope": scope, "principalId": self.principal["id"], "roleDefinitionId": f"/x/{ROLE}", **more}
        self.tenant.store.put(access.ASSIGNMENTS, f"{scope}/{name}".lower(), assignment)

    def role(self, **permission: list[str]) -> None:
        self.tenant.store.put(access.DEFINITIONS, ROLE, {"permissions": [permission]})

    def call(self, method: str, path: str, version: str = "2020-01-01", body: bytes = b"", token: str = "") -> Reply:
        request = Request(
            method=method,
            host="toy.example.net",
            path=path,
            query={"api-version": version} if version else {},
            headers={"authorization": f"Bearer {token or self.token()}"},
            body=body,
        )
        target = self.dispatcher.find_target(request, "id")
        assert target is not None
        return self.dispatcher.answer(target)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    yield shop
    shop.tenant.store.close()


@pytest.mark.parametrize(
    ("version", "code"),
    [
        ("", "MissingApiVersionParameter"),
        ("latest", "InvalidApiVersionParameter"),
        ("2020-1-1", "InvalidApiVersionParameter"),
        ("2099-12-31", "AuthorizationFailed"),
        ("2099-12-31-preview", "AuthorizationFailed"),
    ],
)
def test_the_api_version_is_a_date_and_may_be_newer_than_known(shop: Shop, version: str, code: str) -> None:
    assert shop.call("GET", "/things/one", version).body["code"] == code


def test_a_route_may_need_no_token(shop: Shop) -> None:
    assert shop.call("GET", "/open", token="none").body == {"open": True}


def test_an_unknown_path_is_a_404_and_another_method_a_405(shop: Shop) -> None:
    assert shop.call("GET", "/unknown").status == 404
    assert shop.call("POST", "/things/one").status == 405


def test_an_unknown_path_needs_a_token_first(shop: Shop) -> None:
    assert shop.call("GET", "/unknown", token="none").status == 401


def test_the_service_with_the_narrower_path_answers(shop: Shop) -> None:
    assert shop.call("GET", "/narrow").body == "narrow"


def test_paths_compare_without_case(shop: Shop) -> None:
    shop.role(actions=["*"])
    shop.grant(GROUP)
    assert shop.call("GET", "/THINGS/one").status == 200


@pytest.mark.parametrize(
    ("host", "served"),
    [
        ("toy.example.net", True),
        ("a.toys.example.net", True),
        ("a.b.toys.example.net", False),
        ("toys.example.net", False),
    ],
)
def test_a_star_in_a_host_is_one_label(shop: Shop, *, host: str, served: bool) -> None:
    assert shop.dispatcher.serves(host) is served


def test_a_defect_is_azure_s_500_which_writes_nothing_and_logs_no_secret(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = shop.call("PUT", "/break", body=b"hunter2")
    assert (answer.status, answer.body["code"]) == (500, "InternalServerError")
    assert shop.tenant.store.get("toys", "half") is None
    assert "ValueError" in caplog.text
    assert "put_break" in caplog.text
    assert "hunter2" not in caplog.text


def test_what_a_handler_wrote_before_it_raised_an_azure_error_is_kept(shop: Shop) -> None:
    assert shop.call("PUT", "/refuse").body["code"] == "Busy"
    assert shop.tenant.store.get("toys", "written") == {}


def test_the_403_names_the_missing_action_and_the_scope(shop: Shop) -> None:
    answer = shop.call("GET", "/things/one")
    assert (answer.status, answer.body["code"]) == (403, "AuthorizationFailed")
    assert f"perform action 'Toy.Shop/things/read' over scope '{THING}'" in answer.body["message"]


@pytest.mark.parametrize(
    ("permission", "read", "delete", "content"),
    [
        ({"actions": ["Toy.Shop/things/read"]}, 200, 403, 403),
        ({"actions": ["toy.shop/*/READ"]}, 200, 403, 403),
        ({"actions": ["*"], "notActions": ["Toy.Shop/*/delete"]}, 200, 403, 403),
        ({"actions": ["*"]}, 200, 204, 403),
        ({"dataActions": ["Toy.Shop/things/content/*"]}, 403, 403, 200),
        ({"dataActions": ["*"], "notDataActions": ["*/content/read"]}, 403, 403, 403),
    ],
)
def test_permissions_come_from_the_role_definition(
    shop: Shop, permission: dict[str, list[str]], read: int, delete: int, content: int
) -> None:
    shop.role(**permission)
    shop.grant(THING)
    requests = (("GET", "/things/one"), ("DELETE", "/things/one"), ("GET", "/data/one"))
    assert [shop.call(method, path).status for method, path in requests] == [read, delete, content]


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ("/", 200),
        ("/subscriptions/S", 200),
        (GROUP.upper(), 200),
        (THING, 200),
        (f"{THING}-other", 403),
        (THING[:-1], 403),
        (f"{THING}/below", 403),
    ],
)
def test_an_assignment_reaches_what_lies_below_its_scope(shop: Shop, scope: str, status: int) -> None:
    shop.role(actions=["*"])
    shop.grant(scope)
    assert shop.call("GET", "/things/one").status == status


def test_a_condition_that_cannot_be_evaluated_denies(shop: Shop) -> None:
    shop.role(actions=["*"])
    shop.grant(GROUP, condition="@Resource[x] StringEquals 'y'")
    assert shop.call("GET", "/things/one").status == 403


def test_a_permission_ends_with_its_assignment_though_the_token_is_valid(shop: Shop) -> None:
    token = shop.token()
    shop.role(actions=["*"])
    shop.grant(GROUP)
    assert shop.call("GET", "/things/one", token=token).status == 200
    shop.tenant.store.remove(access.ASSIGNMENTS, f"{GROUP}/a".lower())
    assert shop.call("GET", "/things/one", token=token).status == 403


def test_a_new_permission_takes_effect_only_after_the_grant_lag(shop: Shop) -> None:
    shop.role(actions=["*"])
    shop.tenant.faults.grant_lag_seconds = 30
    shop.tenant.store.keep_history(enabled=True)
    shop.tenant.store.moment = shop.tenant.clock.timestamp()
    shop.grant(GROUP)
    assert shop.call("GET", "/things/one").status == 403
    shop.tenant.clock.offset_seconds += 31
    assert shop.call("GET", "/things/one").status == 200
