"""Rows of items, plans and histories as the domain's arrays, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import ge
from typing import Any

import numpy as np
from sqlalchemy import text

from services.inventory.domain.catalog import ShelfFacts
from services.inventory.domain.commands.command import Command
from services.inventory.domain.demand.demand import Rates
from services.inventory.domain.learning.spread import Spread
from services.inventory.domain.stock.shelves import DaySums, ItemPlan, ItemView
from services.inventory.store.catalog import item_facts
from services.inventory.store.columns import flat_of
from services.inventory.store.planning.texts import array_text, array_texts

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
    "excess_day": ("float8", True),
    "excess_week": ("float8", True),
    "promotion_units": ("float8", True),
    "predecessor": ("text", False),
    "stands_in_milli": ("bigint", True),
    "successor": ("text", False),
    "served_else": ("float8", True),
}
"""Each column's type, and whether it holds a value per store."""

SAVE_PLANS = text(f"""
    INSERT INTO plans ({", ".join(PLAN_TYPES)})
    SELECT {", ".join(f"CAST({name} AS {kind}[])" if many else name for name, (kind, many) in PLAN_TYPES.items())}
    FROM unnest({", ".join(f"CAST(:{name} AS {'text' if many else kind}[])" for name, (kind, many) in PLAN_TYPES.items())})
         AS new ({", ".join(PLAN_TYPES)})
    ON CONFLICT (item_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in list(PLAN_TYPES)[1:])}
""")  # noqa: S608  # our own columns

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

_NONE, _NOTHING = np.zeros(0), np.zeros(0, dtype=np.int64)

RawHistory = tuple[Sequence[str], Sequence[int], Sequence[int], Sequence[int]]


def plans_of(rows: Sequence[Any]) -> Sequence[ItemPlan | None]:
    """The plan in each row, None where it has none; all their arrays are slices of one array a column."""
    planned = [row for row in rows if row.day is not None]
    flat = {name: flat_of(planned, name, kind) for name, kind in _PLAN_ARRAYS.items()}
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
                excess=_excess(row),
                promotion_units=np.array(row.promotion_units) if row.promotion_units else None,
                predecessor=row.predecessor,
                stands_in_milli=np.array(row.stands_in_milli, dtype=np.int64) if row.stands_in_milli else None,
                successor=row.successor,
                served_else=np.array(row.served_else) if row.served_else else None,
            )
        )
    return found


def plan_columns(plans: Sequence[ItemPlan]) -> dict[str, list[Any]]:
    """The plans' values of PLAN_TYPES by column; arrays as PostgreSQL writes them: `unnest` would flatten arrays of arrays."""
    whole: dict[str, list[np.ndarray[Any, Any]]] = {
        "rate": [plan.rates.rate for plan in plans],
        "shape": [plan.rates.shape for plan in plans],
        "variance_ratio": [plan.rates.variance_ratio for plan in plans],
        "shelf_days": [plan.rates.shelf_days for plan in plans],
        "voucher_units": [plan.voucher_units for plan in plans],
        "trigger_milli": [plan.trigger_milli for plan in plans],
        "order_up_to_milli": [plan.order_up_to_milli for plan in plans],
        "statuses": [plan.statuses for plan in plans],
        "excess_day": [_NONE if plan.excess is None else plan.excess.day for plan in plans],
        "excess_week": [_NONE if plan.excess is None else plan.excess.week for plan in plans],
        "promotion_units": [_NONE if plan.promotion_units is None else plan.promotion_units for plan in plans],
        "stands_in_milli": [_NOTHING if plan.stands_in_milli is None else plan.stands_in_milli for plan in plans],
        "served_else": [_NONE if plan.served_else is None else plan.served_else for plan in plans],
    }
    own: dict[str, list[Any]] = {
        "item_id": [plan.item_id for plan in plans],
        "day": [plan.day for plan in plans],
        "store_ids": [array_text(plan.store_ids) for plan in plans],
        "predecessor": [plan.predecessor for plan in plans],
        "successor": [plan.successor for plan in plans],
    }
    return own | {name: array_texts(arrays) for name, arrays in whole.items()}


def _excess(row: Any) -> Spread | None:
    """Empty for a plan that the review made."""
    if not row.excess_day:
        return None
    return Spread(day=np.array(row.excess_day, dtype=np.float64), week=np.array(row.excess_week, dtype=np.float64))


def history_of(row: Any) -> RawHistory:
    """The columns of a history, stores still by id."""
    return row.store_ids, row.days, row.sold_milli, row.moved_milli


def views_of(rows: Sequence[Any], commands: Mapping[str, Sequence[Command]]) -> Sequence[ItemView]:
    """The items as a review sees them, their stores in order; without history."""
    flat = {name: flat_of(rows, name, kind) for name, kind in _SHELF_ARRAYS.items()}
    views = []
    start = 0
    for row, plan in zip(rows, plans_of(rows), strict=True):
        where = slice(start, start + len(row.shelf_store_ids))
        start = where.stop
        if any(map(ge, row.shelf_store_ids, row.shelf_store_ids[1:])):
            raise RuntimeError("an aggregate did not keep the order of its input")
        views.append(
            ItemView(
                facts=item_facts(row),
                store_ids=row.shelf_store_ids,
                on_hand_milli=flat["on_hand_milli"][where],
                counted=flat["counted"][where],
                first_day=flat["first_day"][where],
                commands=commands.get(row.item_id, ()),
                plan=plan,
            )
        )
    return views


def with_history(view: ItemView, history: RawHistory | None) -> ItemView:
    """The item with what it sold and moved."""
    if history is None:
        return view
    place = {store_id: index for index, store_id in enumerate(view.store_ids)}
    if view.depots:  # what moves there is no sale of a store
        rows = [row for row in zip(*history, strict=True) if row[0] in place]
        history = (
            [row[0] for row in rows],
            [row[1] for row in rows],
            [row[2] for row in rows],
            [row[3] for row in rows],
        )
    stores, days, sold, moved = history
    sums = DaySums(
        store_index=np.array([place[store_id] for store_id in stores], dtype=np.int64),
        day=np.array(days, dtype=np.int64),
        sold_milli=np.array(sold, dtype=np.int64),
        moved_milli=np.array(moved, dtype=np.int64),
    )
    return replace(view, history=sums)


def with_shelf_facts(view: ItemView, stated: Mapping[str, ShelfFacts] | None) -> ItemView:
    """The item with what the shelf plan says of it."""
    return replace(view, shelf_facts=stated) if stated else view
