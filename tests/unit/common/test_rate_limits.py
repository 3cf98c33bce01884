"""What must hold of the rates at which keys and stores may bring events."""

from datetime import UTC, datetime, timedelta

import pytest
from httpx import ASGITransport, AsyncClient
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from libs.common.clock import FixedClock
from libs.common.http.credentials import Credential, new_key
from libs.common.http.rate_limits import RateLimited, RateLimits, Rates
from libs.common.http.service_app import create_service_app
from libs.common.observability.health import Health

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RATES = Rates(key_per_second=100.0, store_per_second=150.0, burst_seconds=2)


def key(name: str, store: str = "*", rate: float | None = None) -> Credential:
    return new_key(name, frozenset(), store_id=store, events_per_second=rate)[1]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def limits(clock: FixedClock, registry: CollectorRegistry) -> RateLimits:
    return RateLimits(RATES, clock, registry)


def taken(limits: RateLimits, caller: Credential, tries: int, events: int = 1) -> int:
    """How many of the tries were let in."""
    count = 0
    for _ in range(tries):
        try:
            limits.take(caller, events)
        except RateLimited:
            continue
        count += 1
    return count


def test_a_key_may_bring_its_burst_at_once_and_its_rate_for_ever(limits: RateLimits, clock: FixedClock) -> None:
    assert taken(limits, key("a"), 500) == 200
    for _ in range(5):
        clock.move(timedelta(seconds=1))
        assert taken(limits, key("a"), 500) == 100


def test_silence_saves_up_no_more_than_a_burst(limits: RateLimits, clock: FixedClock) -> None:
    limits.take(key("a"), 1)
    clock.move(timedelta(hours=1))
    assert taken(limits, key("a"), 500) == 200


def test_a_request_counts_as_many_times_as_it_has_events(limits: RateLimits, clock: FixedClock) -> None:
    limits.take(key("a"), 1000)
    with pytest.raises(RateLimited) as caught:
        limits.take(key("a"), 1)
    assert caught.value.headers["Retry-After"] == "8"
    clock.move(timedelta(seconds=7.9))
    assert taken(limits, key("a"), 1) == 0
    clock.move(timedelta(seconds=0.2))
    assert taken(limits, key("a"), 1) == 1


@given(steps=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 1000)), max_size=40))
def test_no_pattern_of_batches_brings_more_than_rate_burst_and_one_batch(steps: list[tuple[float, int]]) -> None:
    clock = FixedClock(NOON)
    limits = RateLimits(RATES, clock, CollectorRegistry())
    brought, seconds = 0, 0.0
    for pause, events in steps:
        clock.move(timedelta(seconds=pause))
        seconds += pause
        brought += events * taken(limits, key("a"), 1, events)
    assert brought <= 100 * (seconds + 2) + 1000 + 1e-3


def test_whoever_waits_as_long_as_told_is_let_in(limits: RateLimits, clock: FixedClock) -> None:
    limits.take(key("a"), 777)
    with pytest.raises(RateLimited) as caught:
        limits.take(key("a"), 1)
    clock.move(timedelta(seconds=int(caught.value.headers["Retry-After"])))
    limits.take(key("a"), 1)


def test_the_keys_of_a_store_share_its_rate_and_other_stores_pay_nothing(limits: RateLimits) -> None:
    assert taken(limits, key("a", "7"), 200) == 200
    assert taken(limits, key("b", "7"), 200) == 100
    assert taken(limits, key("c", "8"), 200) == 200
    assert taken(limits, key("d"), 200) == 200


def test_what_is_refused_for_the_store_is_not_charged_to_the_key(limits: RateLimits, clock: FixedClock) -> None:
    limits.take(key("a", "7"), 150)
    limits.take(key("b", "7"), 150)
    late = key("c", "7")
    assert taken(limits, late, 50) == 0
    clock.move(timedelta(seconds=0.01))
    assert taken(limits, late, 1) == 1


def test_a_key_may_have_a_rate_of_its_own_or_none(limits: RateLimits) -> None:
    assert taken(limits, key("slow", rate=0.5), 10) == 1
    assert taken(limits, key("free", rate=0.0), 1000) == 1000


def test_without_limits_nothing_is_refused_or_remembered(clock: FixedClock, registry: CollectorRegistry) -> None:
    limits = RateLimits(Rates(key_per_second=0, store_per_second=0, burst_seconds=1), clock, registry)
    assert taken(limits, key("a", "7"), 100, events=10**6) == 100
    assert not limits._keys.full_at


def test_asking_costs_nothing(limits: RateLimits) -> None:
    limits.take(key("a"), 199)
    assert taken(limits, key("a"), 100, events=0) == 100
    limits.take(key("a"), 1)
    assert taken(limits, key("a"), 1, events=0) == 0


def test_callers_who_are_quiet_are_forgotten(limits: RateLimits, clock: FixedClock) -> None:
    for number in range(30_000):
        limits.take(key_named(number), 1)
        clock.move(timedelta(milliseconds=1))
    assert len(limits._keys.full_at) <= 10_001


def key_named(number: int) -> Credential:
    return Credential.model_construct(key_id=f"k{number}", secret_sha256="", scopes=frozenset())


async def test_the_answer_says_when_to_come_again_in_standard_headers_and_is_counted(
    limits: RateLimits, registry: CollectorRegistry
) -> None:
    app = create_service_app("test", description="", health=Health(), metrics=registry)

    @app.post("/events")
    async def events() -> None:
        limits.take(key("a"), 600)

    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        assert (await client.post("/events")).status_code == 200
        answer = await client.post("/events")
        shown = (await client.get("/metrics")).text
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:the-usual:problem:rate-limited"
    assert answer.json()["violated-policies"] == ["key"]
    assert answer.headers["retry-after"] == "4"
    assert answer.headers["ratelimit"] == '"key";r=0;t=4'
    assert answer.headers["ratelimit-policy"] == '"key";q=200;w=2'
    assert 'http_rate_limited_total{policy="key"} 1.0' in shown
