"""Laws of the guessing defence: what counts, whose it is, when it locks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.offers.domain.fraud.guessing import Misses, MissLimits, Presenter, is_miss
from services.offers.domain.vouchers.voucher import NotRedeemed

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
LIMITS = MissLimits()


def presenter(**changes: object) -> Presenter:
    plain: dict[str, object] = {"key_id": "k", "store_id": "1", "terminal_id": "7", "sees_reasons": True}
    return Presenter(**(plain | changes))  # type: ignore[arg-type]  # a builder


@pytest.mark.parametrize("reason", list(NotRedeemed))
def test_outside_a_till_every_refusal_counts_alike(reason: NotRedeemed) -> None:
    assert is_miss(reason, mistyped=False, sees_reasons=False)


@pytest.mark.parametrize("reason", list(NotRedeemed))
def test_a_till_misses_only_with_codes_that_nobody_knows(reason: NotRedeemed) -> None:
    assert is_miss(reason, mistyped=False, sees_reasons=True) is (reason == "unknown-code")


@pytest.mark.parametrize("sees_reasons", [True, False])
def test_a_typing_error_is_no_guess(sees_reasons: bool) -> None:  # noqa: FBT001 - the case
    assert not is_miss(NotRedeemed.UNKNOWN_CODE, mistyped=True, sees_reasons=sees_reasons)


def test_nobody_outside_locks_the_tills_of_a_store() -> None:
    assert not set(LIMITS.of(presenter())) & set(LIMITS.of(presenter(sees_reasons=False)))


def test_lanes_share_their_store_and_their_key_and_nothing_else() -> None:
    one, other = set(LIMITS.of(presenter())), set(LIMITS.of(presenter(terminal_id="8")))
    assert one & other == {"till:store:1", "till:caller:k"}
    assert set(LIMITS.of(presenter(store_id="2", key_id="l"))).isdisjoint(one)


@given(
    gaps=st.lists(st.integers(0, 90), max_size=40),
    limit=st.integers(1, 8),
)
def test_nobody_is_looked_at_more_often_than_the_limit_within_a_window(gaps: list[int], limit: int) -> None:
    misses, now, looked_at = Misses(count=0, since=NOW), NOW, list[datetime]()
    for gap in gaps:
        now += timedelta(seconds=gap)
        if misses.lock_at(now):
            continue
        misses = misses.and_one_more(limit, LIMITS, now)
        looked_at.append(now)
    for first in looked_at:
        assert sum(first <= at < first + LIMITS.window for at in looked_at) <= 2 * limit - 1


def test_the_limit_locks_and_the_end_of_a_lock_begins_anew() -> None:
    misses = Misses(count=0, since=NOW)
    for _ in range(4):
        misses = misses.and_one_more(5, LIMITS, NOW)
        assert not misses.lock_at(NOW)
    misses = misses.and_one_more(5, LIMITS, NOW)
    assert misses.lock_at(NOW)
    assert misses.lock_at(NOW + timedelta(seconds=299))
    after = NOW + timedelta(seconds=300)
    assert not misses.lock_at(after)
    assert misses.and_one_more(5, LIMITS, after) == Misses(count=1, since=after)


def test_misses_of_another_minute_are_forgiven() -> None:
    misses = Misses(count=4, since=NOW)
    later = NOW + LIMITS.window
    assert misses.and_one_more(5, LIMITS, later) == Misses(count=1, since=later)
