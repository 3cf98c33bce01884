"""What could never be handled: kept in the transaction that moves the offset, published by the outbox, within limits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from libs.common.errors import UsualError
from libs.common.persistence.messages import MAX_MESSAGE_BYTES, OutboxMessage, encode_headers
from libs.common.persistence.offsets import OffsetKey
from libs.common.persistence.outbox import append
from libs.common.persistence.transaction import Transaction

_KEEP = text("""
    INSERT INTO dead_letters
        (consumer_group, incarnation, topic, partition, log_offset, key, headers, value, reason, detail)
    VALUES (:consumer_group, :incarnation, :topic, :partition, :log_offset, :key, :headers, :value, :reason, :detail)
""")
_RECENT = text("""
    SELECT count(*) FROM dead_letters
    WHERE consumer_group = :consumer_group AND incarnation = :incarnation AND topic = :topic AND partition = :partition
      AND at > now() - make_interval(secs => :window_seconds)
""")
_FORGET = text("DELETE FROM dead_letters WHERE key = ANY(CAST(:keys AS bytea[]))")
_MAX_DETAIL_CHARACTERS = 500


class TooManyDeadLetters(UsualError):
    """So much is invalid that the fault is rather ours: the partition stops instead of draining into the dead letters."""

    slug = "too-many-dead-letters"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One refused record, byte for byte, with a stable reason slug."""

    log_offset: int
    key: bytes | None
    headers: Sequence[tuple[str, bytes]]
    value: bytes | None
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterLimit:
    """How much of one partition may be invalid within the window.

    More than `max_count`, or more than `max_ratio` of at least `min_records` records, stops the partition.
    """

    max_count: int = 1_000
    max_ratio: float = 0.2
    min_records: int = 100
    window_seconds: float = 60.0

    def exceeded(self, *, dead_letters: int, records: int) -> bool:
        """Whether to stop.

        >>> DeadLetterLimit(max_count=5).exceeded(dead_letters=6, records=1_000)
        True
        >>> DeadLetterLimit(max_ratio=0.2, min_records=100).exceeded(dead_letters=30, records=99)
        False
        """
        return dead_letters > self.max_count or (
            records >= self.min_records and dead_letters > self.max_ratio * records
        )


async def keep(tx: Transaction, key: OffsetKey, letters: Sequence[DeadLetter]) -> None:
    """Store `letters` and put them on the way to the dead-letter topic, all in the caller's transaction."""
    await tx.connection.execute(
        _KEEP,
        [
            {
                **key.parameters(),
                "log_offset": letter.log_offset,
                "key": letter.key,
                "headers": encode_headers(letter.headers),
                "value": letter.value,
                "reason": letter.reason,
                "detail": _printable(letter.detail),
            }
            for letter in letters
        ],
    )
    await append(tx, [_message(key, letter) for letter in letters])


async def recent(tx: Transaction, key: OffsetKey, *, window_seconds: float) -> int:
    """Dead letters of this partition in the window, this transaction's own included; survives restarts."""
    parameters = {**key.parameters(), "window_seconds": window_seconds}
    return int((await tx.connection.execute(_RECENT, parameters)).scalar_one())


def _message(key: OffsetKey, letter: DeadLetter) -> OutboxMessage:
    """The record as it was, plus where it was and why it was refused.

    A record that is too large to be sent on goes without its body: the row keeps it.
    """
    origin = (
        ("deadletter_reason", letter.reason.encode()),
        ("deadletter_group", key.group.encode()),
        ("deadletter_topic", key.topic.encode()),
        ("deadletter_partition", str(key.partition).encode()),
        ("deadletter_offset", str(letter.log_offset).encode()),
    )
    size = len(letter.key or b"") + len(letter.value or b"") + sum(len(n) + len(c) for n, c in letter.headers)
    fits = size < MAX_MESSAGE_BYTES - 4_096
    return OutboxMessage(
        topic=f"{key.topic}.dead-letters",
        key=letter.key if fits else None,
        headers=(*letter.headers, *origin) if fits else origin,
        value=(letter.value if letter.value is not None else b"") if fits else b"",
    )


def _printable(detail: str) -> str:
    """Text that PostgreSQL can hold, whatever a parser quoted."""
    return detail.encode("utf-8", "replace").decode().replace("\x00", "�")[:_MAX_DETAIL_CHARACTERS]


async def forget_keys(tx: Transaction, keys: Iterable[str]) -> int:
    """Remove what lies here under these keys of topics, for good; returns how many."""
    wanted = [key.encode() for key in keys]
    return (await tx.connection.execute(_FORGET, {"keys": wanted})).rowcount
