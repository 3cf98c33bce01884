"""Rows of items, plans and histories as the domain's arrays, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from operator import ge
from typing import Any

import numpy as np

from services.inventory.domain.catalog import ItemFacts
from services.inventory.domain.command import Command
from services.inventory.domain.demand import Rates
from services.inventory.domain.shelves import DaySums, ItemPlan, ItemView

PLAN_TYPES: Mapping[str, tuple[str, bool]] = {
    "item_id": ("text", False),
    "day": ("integer", False),
    "store_ids": ("text", True),
    "rate": ("float8", True),
    "shape": ("float8", True),
    "variance_ratio": ("float8", True),
    "shelf_days": ("float8", True),
    "voucher_units": ("float8", True),
    "trigger_milli": ("bigint", True),
    "order_up_to_milli": ("bigint", True),
    "statuses": ("smallint", True),
}
"""Each column's type, and whether it holds a value per store."""

_PLAN_ARRAYS: Mapping[str, type] = {
    "rate": np.float64,
    "shape": np.float64,
    "variance_ratio": np.float64,
    "shelf_days": np.float64,
    "voucher_units": np.float64,
    "trigger_milli": np.int64,
    "order_up_to_milli": np.int64,
    "statuses": np.int8,
}
_SHELF_ARRAYS: Mapping[str, type] = {"on_hand_milli": np.int64, "counted": np.bool_, "first_day": np.int64}

RawHistory = tuple[Sequence[str], Sequence[int], Sequence[int], Sequence[int]]


def plans_of(rows: Sequence[Any]) -> Sequence[ItemPlan | None]:
    """The plan in each row, None where it has none; all their arrays are slices of one array a column."""
    planned = [row for row in rows if row.day is not None]
    flat = {name: _flat(planned, name, kind) for name, kind in _PLAN_ARRAYS.items()}
    found: list[ItemPlan | None] = []
    start = 0
    for row in rows:
        if row.day is None:
            found.append(None)
            continue
        where = slice(start, start + len(row.store_ids))
        start = where.stop
        found.append(
            ItemPlan(
                item_id=row.item_id,
                day=row.day,
                store_ids=row.store_ids,
                rates=Rates(
                    rate=flat["rate"][where],
                    shape=flat["shape"][where],
                    variance_ratio=flat["variance_ratio"][where],
                    shelf_days=flat["shelf_days"][where],
                ),
                voucher_units=flat["voucher_units"][where],
                trigger_milli=flat["trigger_milli"][where],
                order_up_to_milli=flat["order_up_to_milli"][where],
                statuses=flat["statuses"][where],
            )
        )
    return found


def plan_row(plan: ItemPlan) -> list[Any]:
    """The values of PLAN_TYPES; arrays as PostgreSQL writes them: `unnest` would flatten arrays of arrays."""
    rates = plan.rates
    many = (
        plan.store_ids,
        *(rates.rate.tolist(), rates.shape.tolist(), rates.variance_ratio.tolist(), rates.shelf_days.tolist()),
        *(plan.voucher_units.tolist(), plan.trigger_milli.tolist(), plan.order_up_to_milli.tolist()),
        plan.statuses.tolist(),
    )
    return [plan.item_id, plan.day, *map(_array, many)]


def history_of(row: Any) -> RawHistory:
    """The columns of a history, stores still by id."""
    return row.store_ids, row.days, row.sold_milli, row.moved_milli


def views_of(rows: Sequence[Any], commands: Mapping[str, Sequence[Command]]) -> Sequence[ItemView]:
    """The items as a review sees them, their stores in order; without history."""
    flat = {name: _flat(rows, name, kind) for name, kind in _SHELF_ARRAYS.items()}
    views = []
    start = 0
    for row, plan in zip(rows, plans_of(rows), strict=True):
        where = slice(start, start + len(row.shelf_store_ids))
        start = where.stop
        if any(map(ge, row.shelf_store_ids, row.shelf_store_ids[1:])):
            raise RuntimeError("an aggregate did not keep the order of its input")
        views.append(
            ItemView(
                facts=ItemFacts(
                    item_id=row.item_id,
                    category=row.category,
                    pack_milli=row.pack_milli,
                    price_cents=row.price_cents,
                    cost_cents=row.cost_cents,
                    currency=row.currency,
                ),
                store_ids=row.shelf_store_ids,
                on_hand_milli=flat["on_hand_milli"][where],
                counted=flat["counted"][where],
                first_day=flat["first_day"][where],
                commands=commands.get(row.item_id, ()),
                plan=plan,
            )
        )
    return views


def _flat(rows: Sequence[Any], name: str, kind: type) -> Any:
    """All rows' arrays one after the other."""
    return np.array(list(chain.from_iterable(getattr(row, name) for row in rows)), dtype=kind)


def with_history(view: ItemView, history: RawHistory | None) -> ItemView:
    """The item with what it sold and moved."""
    if history is None:
        return view
    place = {store_id: index for index, store_id in enumerate(view.store_ids)}
    stores, days, sold, moved = history
    sums = DaySums(
        store_index=np.array([place[store_id] for store_id in stores], dtype=np.int64),
        day=np.array(days, dtype=np.int64),
        sold_milli=np.array(sold, dtype=np.int64),
        moved_milli=np.array(moved, dtype=np.int64),
    )
    return replace(view, history=sums)


def _array(values: Sequence[Any]) -> str:
    """An array in PostgreSQL's text form; `repr` gives a float's shortest exact digits."""
    if values and isinstance(values[0], str):
        quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
        return '{"' + '","'.join(quoted) + '"}'
    return "{" + ",".join(map(repr, values)) + "}"
