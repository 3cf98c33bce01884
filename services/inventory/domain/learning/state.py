"""What is remembered of a batch of whole items from one close to the next; kept by the store as one row of bytes an item.

Everything is stored in four bytes a number or fewer, in memory as well: a restart in mid-stream changes nothing.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import numpy.typing as npt

from services.inventory.domain.learning.facts import FloatArray, IntArray, Shelves
from services.inventory.domain.learning.layout import PER_ITEM, PER_SHELF, SAFETY, Counts, Field

VERSION = 1
_HEADER = struct.Struct("<HHiII")
"""Version, shadow slots, learned day, shelves, bytes of the store ids."""

_AnyArray = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class _Block:
    """Arrays of one kind that follow each other: read and written as one."""

    kind: type[np.generic]
    fields: tuple[Field, ...]

    @property
    def width(self) -> int:
        return sum(field.width for field in self.fields)

    def joined(self, arrays: Mapping[str, _AnyArray]) -> _AnyArray:
        """One array of them all."""
        return np.concatenate([arrays[field.name] for field in self.fields])

    def views(self, joined: _AnyArray) -> Iterable[tuple[str, _AnyArray]]:
        """The arrays within such a one."""
        begin = 0
        for field in self.fields:
            yield field.name, joined[begin : begin + field.width]
            begin += field.width


def _blocks_of(fields: Iterable[Field]) -> tuple[_Block, ...]:
    return tuple(_Block(kind, tuple(found)) for kind, found in groupby(fields, key=lambda field: field.kind))


_SHELF_BLOCKS, _ITEM_BLOCKS = _blocks_of(PER_SHELF), _blocks_of(PER_ITEM)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemStates:
    """State of the shelves of a batch, arrays as `layout` lists them: a column per row of `Shelves`, or per item."""

    learned_day: IntArray
    """Per item the last day that was learned; -1 for one that never was."""

    shelf: dict[str, _AnyArray]
    item: dict[str, _AnyArray]
    shadow_coming: Counts
    """Packs on their way to each shadow shop: slot (days until due), safety factor, row; the first slot holds what is due or late."""

    def read(self, name: str) -> FloatArray:
        """A copy of an array of the shelves or items, by its name in `layout`."""
        found = self.shelf[name] if name in self.shelf else self.item[name]
        copy: FloatArray = found.astype(np.float64)
        return copy

    def keep(self, name: str, values: FloatArray) -> None:
        """Put an array in the place of the one before, rounded as it is stored."""
        (self.shelf if name in self.shelf else self.item)[name][:] = values

    def copy(self) -> "ItemStates":
        """One that may be changed."""
        return ItemStates(
            learned_day=self.learned_day.copy(),
            shelf={name: array.copy() for name, array in self.shelf.items()},
            item={name: array.copy() for name, array in self.item.items()},
            shadow_coming=self.shadow_coming.copy(),
        )


def fresh(shelves: Shelves) -> ItemStates:
    """Nothing known of any shelf."""
    return _states_in(_blank(_SHELF_BLOCKS, len(shelves)), _blank(_ITEM_BLOCKS, len(shelves.item_ids)))


def to_bytes(states: ItemStates, shelves: Shelves) -> list[bytes]:
    """The states as bytes, one entry an item, in the order of `shelves.item_ids`."""
    of_shelves = [block.joined(states.shelf) for block in _SHELF_BLOCKS]
    of_items = [np.ascontiguousarray(block.joined(states.item).T) for block in _ITEM_BLOCKS]
    coming = states.shadow_coming
    # By row the number of slots up to the last that is used.
    used = (coming.any(axis=1) * np.arange(1, len(coming) + 1)[:, None]).max(axis=0)
    found = []
    for place, learned_day in enumerate(states.learned_day.tolist()):
        rows = shelves.rows(place)
        ids = _ids(shelves, rows)
        slots = int(used[rows].max(initial=1))
        found.append(
            b"".join(
                [
                    _HEADER.pack(VERSION, slots, learned_day, rows.stop - rows.start, len(ids)),
                    ids,
                    *(block[:, rows].tobytes() for block in of_shelves),
                    *(block[place].tobytes() for block in of_items),
                    coming[:slots, :, rows].tobytes(),
                ]
            )
        )
    return found


def from_bytes(kept: Sequence[bytes | None], shelves: Shelves) -> ItemStates:
    """The states of these shelves; None stands for an item never learned.

    Rows follow their store ids: a shelf that is new starts fresh, one that is gone is forgotten. Raises ValueError for bytes of
    another version or that are cut short.
    """
    slots = max([1, *(_HEADER.unpack_from(data)[1] for data in kept if data is not None and len(data) >= _HEADER.size)])
    of_shelves, of_items = _blank(_SHELF_BLOCKS, len(shelves)), _blank(_ITEM_BLOCKS, len(shelves.item_ids))
    coming = np.zeros((slots, len(SAFETY), len(shelves)), dtype=np.uint16)
    states = replace(_states_in(of_shelves, of_items), shadow_coming=coming)
    for place, data in enumerate(kept):
        if data is not None:
            states.learned_day[place] = _read_item(data, shelves, place, of_shelves, of_items, coming)
    return states


def _blank(blocks: Sequence[_Block], columns: int) -> list[_AnyArray]:
    return [np.zeros((block.width, columns), dtype=block.kind) for block in blocks]


def _states_in(of_shelves: Sequence[_AnyArray], of_items: Sequence[_AnyArray]) -> ItemStates:
    """States whose arrays are parts of these."""
    return ItemStates(
        learned_day=np.full(of_items[0].shape[1], -1),
        shelf=dict(
            view for block, joined in zip(_SHELF_BLOCKS, of_shelves, strict=True) for view in block.views(joined)
        ),
        item=dict(view for block, joined in zip(_ITEM_BLOCKS, of_items, strict=True) for view in block.views(joined)),
        shadow_coming=np.zeros((1, len(SAFETY), of_shelves[0].shape[1]), dtype=np.uint16),
    )


def _ids(shelves: Shelves, rows: slice) -> bytes:
    return "\n".join(shelves.store_ids[rows]).encode()


def _read_item(  # where each part of the bytes goes
    data: bytes,
    shelves: Shelves,
    place: int,
    of_shelves: Sequence[_AnyArray],
    of_items: Sequence[_AnyArray],
    coming: Counts,
) -> int:
    """Put an item's bytes into its rows; the last day that it learned."""
    if len(data) < _HEADER.size:
        raise ValueError("a header is missing")
    version, slots, learned_day, count, id_bytes = _HEADER.unpack_from(data)
    if version != VERSION:
        raise ValueError(f"state of version {version}, this release reads {VERSION}")
    offset = _HEADER.size + id_bytes
    rows, ids = shelves.rows(place), data[_HEADER.size : offset]
    came: slice | IntArray = slice(None)
    went: slice | IntArray = rows
    if ids != _ids(shelves, rows):
        came, went = _pair(ids.decode().split("\n"), shelves.store_ids[rows])
        went = rows.start + went
    for whole in of_shelves:
        block = np.frombuffer(data, dtype=whole.dtype, count=len(whole) * count, offset=offset)
        offset += block.nbytes
        whole[:, went] = block.reshape(len(whole), count)[:, came]
    for whole in of_items:
        block = np.frombuffer(data, dtype=whole.dtype, count=len(whole), offset=offset)
        offset += block.nbytes
        whole[:, place] = block
    packs = np.frombuffer(data, dtype=np.uint16, count=slots * len(SAFETY) * count, offset=offset)
    coming[:slots, :, went] = packs.reshape(slots, len(SAFETY), count)[:, :, came]
    return int(learned_day)


def _pair(kept: Sequence[str], wanted: Sequence[str]) -> tuple[IntArray, IntArray]:
    """Places of the stores that both lists hold: in the kept one, and in the wanted one."""
    where = {store_id: place for place, store_id in enumerate(kept)}
    pairs = [(where[store_id], place) for place, store_id in enumerate(wanted) if store_id in where]
    came, went = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return came, went
