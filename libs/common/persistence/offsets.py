"""Where each consumer group stands in each partition, moved by compare-and-set; called by the streaming consumer."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text

from libs.common.errors import Conflict
from libs.common.persistence.transaction import Transaction

_FIRST_SEEN = text("""
    INSERT INTO offsets (consumer_group, incarnation, topic, partition, next_offset, owner)
    VALUES (:consumer_group, :incarnation, :topic, :partition, :next_offset, :owner)
    ON CONFLICT DO NOTHING
""")
_READ = text("""
    SELECT next_offset FROM offsets
    WHERE consumer_group = :consumer_group AND incarnation = :incarnation AND topic = :topic AND partition = :partition
""")
_ADVANCE = text("""
    UPDATE offsets SET next_offset = :next_offset, owner = :owner, updated_at = now()
    WHERE consumer_group = :consumer_group AND incarnation = :incarnation AND topic = :topic AND partition = :partition
      AND next_offset = :expected
""")
_STORED = text("""
    SELECT topic, partition, next_offset FROM offsets
    WHERE consumer_group = :consumer_group AND incarnation = :incarnation
""")


class OwnershipLost(Conflict):
    """Somebody else moved the offset: this batch already had its effect, or will have it elsewhere."""

    slug = "ownership-lost"


@dataclass(frozen=True, slots=True)
class OffsetKey:
    """One partition of one log as one consumer group sees it. `incarnation` is the broker's cluster id."""

    group: str
    incarnation: str
    topic: str
    partition: int

    def parameters(self) -> dict[str, str | int]:
        """Its columns."""
        return {
            "consumer_group": self.group,
            "incarnation": self.incarnation,
            "topic": self.topic,
            "partition": self.partition,
        }


async def claim(tx: Transaction, key: OffsetKey, *, log_start: int, owner: str) -> int:
    """The next offset to read. A partition never seen before begins at `log_start`; safe with several claiming at once."""
    await tx.connection.execute(_FIRST_SEEN, {**key.parameters(), "next_offset": log_start, "owner": owner})
    return int((await tx.connection.execute(_READ, key.parameters())).scalar_one())


async def advance(tx: Transaction, key: OffsetKey, *, expected: int, next_offset: int, owner: str) -> None:
    """Move from `expected` to `next_offset`, or raise OwnershipLost.

    Must be the transaction's first statement: it takes the row's lock, so that of two owners one waits and then loses.
    """
    moved = await tx.connection.execute(
        _ADVANCE, {**key.parameters(), "expected": expected, "next_offset": next_offset, "owner": owner}
    )
    if moved.rowcount != 1:
        raise OwnershipLost(
            f"{key.topic}[{key.partition}] of {key.group} is no longer at {expected}", context={"expected": expected}
        )


async def stored_offsets(tx: Transaction, group: str, incarnation: str) -> Mapping[tuple[str, int], int]:
    """Every partition's next offset by (topic, partition); for lag, drains and checks."""
    rows = await tx.connection.execute(_STORED, {"consumer_group": group, "incarnation": incarnation})
    return {(row.topic, row.partition): row.next_offset for row in rows}
