"""What a consumer may believe about the partitions it was given."""

from collections.abc import Iterable

from libs.common.persistence.offsets import OffsetKey
from libs.common.streaming.batch import TopicPartition
from libs.common.streaming.ownership import Owned, Ownership

ONE, TWO = TopicPartition("topic", 1), TopicPartition("topic", 2)


def owning(*partitions: TopicPartition) -> tuple[Ownership, list[TopicPartition]]:
    lost: list[TopicPartition] = []

    def note(partitions: Iterable[TopicPartition]) -> None:
        lost.extend(partitions)

    ownership = Ownership(on_lost=note)
    for partition in partitions:
        ownership.owned[partition] = Owned(OffsetKey("group", "cluster", "topic", partition.partition), 0)
    return ownership, lost


def test_a_reassignment_makes_everything_doubtful_and_tells_who_keeps_state() -> None:
    ownership, lost = owning(ONE, TWO)
    held = ownership.owned[ONE]
    ownership.reassigned()
    assert sorted(lost, key=lambda found: found.partition) == [ONE, TWO]
    assert not ownership.still(ONE, held)


def test_the_same_partition_owned_again_is_another_epoch() -> None:
    ownership, _ = owning(ONE)
    before = ownership.owned[ONE]
    ownership.lose((ONE,))
    ownership.owned[ONE] = Owned(before.key, before.next_offset)
    assert not ownership.still(ONE, before)


def test_what_was_put_off_is_not_claimed_before_its_time() -> None:
    ownership, lost = owning(ONE, TWO)
    ownership.put_off(ONE, until_seconds=10.0)
    assert lost == [ONE]
    assert ownership.claimable([ONE, TWO], now_seconds=9.9) == []
    assert ownership.claimable([ONE, TWO], now_seconds=10.0) == [ONE]
    assert ownership.failures(ONE) == 1
    ownership.went_well(ONE)
    assert ownership.failures(ONE) == 0


def test_a_stopped_partition_is_never_claimed() -> None:
    ownership, _ = owning()
    ownership.stopped[ONE] = "too much was invalid"
    assert ownership.claimable([ONE, TWO], now_seconds=1e9) == [TWO]
