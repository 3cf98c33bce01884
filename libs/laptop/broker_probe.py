"""Asks a Kafka-protocol broker who it is, by one hand-written Metadata request; the brokers' start waits on it.

The streaming wrapper is the only user of a Kafka client, and a health wait needs no more than these few bytes.
"""

import asyncio
import contextlib
import struct
from dataclasses import dataclass

_METADATA, _VERSION, _CORRELATION = 3, 2, 1
_REQUEST = struct.pack(">hhih5si", _METADATA, _VERSION, _CORRELATION, 5, b"probe", 0)


@dataclass(frozen=True)
class Cluster:
    """What a broker says of its cluster: `id` is the incarnation of its log, `brokers` are the ids of those alive."""

    id: str
    brokers: frozenset[int]


async def ask(port: int, *, within_seconds: float = 2.0) -> Cluster | None:
    """The cluster of the broker on the loopback `port`; None if it does not (yet) answer in time."""
    with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(within_seconds):
            return await _exchange(port)
    return None


async def _exchange(port: int) -> Cluster:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(struct.pack(">i", len(_REQUEST)) + _REQUEST)
        (length,) = struct.unpack(">i", await reader.readexactly(4))
        return _decode(await reader.readexactly(length))
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _decode(answer: bytes) -> Cluster:
    """Read correlation id, brokers (id, host, port, rack) and cluster id; nulls are strings of length -1."""
    (count,) = struct.unpack_from(">i", answer, 4)
    at, brokers = 8, set[int]()
    for _ in range(count):
        (node,) = struct.unpack_from(">i", answer, at)
        _, at = _string(answer, at + 4)
        _, at = _string(answer, at + 4)
        brokers.add(node)
    cluster_id, _ = _string(answer, at)
    return Cluster(cluster_id, frozenset(brokers))


def _string(answer: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from(">h", answer, at)
    end = at + 2 + max(length, 0)
    return answer[at + 2 : end].decode(), end
