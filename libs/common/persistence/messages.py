"""What leaves through an outbox, and the port through which relays send it; streaming's Producer fits the port."""

from collections.abc import Sequence
from itertools import chain
from typing import Protocol, Self

import msgspec

from libs.common.contracts import Event, Topic
from libs.common.errors import TooLarge, UsualError

MAX_MESSAGE_BYTES = 900_000
"""Below every broker's default limit of 1 MiB, with room for the record's own framing."""

_headers_encoder = msgspec.msgpack.Encoder()
_headers_decoder = msgspec.msgpack.Decoder(list[tuple[str, bytes]])


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One record for a topic. `value` None is a tombstone."""

    topic: str
    key: bytes | None
    headers: Sequence[tuple[str, bytes]]
    value: bytes | None


class OutboxMessage(Message, frozen=True, kw_only=True, gc=False):
    """A record that waits in an outbox. Raises TooLarge at once: a stuck outbox would be worse."""

    def __post_init__(self) -> None:
        if self.size_bytes > MAX_MESSAGE_BYTES:
            raise TooLarge(f"{self.size_bytes} bytes for {self.topic} (limit {MAX_MESSAGE_BYTES})")

    @property
    def size_bytes(self) -> int:
        """Bytes of key, value and headers."""
        named = sum(map(len, chain.from_iterable(self.headers)))
        return len(self.key or b"") + len(self.value or b"") + named

    @classmethod
    def of(cls, event: Event, topic: Topic) -> Self:
        """The event in CloudEvents' binary mode, keyed as its contract says."""
        return cls(topic=topic.name, key=event.partition_key.encode(), headers=event.headers(), value=event.body())

    @classmethod
    def tombstone(cls, topic: Topic, key: str) -> Self:
        """What deletes `key` from a compacted topic."""
        return cls(topic=topic.name, key=key.encode(), headers=(), value=None)


class Sender(Protocol):
    """Sends and waits for acknowledgements; never raises for a message's own fate."""

    async def send_many(self, messages: Sequence[Message]) -> Sequence[UsualError | None]:
        """Per message None when the broker acknowledged it, else why not (or why that is unknown).

        Keeps the given order per partition: after a failure nothing later is sent to the same partition.
        """
        ...


def encode_headers(headers: Sequence[tuple[str, bytes]]) -> bytes:
    """Headers as one column's bytes, exactly."""
    return _headers_encoder.encode(list(headers))


def decode_headers(packed: bytes) -> list[tuple[str, bytes]]:
    """The headers that `encode_headers` packed."""
    return _headers_decoder.decode(packed)
