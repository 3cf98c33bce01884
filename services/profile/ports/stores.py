"""What the handlers need from storage, as protocols; store/ fits them on PostgreSQL."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from services.profile.domain.delta import Delta
from services.profile.domain.facet import VisitKey
from services.profile.domain.facet_codec import Rows
from services.profile.domain.purchases import ItemLabel
from services.profile.ports.customers import CustomerStore
from services.profile.ports.privacy import PrivacyStore
from services.profile.ports.rows import (
    ConsentRow,
    Due,
    FoundReceipt,
    ItemRow,
    LearnerCustomer,
    LearnerState,
    LinkRow,
    LinksRow,
    ModelRow,
    QueuedBasket,
    Reassigned,
    SoldReceipt,
    StoreRow,
    TakenBack,
)
from services.profile.ports.segments import SegmentStore
from services.profile.ports.views import ViewStore


class CatalogStore(Protocol):
    """Newest master data."""

    async def keep_items(self, rows: Collection[ItemRow]) -> None:
        """Keep what is newer than what is known; at most one row an item."""
        ...

    async def keep_stores(self, rows: Collection[StoreRow]) -> None:
        """The same for stores."""
        ...

    async def labels(self, item_ids: Collection[str]) -> Mapping[str, ItemLabel]:
        """Of the items that are known at least these."""
        ...

    async def stores(self, store_ids: Collection[str]) -> Mapping[str, StoreRow]:
        """Those of the stores that are known."""
        ...


class FacetStore(Protocol):
    """Facets as writers see them: nobody waits for anybody, deltas are appended and worked in later."""

    async def make(self, own_ids: Mapping[str, str]) -> None:
        """Have a facet for each of these identifiers (identifier -> its own customer id)."""
        ...

    async def reserve(self) -> int:
        """The first of many consecutive delta ids that nobody else gets."""
        ...

    async def append(self, deltas: Mapping[int, tuple[str, Delta]]) -> None:
        """Store these deltas (id -> identifier and delta) of facets that exist, and mark their customers."""
        ...

    async def mark_dirty(self, own_customer_ids: Iterable[str]) -> None:
        """Let a folder look at the customers that these ids stand for now."""
        ...

    async def identifiers_of(self, own_customer_ids: Collection[str]) -> Mapping[str, str]:
        """The identifier behind each of these ids, for those that exist."""
        ...

    async def with_visits_before(self, keys: Mapping[str, VisitKey]) -> Mapping[str, Rows]:
        """The facets of these identifiers as rows, with all that is committed; at least those that know a visit before their key."""
        ...


class ReceiptStore(Protocol):
    """Which facet a receipt went to, and what waits for a receipt that is not known yet."""

    async def register(self, sold: Sequence[SoldReceipt], awaited: Collection[str]) -> Collection[str]:
        """Remember sold receipts, and that somebody looks for the awaited ones; of two writers one waits for the other.

        Returns the receipts that somebody had told of before.
        """
        ...

    async def find(self, receipt_ids: Collection[str]) -> Mapping[str, FoundReceipt]:
        """Those that were sold, with their purchases unless these were reserved but not appended yet; none of a forgotten person."""
        ...

    async def claim_voids(self, receipt_ids: Collection[str]) -> Collection[str]:
        """Mark as voided, and return those that were not before."""
        ...

    async def park(self, taken: Collection[TakenBack]) -> None:
        """Keep until their receipt is sold."""
        ...

    async def unpark(self, receipt_ids: Collection[str]) -> Sequence[TakenBack]:
        """Take out what waited for these receipts."""
        ...

    async def prune(self, before: date, limit: int) -> int:
        """Forget receipts, what waits for them, and purchases that are worked in, of days before this one; how many: from `limit` on ask again."""
        ...


class IdentityStore(Protocol):
    """Consents and the graph of who is whom."""

    async def keep_consents(self, rows: Collection[ConsentRow]) -> None:
        """Keep what is newer than what is known; at most one row per identifier, purpose and channel."""
        ...

    async def change_links(self, rows: Collection[LinkRow]) -> None:
        """Wait for every other change of the graph, then keep what was said, as far as it can matter."""
        ...

    async def persons_around(self, own_customer_ids: Collection[str]) -> Mapping[str, str]:
        """All members (own id -> customer id) of the persons that these ids belong to, locked until the commit."""
        ...

    async def links_of(self, own_customer_ids: Collection[str]) -> LinksRow:
        """What was said, as far as it matters, about each pair that one of these ids is in."""
        ...

    async def reassign(self, rows: Collection[Reassigned]) -> None:
        """Move facets to other customers and tell of it."""
        ...


class LearningStore(Protocol):
    """The queue of baskets, the learner's memory, and the models that it publishes."""

    async def enqueue(self, baskets: Collection[QueuedBasket]) -> None:
        """Put baskets in line."""
        ...

    async def take(self, until: datetime, limit: int) -> Sequence[QueuedBasket] | None:
        """Take out the next baskets up to a time, in (occurred_at, event id) order; None when there are none."""
        ...

    async def facets_lag(self) -> bool:
        """Whether a basket in line may be missing in its facet: the worker has not passed all that the learner has."""
        ...

    async def lock(self) -> None:
        """Be the only learner until the commit; a second one waits."""
        ...

    async def state(self, learner: str, above_number: int = -1) -> LearnerState | None:
        """What a learner knows of everybody, if its number is above this one."""
        ...

    async def save_state(self, learner: str, state: LearnerState) -> None:
        """Replace it."""
        ...

    async def take_earlier(self, learner: str) -> bytes | None:
        """Take out a memory that an earlier release stored as a whole, if there still is one."""
        ...

    async def raise_numbers(self) -> None:
        """Raise all numbers, so that processes that remember something read it again."""
        ...

    async def customers(self, identifiers: Collection[str]) -> Mapping[str, bytes]:
        """What is remembered of these identifiers, for those that were met."""
        ...

    async def keep_customers(self, rows: Collection[LearnerCustomer]) -> None:
        """Replace what is remembered of these."""
        ...

    async def due_customers(self, before_seconds: int, after: Due, limit: int) -> Sequence[Due]:
        """Those who have an example due before a time, each with when the next one is; a page, in the order of both."""
        ...

    async def say_at_work(self) -> None:
        """One round trip: whoever works out something for long is not taken for idle, and lets others of this process in."""
        ...

    async def set_due(self, due_at_seconds: Mapping[str, int | None]) -> None:
        """Note when the next example of these identifiers is due."""
        ...

    async def forget_customers(self, identifiers: Collection[str]) -> int:
        """Delete what is remembered of these; returns how many there were."""
        ...

    async def publish(self, row: ModelRow) -> None:
        """Make this the newest model of its name."""
        ...

    async def newest_model(self, model_name: str, above_number: int) -> tuple[int, bytes] | None:
        """Number and body of the newest model, if its number is above this one."""
        ...


class ProfileStore(Protocol):
    """All of it within one transaction."""

    @property
    def catalog(self) -> CatalogStore:
        """Master data."""
        ...

    @property
    def facets(self) -> FacetStore:
        """Facets."""
        ...

    @property
    def receipts(self) -> ReceiptStore:
        """Receipts and what is parked."""
        ...

    @property
    def identity(self) -> IdentityStore:
        """Consents and links."""
        ...

    @property
    def customers(self) -> CustomerStore:
        """Views."""
        ...

    @property
    def learning(self) -> LearningStore:
        """Models."""
        ...

    @property
    def privacy(self) -> PrivacyStore:
        """Erasures, suppressions, words on consent."""
        ...

    @property
    def views(self) -> ViewStore:
        """Looks at customers."""
        ...

    @property
    def segments(self) -> SegmentStore:
        """Segments and who is in them."""
        ...
