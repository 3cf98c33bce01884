"""Master data: published by ingest on the compacted topic `ingest.catalog.v1`, newest state per key."""

from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from libs.common.contracts.values import (
    Contract,
    CountryCode,
    Currency,
    Funder,
    Gtin,
    Key,
    PositiveCents,
    Quantity,
    Ratio,
    Unit,
)


class CatalogItem(Contract):
    """`usual.catalog.item.v1`: what an item is. `barred` names what may never be offered (tobacco, medicines, ...)."""

    item_id: Key
    name: Annotated[str, Field(max_length=200)]
    gtins: tuple[Gtin, ...] = ()
    category: Key
    item_type: Key
    department: Key
    brand: Key | None = None
    unit: Unit = Unit.EACH
    pack_size: Quantity = Decimal(1)
    price_cents: PositiveCents | None = None
    cost_cents: PositiveCents | None = None
    currency: Currency
    tax_ratio: Ratio = Decimal(0)
    funder: Funder = Funder.RETAILER
    shelf_life_days: Annotated[int, Field(ge=1)] | None = None
    stock_keeping: bool = True
    voucherable: bool = True
    layer_packs: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Packs in a layer of a pallet."""
    least_packs: Annotated[int, Field(ge=1, le=100_000)] = 1
    """The least that a supplier sells on one order line."""
    weight_grams: Annotated[int, Field(ge=0, le=10**9)] = 0
    """Of a whole unit, packed for transport; 0 where it is not known, as the volume."""
    volume_ml: Annotated[int, Field(ge=0, le=10**9)] = 0
    barred: Literal["tobacco", "alcohol", "infant_formula", "medicine", "fixed_price_book"] | None = None

    @property
    def partition_key(self) -> str:
        """`item:` and the id; one key space with stores and lanes on the compacted topic."""
        return f"item:{self.item_id}"


class CatalogStore(Contract):
    """`usual.catalog.store.v1`: where a store is, its zone, currency and opening hours."""

    store_id: Key
    name: Annotated[str, Field(max_length=200)]
    time_zone: Key
    country: CountryCode
    region: Key | None = None
    partner: Key | None = None
    """Who runs it, where that is not the chain itself."""
    currency: Currency
    opens_at: time = time(8)
    closes_at: time = time(22)
    """At `opens_at` or before it: on the next day."""
    closed_weekdays: Annotated[tuple[Annotated[int, Field(ge=0, le=6)], ...], Field(max_length=6)] = ()
    """0 is Monday; at least one day is left."""
    closed_on: Annotated[tuple[date, ...], Field(max_length=400)] = ()
    """Holidays and other days on which it is closed."""
    kind: Literal["store", "depot"] = "store"
    """A depot supplies stores and is supplied itself; nobody shops there."""

    @property
    def partition_key(self) -> str:
        """`store:` and the id."""
        return f"store:{self.store_id}"


class CatalogPromotion(Contract):
    """`usual.catalog.promotion.v1`: what will be promoted, where and when; demand is planned with it before it begins.

    The newest fact of a promotion replaces what was said before; `cancelled` takes it back.
    """

    promotion_id: Key
    item_ids: Annotated[tuple[Key, ...], Field(min_length=1, max_length=1_000)]
    store_ids: Annotated[tuple[Key, ...], Field(max_length=2_000)] = ()
    """None: every store."""
    first_day: date
    last_day: date
    """Included."""
    mailer: Literal["front", "inside"] | None = None
    """Where in the leaflet: the first or last page, or inside; None: not in it."""
    display: bool = False
    """Whether it is shown in the store beside its usual place."""
    cancelled: bool = False

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.last_day < self.first_day:
            raise ValueError("a promotion ends on the day it begins, or later")
        return self

    @property
    def partition_key(self) -> str:
        """`promotion:` and the id."""
        return f"promotion:{self.promotion_id}"


class CatalogLane(Contract):
    """`usual.catalog.lane.v1`: how a store is supplied: by whom, how fast, in which multiples."""

    lane_id: Key
    supplier_id: Key
    store_id: Key
    """The store that this lane supplies, or `*` for all of them."""
    category: Key | None = None
    lead_time_hours: Annotated[int, Field(ge=1, le=24 * 90)]
    order_weekdays: tuple[Annotated[int, Field(ge=0, le=6)], ...] = (0, 1, 2, 3, 4, 5, 6)
    cutoff_at: time | None = None
    """Until when an order counts for its day, on the clocks of `time_zone`."""
    time_zone: Key = "UTC"
    closed_on: Annotated[tuple[date, ...], Field(max_length=400)] = ()
    """Days on which nothing is ordered and nothing arrives."""
    truck_units: Annotated[int, Field(ge=1)] | None = None
    """What one round of orders may come to: units of all items together, grams, millilitres, money in the items' currency."""
    truck_grams: Annotated[int, Field(ge=1)] | None = None
    truck_ml: Annotated[int, Field(ge=1)] | None = None
    fills_truck: bool = False
    """A truck that is paid whole is filled up with what is worth most."""
    order_budget_cents: PositiveCents | None = None
    minimum_order_cents: PositiveCents | None = None
    rank: Annotated[int, Field(ge=0, le=99)] = 0
    """Of several lanes for the same store and category, the lower is asked first; the next when it says no."""
    depot_id: Key | None = None
    """Where it begins, when that is a depot of the chain's own: its stock is what this lane can bring."""

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if self.depot_id is not None and self.depot_id == self.store_id:
            raise ValueError("a lane does not lead from a depot to itself")
        return self

    @property
    def partition_key(self) -> str:
        """`lane:` and the id."""
        return f"lane:{self.lane_id}"


class LinkKind(StrEnum):
    """How items are tied to each other."""

    SUPERSEDES = "supersedes"
    SUBSTITUTES = "substitutes"
    LOOKS_LIKE = "looks_like"


class CatalogLink(Contract):
    """`usual.catalog.link.v1`: an item follows another, stands in for others, or will sell as others do.

    The newest fact of a link replaces what was said before; `cancelled` takes it back.
    """

    link_id: Key
    kind: LinkKind
    item_id: Key
    """The new item; of substitutes any one of them."""
    other_ids: Annotated[tuple[Key, ...], Field(min_length=1, max_length=20)]
    """The item that it follows (one), the other substitutes, or the items that it looks like."""
    first_day: date | None = None
    """The first day on which orders are for the new item; for one that supersedes."""
    ratio: Annotated[Decimal, Field(gt=0, le=20, decimal_places=6)] | None = None
    """looks_like: how many times what the others sell (nothing said: as much). substitutes: the share of what one of them misses
    that the others sell instead (nothing said: it is learned)."""
    cancelled: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.item_id in self.other_ids or len(set(self.other_ids)) < len(self.other_ids):
            raise ValueError("an item is linked with other items, each named once")
        if self.kind is LinkKind.SUPERSEDES and (len(self.other_ids) != 1 or self.first_day is None):
            raise ValueError("an item supersedes one other, from a first day on")
        if self.kind is not LinkKind.SUPERSEDES and self.first_day is not None:
            raise ValueError("only an item that supersedes another begins on a day")
        if self.kind is LinkKind.SUPERSEDES and self.ratio is not None:
            raise ValueError("an item that supersedes another takes over all of its demand")
        if self.kind is LinkKind.SUBSTITUTES and self.ratio is not None and self.ratio > 1:
            raise ValueError("substitutes sell no more than all of what is missed")
        return self

    @property
    def partition_key(self) -> str:
        """`link:` and the id."""
        return f"link:{self.link_id}"
