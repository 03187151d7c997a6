"""Within what Azure takes: who waits, for how long, and what is learned from an answer."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

import pytest

from provisioner.cloud.profile import PROFILES, PUBLIC
from provisioner.cloud.transport.budget import Budget, Turn, Windows
from provisioner.errors import Interrupted

SECRET = "https://kv.vault.azure.net/secrets/x"
GROUP = "https://management.azure.com/subscriptions/s/resourceGroups/rg"
GRAPH = "https://graph.microsoft.com/v1.0/applications"


@dataclass(frozen=True)
class Said:
    """An answer, as far as a budget looks: limit_seconds is None unless a limit of the service's was reached."""

    status_code: int = 200
    limit_seconds: float | None = None


@dataclass
class Run:
    """A budget on a clock of its own, which only pauses move on."""

    now: float = 1000.0
    cloud: str = "public"
    budget: Budget = field(init=False)

    def __post_init__(self) -> None:
        self.budget = Budget(
            PROFILES[self.cloud],
            pause=self.pause,
            ticks=lambda: self.now,
            rate_limit_seconds=lambda said: said.limit_seconds,
        )

    def pause(self, seconds: float) -> None:
        self.now += seconds

    def send(self, method: str, url: str, said: Said | None = Said(), *, times: int = 1) -> float:
        """Calls one after the other; how long all of them waited."""
        began = self.now
        for _ in range(times):
            self.budget.wait_for_turn(method, url).note_answer(said)
        return self.now - began


@pytest.mark.parametrize(
    ("method", "url", "most", "seconds"),
    [
        ("PUT", SECRET, 300, 10),
        ("GET", SECRET, 4000, 10),
    ],
)
def test_what_azure_takes_at_once_is_sent_and_the_rest_when_it_takes_more(
    method: str, url: str, most: int, seconds: int
) -> None:
    run = Run()
    assert run.send(method, url, times=most * 9 // 10) == 0
    assert run.send(method, url) == pytest.approx(seconds)
    assert run.send(method, url, times=most // 2) == 0


@pytest.mark.parametrize(
    ("method", "most", "seconds"), [("GET", 250, 10), ("PUT", 200, 20), ("POST", 200, 20), ("DELETE", 200, 20)]
)
def test_a_bucket_of_tokens_refills_all_the_time(method: str, most: int, seconds: int) -> None:
    run = Run()
    assert run.send(method, GROUP, times=most * 9 // 10) == 0
    first, second = run.send(method, GROUP), run.send(method, GROUP, times=9)
    assert (first, second) == pytest.approx((seconds / (most * 9 // 10), 9 * seconds / (most * 9 // 10)))
    run.pause(seconds + 0.001)
    assert run.send(method, GROUP, times=most * 9 // 10) == 0


@pytest.mark.parametrize(("subscriptions", "seconds"), [(1, 23.3), (20, 0.0)])
def test_many_runs_share_what_is_left_of_a_subscription(subscriptions: int, seconds: float) -> None:
    """50 plans of 15 reads each: more than one subscription takes at once."""
    windows, run = Windows(), Run()
    budgets = [
        Budget(PUBLIC, pause=run.pause, ticks=lambda: run.now, rate_limit_seconds=lambda _: None, windows=windows)
        for _ in range(50)
    ]
    began = run.now
    for number, budget in enumerate(budgets):
        for _ in range(15):
            budget.wait_for_turn("GET", GROUP.replace("/s/", f"/s{number % subscriptions}/")).note_answer(Said())
    assert run.now - began == pytest.approx(seconds, abs=0.1)


def test_five_hundred_runs_stay_within_what_each_service_takes() -> None:
    """By a bucket and a window as the services count them: 500 plans with a tenant, a subscription and vaults."""
    windows, run, sent = Windows(), Run(), Counter[str]()
    tokens, graph = 250.0, deque[float]()
    began = last = run.now
    for number in range(500):
        budget = Budget(
            PUBLIC, pause=run.pause, ticks=lambda: run.now, rate_limit_seconds=lambda _: None, windows=windows
        )
        for url, times in ((GROUP, 15), (GRAPH, 8), (SECRET.replace("kv", f"kv{number}"), 8)):
            for _ in range(times):
                budget.wait_for_turn("GET", url).note_answer(Said())
                sent[url] += 1
                tokens, last = min(250.0, tokens + 25 * (run.now - last)) - (url == GROUP), run.now
                graph.extend([run.now] if url == GRAPH else [])
                while graph and graph[0] <= run.now - 10:
                    graph.popleft()
                assert tokens >= 0
                assert len(graph) <= 1750
    assert (sent[GROUP], sent[GRAPH]) == (7500, 4000)
    assert run.now - began < 7500 / 22.5 + 1


def of_two_tenants(run: Run) -> tuple[Budget, Budget]:
    """What two runs share of the services' limits, each in a tenant of its own."""
    windows = Windows()
    one, other = (
        Budget(
            PUBLIC,
            pause=run.pause,
            ticks=lambda: run.now,
            rate_limit_seconds=lambda said: said.limit_seconds,
            windows=windows,
            tenant=lambda tenant=tenant: tenant,
        )
        for tenant in ("one", "other")
    )
    return one, other


def test_the_directory_of_each_tenant_has_a_limit_of_its_own() -> None:
    run = Run()
    one, other = of_two_tenants(run)
    one.wait_for_turn("GET", GRAPH).note_answer(Said(429, 5.0))
    began = run.now
    other.wait_for_turn("GET", GRAPH).note_answer(Said())
    assert run.now == began
    one.wait_for_turn("GET", GRAPH).note_answer(Said())
    assert run.now - began == pytest.approx(5.0)


def test_runs_share_what_is_left_of_a_vault_and_each_vault_has_a_limit_of_its_own() -> None:
    run = Run()
    one, other = of_two_tenants(run)
    began = run.now
    for budget in (one, other):
        for _ in range(135):
            budget.wait_for_turn("PUT", SECRET).note_answer(Said())
    other.wait_for_turn("PUT", SECRET.replace("kv", "kv2")).note_answer(Said())
    assert run.now == began
    one.wait_for_turn("PUT", SECRET).note_answer(Said(429, 5.0))
    assert run.now - began == pytest.approx(10.0)
    other.wait_for_turn("PUT", SECRET).note_answer(Said())
    assert run.now - began == pytest.approx(15.0)


@pytest.mark.parametrize("other", [("GET", SECRET), ("PUT", "https://kv2.vault.azure.net/secrets/x"), ("PUT", GRAPH)])
def test_a_class_that_waits_holds_up_no_other(other: tuple[str, str]) -> None:
    run = Run()
    run.send("PUT", SECRET, Said(429, 0.0))
    assert run.send(*other) == 0
    assert run.send("PUT", SECRET) == pytest.approx(10)


def test_a_limit_that_others_use_too_is_learned() -> None:
    run = Run()
    assert run.send("PUT", SECRET, times=20) == 0
    assert run.send("PUT", SECRET, Said(429, 0.0)) == 0
    assert run.send("PUT", SECRET, times=20) == pytest.approx(10)
    assert run.send("PUT", SECRET) == pytest.approx(10)


def test_what_others_no_longer_use_is_used_again() -> None:
    run = Run()
    run.send("PUT", SECRET, times=2)
    run.send("PUT", SECRET, Said(429, 10.0))
    waited = [run.send("PUT", SECRET, times=times) for times in (2, 4, 8, 16, 32, 64, 128, 256)]
    assert waited == pytest.approx([10.0] * 8)


def test_a_bucket_that_others_use_too_refills_more_slowly() -> None:
    """225 calls in 10 seconds are half as many afterwards, then all again."""
    run = Run()
    run.send("GET", GROUP, times=10)
    run.send("GET", GROUP, Said(429, 1.0))
    assert run.send("GET", GROUP) == pytest.approx(1.0)
    assert run.send("GET", GROUP, times=8) == pytest.approx(8 * 10 / 112)
    run.send("GET", GROUP, Said(429, 1.0))
    assert run.send("GET", GROUP, times=9) == pytest.approx(1.0 + 8 * 10 / 56, abs=0.2)
    run.pause(40.0)
    assert run.send("GET", GROUP, times=100) == 0


def test_a_limit_that_stays_low_is_tried_again_with_one_window_between() -> None:
    run = Run()
    run.send("PUT", SECRET, times=20)
    for _ in range(3):
        run.send("PUT", SECRET, Said(429, 0.0))
        assert run.send("PUT", SECRET, times=20) == pytest.approx(10)
        run.pause(10.0)
        assert run.send("PUT", SECRET, times=20) == 0


def test_calls_that_are_turned_away_together_teach_once() -> None:
    run = Run()
    run.send("PUT", SECRET, times=20)
    together = [run.budget.wait_for_turn("PUT", SECRET) for _ in range(8)]
    for turn in together:
        turn.note_answer(Said(429, 0.0))
    assert run.send("PUT", SECRET, times=20) == pytest.approx(10)


def test_an_empty_bucket_takes_calls_again_after_a_second() -> None:
    run = Run()
    run.send("PUT", GROUP, Said(429, 0.0))
    assert run.send("PUT", GROUP) == pytest.approx(1.0)


def test_a_service_may_ask_for_a_longer_pause() -> None:
    run = Run()
    run.send("GET", GROUP, Said(429, 30.0))
    assert run.send("GET", GROUP) == pytest.approx(30)


def test_a_service_that_is_only_busy_teaches_nothing() -> None:
    run = Run()
    run.send("GET", GROUP, Said(429, None))
    assert run.send("GET", GROUP, times=100) == 0


def test_a_call_counts_until_long_after_its_answer() -> None:
    run = Run()
    first = run.budget.wait_for_turn("PUT", SECRET)
    run.send("PUT", SECRET, times=269)
    run.pause(9.0)
    first.note_answer(Said())
    assert run.send("PUT", SECRET, times=269) == pytest.approx(1.0)
    assert run.send("PUT", SECRET) == pytest.approx(9.0)


def test_calls_under_way_count_until_they_are_answered() -> None:
    under_way: list[Turn] = []

    def pause(_seconds: float) -> None:
        under_way.pop().note_answer(Said(401))

    budget = Budget(PUBLIC, pause=pause, ticks=lambda: 0.0, rate_limit_seconds=lambda said: said.limit_seconds)
    under_way.extend(budget.wait_for_turn("PUT", SECRET) for _ in range(270))
    budget.wait_for_turn("PUT", SECRET)
    assert len(under_way) == 269


def test_a_question_without_a_token_does_not_count_and_a_lost_answer_does() -> None:
    run = Run()
    assert run.send("PUT", SECRET, Said(401), times=500) == 0
    assert run.send("PUT", SECRET, None, times=270) == 0
    assert run.send("PUT", SECRET) == pytest.approx(10)


def test_the_lease_waits_for_nobody() -> None:
    run = Run()
    run.send("POST", GROUP, Said(429, 60.0))
    assert run.send("POST", f"{GROUP}/providers/Microsoft.Storage/storageAccounts/s/x/lease", times=500) == 0


def test_hosts_without_known_limits_do_not_wait() -> None:
    assert Run().send("PUT", "https://st.dfs.core.windows.net/jobs/x", Said(429, 0.0), times=9999) == 0


@pytest.mark.parametrize("cloud", PROFILES)
def test_every_cloud_has_its_limits(cloud: str) -> None:
    profile = PROFILES[cloud]
    run = Run(cloud=cloud)
    assert run.send("PUT", f"https://kv.{profile.vault_suffix}/secrets/x", times=271) == pytest.approx(10)
    assert run.send("GET", f"{profile.arm}/tenants", times=226) == pytest.approx(10 / 225)
    assert run.send("GET", f"{profile.graph}/v1.0/applications", times=1576) == pytest.approx(10)


def test_an_interrupt_ends_the_waiting() -> None:
    def pause(_seconds: float) -> None:
        raise Interrupted(during="waiting for Azure")

    budget = Budget(PUBLIC, pause=pause, ticks=lambda: 0.0, rate_limit_seconds=lambda said: said.limit_seconds)
    budget.wait_for_turn("PUT", SECRET).note_answer(Said(429, 0.0))
    with pytest.raises(Interrupted):
        budget.wait_for_turn("PUT", SECRET)
