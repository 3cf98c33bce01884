"""The rows that pass between handlers and the store."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct

from libs.common.persistence import OutboxMessage
from services.profile.domain.contact import AnyPurchase, ReturnedLine
from services.profile.domain.delta import Effects
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
class FacetRow:
    """One facet as a view reads it: with all that is committed, folded or not."""

    identifier: str
    own_customer_id: str
    customer_id: str
    facet: Facet
    effects: Effects


class FoldedFacet(Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One facet as a folder has locked it: its state in bytes, as of what was folded so far."""

    identifier: str
    own_customer_id: str
    customer_id: str
    state: bytes
    effects: Effects


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """That a facet was changed: by a delta (in bytes), or by who it belongs to. Without `shown` no view is to be made for it."""

    own_customer_id: str
    delta: bytes | None
    shown: bool


class GrownFacet(Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A facet after its deltas, ready to be stored; `added` goes on top of its plain columns."""

    identifier: str
    state: bytes
    added: Effects


class SoldReceipt(Struct, frozen=True, gc=False):
    """A receipt that was paid, and where its purchase lies: at a position within a delta. Nobody's has none."""

    receipt_id: str
    delta_id: int | None = None
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundReceipt:
    """A sold receipt with whose it is and its purchase; both None when it was nobody's.

    Without a purchase but with a `delta_id`: that delta is reserved, not appended yet.
    """

    identifier: str | None = None
    purchase: AnyPurchase | None = None
    delta_id: int | None = None
    position: int = 0


class TakenBack(Struct, frozen=True, kw_only=True):
    """Goods brought back from a receipt, or (no `lines`) the whole receipt voided."""

    event_id: str
    receipt_id: str
    identifier: str | None
    occurred_at: datetime
    accepted_at: datetime | None
    lines: tuple[ReturnedLine, ...] | None


class ConsentRow(Struct, frozen=True, kw_only=True, array_like=True, gc=False):
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
    """What was said about a pair of customer ids."""

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


class CustomerRow(Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """The newest view of one customer, ready for its topic; without a body a tombstone.

    `segments` as the view says, since `as_of` at the latest; a tombstone is in none, and has no time of its own. Who `objects`
    to profiling is in none either.
    """

    customer_id: str
    version: int
    accepted_at: datetime | None
    message: OutboxMessage | None
    segments: tuple[str, ...] = ()
    as_of: datetime | None = None
    objects: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedBasket:
    """A basket that models have not learned from yet; `purchase.event_id` orders those of the same time.

    Of a `voided` one nothing is learned, but its customer was there. When it was accepted is known while it waits: it
    has no effect, like any event, if it happened or was accepted before its customer was forgotten.
    """

    occurred_at: datetime
    identifier: str | None
    purchase: AnyPurchase
    accepted_at: datetime | None = None
    voided: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerState:
    """What a learner knows of everybody, as bytes; `number` is that of the models that it published last."""

    number: int
    trained_until: datetime
    baskets_count: int
    state: bytes


Due = tuple[int, str]
"""When the next example of an identifier is due, in seconds, and which identifier that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerCustomer:
    """What the learner remembers of one identifier, and when the next of its examples is due."""

    identifier: str
    due_at_seconds: int | None
    state: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """The newest model of one name, ready for its topic."""

    model_name: str
    number: int
    model_id: str
    trained_until: datetime
    message: OutboxMessage
