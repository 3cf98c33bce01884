"""Laws of the ladder: an answer in time from the highest tier that is there, and no wait that is known to be in vain."""

import asyncio
import time
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from libs.common.clock import SystemClock
from libs.common.errors import RetryableError
from services.offers.handlers.checkout.breaker import Breaker
from services.offers.handlers.checkout.ladder import Ladder
from services.offers.handlers.checkout.loop_lag import LoopLag
from services.offers.handlers.decisions.asking import Answered, Attempt, Checkout
from services.offers.handlers.leases.standby import Standby
from services.offers.metrics import OffersMetrics
from services.offers.ports.checkout import Overloaded

PERSONAL = Answered(0, "offered", b"{}")


class FakeStandby:
    """Hands out tier 2 unless it fails; remembers what it was asked."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.ready = True
        self.asked: list[tuple[str, Attempt]] = []
        self.journal: dict[str, Answered] = {}

    def told(self, checkout: Checkout) -> Answered | None:
        return self.journal.get(checkout.checkout_id)

    async def hand_out(self, checkout: Checkout, why: str, attempt: Attempt) -> Answered | None:
        if self.failure:
            raise self.failure
        self.asked.append((why, attempt))
        return Answered(2, why, b"{}")


def a_checkout(checkout_id: str = "c") -> Checkout:
    return Checkout(
        checkout_id=checkout_id,
        receipt_id="r",
        store_id="store-1",
        identifier=None,
        currency="USD",
        item_ids=(),
        slots=1,
        columns=42,
        deadline_seconds=0.3,
    )


def a_ladder(standby: FakeStandby | None = None, *, most_under_way: int = 8) -> Ladder:
    metrics = OffersMetrics(CollectorRegistry())
    return Ladder(SystemClock(), metrics, most_under_way=most_under_way, standby=cast("Standby | None", standby))


async def personal(_checkout: Checkout, _attempt: Attempt) -> Answered:
    return PERSONAL


async def never(_checkout: Checkout, _attempt: Attempt) -> Answered:
    await asyncio.Event().wait()
    return PERSONAL


def failing(error: Exception) -> Any:
    async def decide(_checkout: Checkout, attempt: Attempt) -> Answered:
        attempt.customer_id = "somebody"
        raise error

    return decide


async def test_while_the_database_answers_nobody_else_is_asked() -> None:
    standby = FakeStandby()
    assert await a_ladder(standby).answered(a_checkout(), 0.3, personal) is PERSONAL
    assert standby.asked == []


async def test_a_database_that_is_away_or_slow_costs_a_tier_and_never_the_deadline() -> None:
    standby = FakeStandby()
    ladder = a_ladder(standby)
    away = RetryableError("no database", slug="database-away")
    assert (await ladder.answered(a_checkout(), 0.3, failing(away))).reason == "database-away"
    assert (await ladder.answered(a_checkout(), 0.12, never)).tier == 2
    assert [why for why, _ in standby.asked] == ["database-away", "deadline"]
    assert standby.asked[0][1].customer_id == "somebody", "what was learned on the way is not lost"


@pytest.mark.parametrize("error", [RetryableError("full", slug="journal-unusable"), TimeoutError()])
async def test_without_leases_there_is_tier_3(error: Exception) -> None:
    away = failing(RetryableError("no database", slug="database-away"))
    for ladder in (a_ladder(), a_ladder(FakeStandby(error))):
        assert (await ladder.answered(a_checkout(), 0.3, away))[:2] == (3, "database-away")


async def test_what_a_till_was_told_from_leases_is_told_again_whatever_the_database_says_by_now() -> None:
    standby = FakeStandby()
    ladder = a_ladder(standby)
    told = Answered(2, "repeat", b"{}")

    async def meanwhile(_checkout: Checkout, _attempt: Attempt) -> Answered:
        standby.journal["c"] = told
        return PERSONAL

    assert await ladder.answered(a_checkout(), 0.3, meanwhile) is told
    assert await ladder.answered(a_checkout(), 0.3, personal) is told
    assert await ladder.answered(a_checkout("d"), 0.3, personal) is PERSONAL


async def test_above_the_bound_a_checkout_is_answered_at_once() -> None:
    ladder = a_ladder(FakeStandby(), most_under_way=2)
    waiting = [asyncio.create_task(ladder.answered(a_checkout(), 0.2, never)) for _ in range(2)]
    await asyncio.sleep(0)  # noqa: TID251 - let them begin
    assert (await ladder.answered(a_checkout(), 0.2, personal))[:2] == (3, "overloaded")
    await asyncio.gather(*waiting)
    assert await ladder.answered(a_checkout(), 0.3, personal) is PERSONAL


async def test_a_process_that_is_behind_begins_nothing_for_a_till_that_cannot_wait() -> None:
    ladder = a_ladder(FakeStandby())
    ladder.lag.seconds = 0.05
    assert (await ladder.answered(a_checkout(), 0.3, personal))[:2] == (3, "overloaded")
    ladder.lag.seconds = 0.02
    assert await ladder.answered(a_checkout(), 0.3, personal) is PERSONAL


async def test_lag_is_how_late_what_is_due_runs() -> None:
    lag = LoopLag(SystemClock())
    measuring = asyncio.create_task(lag.run())
    await asyncio.sleep(0.05)  # noqa: TID251 - it looks
    time.sleep(0.3)  # noqa: ASYNC251 - the loop is held up
    await asyncio.sleep(0.05)  # noqa: TID251 - it looks again
    assert lag.seconds > 0.1
    lag.stop()
    await measuring


async def test_an_overloaded_database_is_not_helped_out_with_leases() -> None:
    standby = FakeStandby()
    assert (await a_ladder(standby).answered(a_checkout(), 0.3, failing(Overloaded("full")))).tier == 3
    assert standby.asked == []


async def test_after_several_waits_in_vain_only_one_now_and_then_still_waits() -> None:
    ladder = a_ladder(FakeStandby())
    while not ladder.breaker.is_open:
        await ladder.answered(a_checkout(), 0.15, never)
    assert (await ladder.answered(a_checkout(), 0.3, never)).reason == "database-slow"
    ladder.breaker.probe_seconds = 0.0
    ladder.breaker.failed(-1.0)
    async with asyncio.timeout(10):
        while await ladder.answered(a_checkout(), 0.3, personal) is not PERSONAL:
            pass
    assert not ladder.breaker.is_open, "one that was served closes it"


def test_an_open_breaker_lets_one_through_at_a_time() -> None:
    breaker = Breaker(failures_to_open=2, probe_seconds=1.0)
    breaker.failed(10.0)
    assert breaker.lets_through(10.0)
    breaker.failed(10.0)
    assert [breaker.lets_through(at) for at in (10.5, 11.0, 11.0, 11.9, 12.0)] == [False, True, False, False, True]
    breaker.worked()
    assert breaker.lets_through(12.0)


async def test_who_gives_little_time_says_nothing_about_the_database() -> None:
    ladder = a_ladder(FakeStandby())
    for _ in range(20):
        await ladder.answered(a_checkout(), 0.002, never)
    assert not ladder.breaker.is_open
