"""Which partitions a consumer owns for certain, and which wait, rest or are stopped. Synchronous: listeners may call it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from libs.common.persistence.offsets import OffsetKey
from libs.common.streaming.batch import OwnershipListener, TopicPartition


@dataclass(slots=True)
class Owned:
    """One partition between a claim and its loss. Its identity is the epoch: what began under another one is void."""

    key: OffsetKey
    next_offset: int


@dataclass(slots=True)
class _Rest:
    failures: int
    not_before_seconds: float


@dataclass(slots=True)
class Ownership:
    """Owned partitions by name. Losing one always drops the memory that mirrors it."""

    on_lost: OwnershipListener
    owned: dict[TopicPartition, Owned] = field(default_factory=dict)
    stopped: dict[TopicPartition, str] = field(default_factory=dict)
    epoch: int = 0
    _rests: dict[TopicPartition, _Rest] = field(default_factory=dict)

    def reassigned(self) -> None:
        """The group changed: nothing is certain any more."""
        self.epoch += 1
        self.lose_all()

    def lose_all(self) -> None:
        """Give up every partition; each is claimed again before it is read."""
        self.lose(tuple(self.owned))

    def lose(self, partitions: Iterable[TopicPartition]) -> None:
        """Give up these."""
        lost = [partition for partition in partitions if self.owned.pop(partition, None) is not None]
        if lost:
            self.on_lost(lost)

    def still(self, partition: TopicPartition, owned: Owned) -> bool:
        """Whether `owned` is what we hold now, without a loss in between."""
        return self.owned.get(partition) is owned

    def put_off(self, partition: TopicPartition, *, until_seconds: float) -> None:
        """Give it up and leave it alone for a while."""
        rest = self._rests.get(partition, _Rest(0, 0.0))
        self._rests[partition] = _Rest(rest.failures + 1, until_seconds)
        self.lose((partition,))

    def failures(self, partition: TopicPartition) -> int:
        """How often it was put off since it last went well."""
        return self._rests[partition].failures if partition in self._rests else 0

    def went_well(self, partition: TopicPartition) -> None:
        """Forget its failures."""
        self._rests.pop(partition, None)

    def claimable(self, assigned: Iterable[TopicPartition], *, now_seconds: float) -> list[TopicPartition]:
        """Of `assigned`, what we do not own and may claim now."""
        return [
            partition
            for partition in assigned
            if partition not in self.owned
            and partition not in self.stopped
            and (partition not in self._rests or self._rests[partition].not_before_seconds <= now_seconds)
        ]
