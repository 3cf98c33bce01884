"""Laws of how complete the copies are: as far as profile said, and only once all that it spoke of is read."""

from datetime import UTC, datetime

from services.offers.domain.feeds import Promise

ENDS = {("profile.snapshots.v1", 0): 3, ("profile.snapshots.v1", 1): 0, ("profile.snapshots.v1", 2): 7}
PROMISE = Promise(complete_until=datetime(2026, 3, 10, tzinfo=UTC), incarnation="one", ends=ENDS)


def test_a_word_is_true_here_when_every_partition_is_read_to_where_it_ended_then() -> None:
    assert PROMISE.kept(ENDS)
    assert PROMISE.kept({place: end + 1 for place, end in ENDS.items()})
    assert PROMISE.kept({place: end for place, end in ENDS.items() if end}), "an empty partition was never begun"


def test_one_partition_that_is_behind_is_enough_to_wait() -> None:
    for place, end in ENDS.items():
        if end:
            assert not PROMISE.kept({**ENDS, place: end - 1})
            assert not PROMISE.kept({other: there for other, there in ENDS.items() if other != place})
