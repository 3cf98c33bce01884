"""How long to wait, and how much may be invalid."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from libs.common.persistence import Backoff
from libs.common.streaming import DeadLetterLimit


@given(st.integers(1, 10_000), st.integers())
def test_a_wait_is_never_longer_than_the_cap_and_never_nothing(attempt: int, seed: int) -> None:
    delay = Backoff(random=Random(seed), base_seconds=0.1, cap_seconds=5.0).delay_seconds(attempt)
    assert 0.05 <= delay <= 5.0


def test_the_same_seed_waits_the_same() -> None:
    first, second = (Backoff(random=Random(3)) for _ in range(2))
    assert [first.delay_seconds(n) for n in range(1, 9)] == [second.delay_seconds(n) for n in range(1, 9)]


def test_one_in_a_hundred_is_life_and_one_in_four_is_our_fault() -> None:
    limit = DeadLetterLimit()
    assert not limit.exceeded(dead_letters=300, records=30_000)
    assert limit.exceeded(dead_letters=25, records=100)


def test_a_few_records_prove_nothing() -> None:
    assert not DeadLetterLimit(min_records=100).exceeded(dead_letters=99, records=99)


def test_however_much_is_read_too_many_are_too_many() -> None:
    assert DeadLetterLimit(max_count=1_000).exceeded(dead_letters=1_001, records=10_000_000)
