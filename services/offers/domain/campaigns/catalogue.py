"""Items and stores as offers needs them: what may be offered, and in which zone and currency a store lives."""

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from services.offers.domain.campaigns.validity import Closed


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of the catalogue. `barred` names why it is never offered to anyone, if it is not."""

    item_id: str
    name: str
    category: str
    item_type: str
    price_cents: int | None
    voucherable: bool
    stock_keeping: bool
    barred: str | None

    @property
    def may_be_offered(self) -> bool:
        """Whether a voucher may ever name it or be redeemed on it."""
        return self.voucherable and self.barred is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """One store."""

    store_id: str
    name: str
    time_zone: str
    currency: str
    country: str
    closed: Closed = field(default_factory=Closed)
    """The days on which it does not open."""
    region: str | None = None
    partner: str | None = None
    """Who runs it, where that is not the chain."""

    @property
    def zone(self) -> ZoneInfo:
        """Its calendar's zone."""
        return ZoneInfo(self.time_zone)
