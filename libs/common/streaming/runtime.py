"""What consumers are made of: the parts that one process shares, and what one consumer reads."""

from dataclasses import dataclass, field

from libs.common.clock import Clock
from libs.common.contracts import Topic, decode
from libs.common.persistence.backoff import Backoff
from libs.common.persistence.dead_letters import DeadLetterLimit
from libs.common.persistence.transaction import Transactions
from libs.common.streaming.metrics import StreamMetrics
from libs.common.streaming.reading import Decode
from libs.common.streaming.settings import StreamSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What one consumer reads and how."""

    group: str
    topics: tuple[Topic, ...]
    deduplicate: bool = False
    """Drop events whose id already had its effect: for topics whose producers may repeat (everything from ingest)."""
    side_by_side: int = 1
    """How many partitions' batches may be under way at the same time: one is decoded while others wait for the database.

    For handlers that hold no memory of their own between batches; each takes a connection of the pool.
    """
    limit: DeadLetterLimit = field(default_factory=DeadLetterLimit)

    def is_compacted(self, topic: str) -> bool:
        """Whether a record without a body deletes its key there."""
        return any(known.compacted for known in self.topics if known.name == topic)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRuntime:
    """What the consumers of one process share. `owner` names the process in the offsets table."""

    settings: StreamSettings
    transactions: Transactions
    clock: Clock
    metrics: StreamMetrics
    backoff: Backoff
    owner: str
    decode: Decode = decode
    stall_seconds: float = 60.0
    look_seconds: float = 5.0
