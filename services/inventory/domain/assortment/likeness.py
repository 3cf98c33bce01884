"""What an item would sell a week in a store that does not carry it, from stores that do; the heart of both lists. Pure.

Symbols: r_it units a week of item i in store t as learned, S_t units a week of the whole store, p_c and p_g the shares of the item's category
and of its type within the chain, B_ct and B_gt what they sell in t. The room that a store has for items of a type is its size, bent
to what its customers take of the category and then of the type, each as far as there are units to show it (k of them weigh as much as the chain):

    a_ct = (B_ct + k) / (S_t p_c + k)     a_gt = (B_gt + k) / (S_t p_g a_ct + k)     X_gt = S_t a_ct a_gt

An item's pull on that room is measured where it is carried, stores that are alike counting most (w_st, the eighth power of the affinity of their
category mixes); a store that does not carry it counts half, for a chain does not choose shelves by lot. Expected in s:

    e_is = X_gs (sum_t w_st r_it + m q_g) / (sum_t w_st X_gt (carried_it + (1 - carried_it) / 2) + m)

with q_g the usual pull of an item of the type. Nothing of what the item sells in s itself comes in.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.inventory.domain.learning.facts import BoolArray, FloatArray, IntArray

SHARPNESS = 8.0
PULL_PRIOR_UNITS = 2.0
MIX_PRIOR_UNITS = 10.0
NOT_CARRIED_WEIGHT = 0.5
_TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What a chain carries where: a row an item, a column a store, both in the order of their ids."""

    item_ids: Sequence[str]
    category: IntArray
    """Of each item, a number from 0 on; `group` the same for its type within the category."""
    group: IntArray
    store_ids: Sequence[str]
    weekly: FloatArray
    """Units a week as learned; 0 where it is not carried."""
    carried: BoolArray
    excess: FloatArray
    """How far a week strays from that, beyond its mean, by the square of the mean; 0 where nobody knows."""

    def place_of(self, item_id: str) -> int | None:
        """The row of an item."""
        return _place(self.item_ids, item_id)

    def column_of(self, store_id: str) -> int | None:
        """The column of a store."""
        return _place(self.store_ids, store_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How alike a chain's stores are, and what room each has for items of a type; a column a store."""

    affinity: FloatArray
    room: FloatArray
    """A row a type."""
    pull: FloatArray
    """Of each type, the usual pull of one of its items."""


def likeness(carried: Range) -> Likeness:
    """The likeness of all stores."""
    by_category, by_group = _sums(carried.weekly, carried.category), _sums(carried.weekly, carried.group)
    size = by_category.sum(axis=0)
    whole = max(float(size.sum()), _TINY)
    parent = np.zeros(len(by_group), dtype=np.int64)
    parent[carried.group] = carried.category
    taste = _bent(by_category, by_category.sum(axis=1)[:, None] * size / whole)[parent]
    room = size * taste * _bent(by_group, by_group.sum(axis=1)[:, None] * size / whole * taste)
    root = np.sqrt(by_category / np.maximum(size, _TINY))
    items = np.bincount(carried.group, minlength=len(by_group))
    return Likeness(
        affinity=np.minimum(root.T @ root, 1.0),
        room=room,
        pull=by_group.sum(axis=1) / np.maximum(room.sum(axis=1) * items, _TINY),
    )


def expected_in_store(carried: Range, like: Likeness, store: int) -> FloatArray:
    """Units a week of every item in one store, from the other stores alone, whether it carries the item or not."""
    weight = like.affinity[store] ** SHARPNESS
    weight[store] = 0.0
    room = (like.room * weight)[carried.group]
    # Where it is carried counts whole, elsewhere half: the sum of all, and as much again of the first.
    below = NOT_CARRIED_WEIGHT * room.sum(axis=1)
    below += (1 - NOT_CARRIED_WEIGHT) * np.einsum("is,is->i", carried.carried, room, dtype=np.float64)
    pull = _pull(carried.weekly @ weight, below, like.pull[carried.group])
    found: FloatArray = pull * like.room[carried.group, store]
    return found


def expected_everywhere(carried: Range, like: Likeness, item: int) -> FloatArray:
    """Units a week of one item in every store, each from the other stores alone."""
    weight = like.affinity**SHARPNESS
    np.fill_diagonal(weight, 0.0)
    room = like.room[carried.group[item]]
    counts = NOT_CARRIED_WEIGHT + (1 - NOT_CARRIED_WEIGHT) * carried.carried[item]
    pull = _pull(weight @ carried.weekly[item], weight @ (room * counts), like.pull[carried.group[item]])
    found: FloatArray = pull * room
    return found


def comparable(carried: Range, like: Likeness, item: int, store: int, count: int) -> IntArray:
    """The stores most like this one that carry the item, the most alike first; of equals the first."""
    places = np.flatnonzero(carried.carried[item])
    places = places[places != store]
    order = np.lexsort((places, -like.affinity[store, places]))
    nearest: IntArray = places[order[:count]]
    return nearest


def _pull(sold: FloatArray, below: FloatArray, usual: FloatArray) -> FloatArray:
    found: FloatArray = (sold + PULL_PRIOR_UNITS * usual) / (below + PULL_PRIOR_UNITS)
    return found


def _bent(sold: FloatArray, expected: FloatArray) -> FloatArray:
    found: FloatArray = (sold + MIX_PRIOR_UNITS) / (expected + MIX_PRIOR_UNITS)
    return found


def _sums(values: FloatArray, codes: IntArray) -> FloatArray:
    found = np.zeros((int(codes.max()) + 1 if len(codes) else 0, values.shape[1]))
    np.add.at(found, codes, values)
    return found


def _place(ids: Sequence[str], wanted: str) -> int | None:
    place = bisect_left(ids, wanted)
    return place if place < len(ids) and ids[place] == wanted else None
