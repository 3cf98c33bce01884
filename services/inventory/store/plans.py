"""Rows of items, plans and histories as the domain's arrays, and back."""

from collections.abc import Mapping, Sequence
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

RawHistory = tuple[Sequence[str], Sequence[int], Sequence[int], Sequence[int]]


def plan_of(row: Any) -> ItemPlan | None:
    """The plan in a row that has one."""
    if row.day is None:
        return None
    return ItemPlan(
        item_id=row.item_id,
        day=row.day,
        store_ids=row.store_ids,
        rates=Rates(
            rate=np.array(row.rate),
            shape=np.array(row.shape),
            variance_ratio=np.array(row.variance_ratio),
            shelf_days=np.array(row.shelf_days),
        ),
        voucher_units=np.array(row.voucher_units),
        trigger_milli=np.array(row.trigger_milli, dtype=np.int64),
        order_up_to_milli=np.array(row.order_up_to_milli, dtype=np.int64),
        statuses=np.array(row.statuses, dtype=np.int8),
    )


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


def view_of(
    row: Any, plan: ItemPlan | None, commands: Sequence[Command], histories: Mapping[str, RawHistory]
) -> ItemView:
    """One item as a review sees it."""
    return ItemView(
        facts=ItemFacts(
            item_id=row.item_id,
            category=row.category,
            pack_milli=row.pack_milli,
            price_cents=row.price_cents,
            cost_cents=row.cost_cents,
            currency=row.currency,
        ),
        store_ids=row.shelf_store_ids,
        on_hand_milli=np.array(row.on_hand_milli, dtype=np.int64),
        counted=np.array(row.counted, dtype=np.bool_),
        first_day=np.array(row.first_day, dtype=np.int64),
        commands=commands,
        plan=plan,
        history=_sums(row.shelf_store_ids, histories.get(row.item_id)),
    )


def _sums(store_ids: Sequence[str], history: RawHistory | None) -> DaySums | None:
    if history is None:
        return None
    place = {store_id: index for index, store_id in enumerate(store_ids)}
    stores, days, sold, moved = history
    return DaySums(
        store_index=np.array([place[store_id] for store_id in stores], dtype=np.int64),
        day=np.array(days, dtype=np.int64),
        sold_milli=np.array(sold, dtype=np.int64),
        moved_milli=np.array(moved, dtype=np.int64),
    )


def _array(values: Sequence[Any]) -> str:
    """An array in PostgreSQL's text form; `repr` gives a float's shortest exact digits."""
    if values and isinstance(values[0], str):
        quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
        return '{"' + '","'.join(quoted) + '"}'
    return "{" + ",".join(map(repr, values)) + "}"
