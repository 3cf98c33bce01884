"""What the API answers: quantities are decimal strings in the item's unit, money is in minor units."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.inventory.domain.measure import from_milli
from services.inventory.domain.stock.shelves import start_of
from services.inventory.domain.stock.stock import Position
from services.inventory.handlers.desk import QUANTILES, Forecast
from services.inventory.ports import StockView


class Answer(BaseModel):
    """A frozen answer."""

    model_config = ConfigDict(frozen=True)


class StockAnswer(Answer):
    """One item in one store. `available` is on hand less what is promised to other stores; negative stock is shown as it is.

    `available_to_promise` is what may be promised now: never below nothing, and nothing from a shelf that is probably empty
    (`empty_ratio`, where a count was asked for).
    """

    item_id: str
    store_id: str
    on_hand: Decimal
    negative: bool
    reserved: Decimal
    in_transit: Decimal
    on_order: Decimal
    available: Decimal
    available_to_promise: Decimal
    empty_ratio: float | None
    projected: Decimal
    sold_units: Decimal
    counted_at: datetime | None


class StockPage(Answer):
    """Stock in the order of (item, store); `next` asks for what follows, as `after`."""

    stock: tuple[StockAnswer, ...]
    next: str | None


class DayAnswer(Answer):
    """Units expected on one day (UTC): what sells by itself, more by promotions, more on vouchers that are out."""

    day: date
    own: float
    promotions: float
    vouchers: float


class ForecastAnswer(Answer):
    """The coming week of one item in one store, in units; `made_on` is the event day of the plan."""

    item_id: str
    store_id: str
    made_on: date
    rate_per_day: float
    seen_days: float
    horizon_days: int
    mean: float
    quantiles: dict[str, int]
    voucher_units: float
    reorder_below: Decimal
    order_up_to: Decimal
    days: tuple[DayAnswer, ...]
    """The coming fortnight, with the promotions and vouchers that are known by now."""


class ForecastPage(Answer):
    """Forecasts in the order of stores."""

    forecasts: tuple[ForecastAnswer, ...]


class Problem(Answer):
    """RFC 9457; `type` ends in a stable slug."""

    type: str
    title: str
    status: int
    detail: str


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route may answer when it cannot do what was asked, for its documentation."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _MEANINGS[status], "content": content, "model": Problem} for status in statuses}


_MEANINGS = {
    401: "no key, or none that is in force",
    403: "the key lacks the scope",
    404: "there is no such thing",
    409: "the present state does not allow it",
    422: "the request does not fit its schema",
    503: "not now; try again after `Retry-After`",
}


def stock_answer(view: StockView) -> StockAnswer:
    """A stock row as it is answered."""
    position = Position(
        on_hand_milli=view.on_hand_milli,
        reserved_milli=view.reserved_milli,
        in_transit_milli=view.in_transit_milli,
        on_order_milli=view.on_order_milli,
    )
    return StockAnswer(
        item_id=view.item_id,
        store_id=view.store_id,
        on_hand=from_milli(view.on_hand_milli),
        negative=view.on_hand_milli < 0,
        reserved=from_milli(view.reserved_milli),
        in_transit=from_milli(view.in_transit_milli),
        on_order=from_milli(view.on_order_milli),
        available=from_milli(position.available_milli),
        available_to_promise=from_milli(position.promisable_milli(view.empty_ratio)),
        empty_ratio=view.empty_ratio,
        projected=from_milli(position.projected_milli),
        sold_units=from_milli(view.sold_milli),
        counted_at=view.counted_at,
    )


def forecast_answer(item_id: str, found: Forecast) -> ForecastAnswer:
    """A forecast as it is answered."""
    return ForecastAnswer(
        item_id=item_id,
        store_id=found.store_id,
        made_on=start_of(found.day).date(),
        rate_per_day=round(found.rate, 4),
        seen_days=round(found.shelf_days, 1),
        horizon_days=7,
        mean=round(found.mean, 3),
        quantiles={f"{level:g}": value for level, value in zip(QUANTILES, found.quantiles, strict=True)},
        voucher_units=round(found.voucher_units, 3),
        reorder_below=from_milli(found.trigger_milli),
        order_up_to=from_milli(found.order_up_to_milli),
        days=tuple(
            DayAnswer(
                day=start_of(one.day).date(),
                own=round(one.own, 4),
                promotions=round(one.promotions, 4),
                vouchers=round(one.vouchers, 4),
            )
            for one in found.days
        ),
    )
