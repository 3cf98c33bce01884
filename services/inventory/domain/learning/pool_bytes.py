"""The pool and what a batch adds to it as bytes, with a version; used by the store, one row a day and one a batch."""

import struct
from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from services.inventory.domain.learning.pooling import (
    CHAIN_NUMBERS,
    STORE_NUMBERS,
    Contribution,
    Pooled,
    nothing_known,
)

VERSION = 1
_HEADER = struct.Struct("<HiII")
"""Version, day, stores, bytes of their ids."""


def pooled_to_bytes(pooled: Pooled) -> bytes:
    """The pool as bytes; equal pools give equal bytes."""
    ids = "\n".join(pooled.store_ids).encode()
    parts = [_HEADER.pack(VERSION, pooled.day, len(pooled.store_ids), len(ids)), ids]
    return b"".join([*parts, *(getattr(pooled, name).tobytes() for name in _ARRAYS)])


def pooled_from_bytes(data: bytes) -> Pooled:
    """The pool that was kept. Raises ValueError for bytes of another version or that are cut short."""
    day, store_ids, offset = _read_header(data)
    arrays = {}
    for name in _ARRAYS:
        shape = getattr(nothing_known(day), name).shape
        wanted = (*shape[:-1], len(store_ids)) if name in _PER_STORE else shape
        found = np.frombuffer(data, dtype=np.float64, count=int(np.prod(wanted)), offset=offset)
        arrays[name] = found.reshape(wanted)
        offset += found.nbytes
    return Pooled(day=day, store_ids=store_ids, **arrays)


def contribution_to_bytes(contribution: Contribution, day: int) -> bytes:
    """A day's contribution as bytes."""
    ids = "\n".join(contribution.store_ids).encode()
    header = _HEADER.pack(VERSION, day, len(contribution.store_ids), len(ids))
    return b"".join([header, ids, contribution.chain.tobytes(), contribution.stores.tobytes()])


def contribution_from_bytes(data: bytes) -> tuple[Contribution, int]:
    """A contribution and its day. Raises ValueError for bytes of another version or that are cut short."""
    day, store_ids, offset = _read_header(data)
    chain = np.frombuffer(data, dtype=np.int64, count=CHAIN_NUMBERS, offset=offset)
    count = STORE_NUMBERS * len(store_ids)
    stores = np.frombuffer(data, dtype=np.int64, count=count, offset=offset + chain.nbytes)
    return Contribution(chain=chain, store_ids=store_ids, stores=stores.reshape(STORE_NUMBERS, len(store_ids))), day


def _read_header(data: bytes) -> tuple[int, Sequence[str], int]:
    if len(data) < _HEADER.size:
        raise ValueError("a header is missing")
    version, day, count, id_bytes = _HEADER.unpack_from(data)
    if version != VERSION:
        raise ValueError(f"pool of version {version}, this release reads {VERSION}")
    end = _HEADER.size + id_bytes
    store_ids = tuple(data[_HEADER.size : end].decode().split("\n")) if count else ()
    return day, store_ids, end


_PER_STORE = frozenset({"weekday_sold", "weekday_expected", "store_sold", "store_days"})
_ARRAYS = tuple(field.name for field in fields(Pooled) if field.name not in {"day", "store_ids"})
