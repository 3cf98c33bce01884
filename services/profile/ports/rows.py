"""The rows that pass between handlers and the store."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from libs.common.persistence import OutboxMessage
from services.profile.domain.contact import Purchase, ReturnedLine
from services.profile.domain.facet import Facet
from services.profile.domain.identity import Link, LinkFact


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow:
    """What a facet is told of an item."""

    item_id: str
    category: str
    item_type: str
    rankable: bool
    occurred_at: datetime
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRow:
    """What a facet is told of a store."""

    store_id: str
    time_zone: str
    currency: str
    occurred_at: datetime
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetEffects:
    """What a batch adds to the plain columns of one facet; `accepted_at` is when the door accepted the newest of it."""

    receipts_count: int = 0
    lines_count: int = 0
    amount_cents: int = 0
    returns_count: int = 0
    refund_cents: int = 0
    contacts_count: int = 0
    currency: str | None = None
    accepted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetRow:
    """One facet as a folder or a view reads it; the plain columns as FacetEffects has them."""

    identifier: str
    own_customer_id: str
    customer_id: str
    facet: Facet
    effects: FacetEffects


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldReceipt:
    """A receipt that was paid, and whose it is."""

    receipt_id: str
    identifier: str | None
    occurred_at: datetime
    purchase: Purchase


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """Goods brought back from a receipt, or (no `lines`) the whole receipt voided."""

    event_id: str
    receipt_id: str
    identifier: str | None
    occurred_at: datetime
    accepted_at: datetime | None
    lines: tuple[ReturnedLine, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRow:
    """One identifier's word on one purpose and channel; the newest by (occurred_at, event_id) is in force."""

    identifier: str
    purpose: str
    channel: str
    granted: bool
    occurred_at: datetime
    event_id: str
    accepted_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """What was said last about a pair of customer ids."""

    link: Link
    linked: bool
    occurred_at: datetime
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinksRow:
    """Links around some customer ids, with the kind of identifier that each end stands for."""

    facts: Collection[LinkFact]
    kinds: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reassigned:
    """A customer id that stands for another one from now on (or for itself again)."""

    own_customer_id: str
    customer_id: str
    occurred_at: datetime
    accepted_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRow:
    """The newest view of one customer, ready for its topic; without a body a tombstone.

    `segments` as the view says, since `as_of` at the latest; a tombstone is in none, and has no time of its own.
    """

    customer_id: str
    version: int
    accepted_at: datetime | None
    message: OutboxMessage | None
    segments: tuple[str, ...] = ()
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedBasket:
    """A basket that models have not learned from yet; `purchase.event_id` orders those of the same time."""

    occurred_at: datetime
    identifier: str | None
    purchase: Purchase


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerState:
    """A learner's whole memory as bytes; `number` is that of the models that it published last."""

    number: int
    trained_until: datetime
    baskets_count: int
    state: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """The newest model of one name, ready for its topic."""

    model_name: str
    number: int
    model_id: str
    trained_until: datetime
    message: OutboxMessage
