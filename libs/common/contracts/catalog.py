"""Master data: published by ingest on the compacted topic `ingest.catalog.v1`, newest state per key."""

from datetime import date, time
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

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
    closed_weekdays: Annotated[tuple[Annotated[int, Field(ge=0, le=6)], ...], Field(max_length=6)] = ()
    """0 is Monday; at least one day is left."""
    closed_on: Annotated[tuple[date, ...], Field(max_length=400)] = ()
    """Holidays and other days on which it is closed."""

    @property
    def partition_key(self) -> str:
        """`store:` and the id."""
        return f"store:{self.store_id}"


class CatalogLane(Contract):
    """`usual.catalog.lane.v1`: how a store is supplied: by whom, how fast, in which multiples."""

    lane_id: Key
    supplier_id: Key
    store_id: Key
    """The store that this lane supplies, or `*` for all of them."""
    category: Key | None = None
    lead_time_hours: Annotated[int, Field(ge=1, le=24 * 90)]
    order_weekdays: tuple[Annotated[int, Field(ge=0, le=6)], ...] = (0, 1, 2, 3, 4, 5, 6)

    @property
    def partition_key(self) -> str:
        """`lane:` and the id."""
        return f"lane:{self.lane_id}"
