"""What the handlers need from storage, as protocols; store/ fits them on PostgreSQL."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from services.profile.domain.facet import Facet
from services.profile.ports.rows import (
    ConsentRow,
    CustomerRow,
    FacetEffects,
    FacetRow,
    ItemRow,
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

    async def items(self, item_ids: Collection[str]) -> Mapping[str, ItemRow]:
        """Those of the items that are known."""
        ...

    async def stores(self, store_ids: Collection[str]) -> Mapping[str, StoreRow]:
        """Those of the stores that are known."""
        ...


class FacetStore(Protocol):
    """Facets: one writer at a time, in the order of identifiers."""

    async def lock(self, own_ids: Mapping[str, str]) -> Mapping[str, Facet]:
        """The facets of these identifiers (identifier -> its own customer id), made where missing, locked until the commit."""
        ...

    async def save(self, changes: Mapping[str, tuple[Facet, FacetEffects]]) -> None:
        """Replace the states and add the effects of locked facets."""
        ...

    async def mark_dirty(self, own_customer_ids: Iterable[str]) -> None:
        """Let a folder look at the customers that these ids stand for now."""
        ...

    async def identifiers_of(self, own_customer_ids: Collection[str]) -> Mapping[str, str]:
        """The identifier behind each of these ids, for those that exist."""
        ...

    async def of_identifiers(self, identifiers: Collection[str]) -> Mapping[str, Facet]:
        """The facets of these identifiers as they are, not locked."""
        ...


class ReceiptStore(Protocol):
    """Which facet a receipt went to, and what waits for a receipt that is not known yet."""

    async def register(self, sold: Collection[SoldReceipt], awaited: Collection[str]) -> None:
        """Remember sold receipts, and that somebody looks for the awaited ones; of two writers one waits for the other."""
        ...

    async def find(self, receipt_ids: Collection[str]) -> Mapping[str, SoldReceipt]:
        """Those that were sold."""
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


class IdentityStore(Protocol):
    """Consents and the graph of who is whom."""

    async def keep_consents(self, rows: Collection[ConsentRow]) -> None:
        """Keep what is newer than what is known; at most one row per identifier, purpose and channel."""
        ...

    async def change_links(self, rows: Collection[LinkRow]) -> None:
        """Wait for every other change of the graph, then keep what is newer than what is known; one row a pair."""
        ...

    async def persons_around(self, own_customer_ids: Collection[str]) -> Mapping[str, str]:
        """All members (own id -> customer id) of the persons that these ids belong to, locked until the commit."""
        ...

    async def links_of(self, own_customer_ids: Collection[str]) -> LinksRow:
        """What was said last about each pair that one of these ids is in."""
        ...

    async def reassign(self, rows: Collection[Reassigned]) -> None:
        """Move facets to other customers and tell of it."""
        ...


class CustomerStore(Protocol):
    """Dirty customers and their newest views."""

    async def claim_dirty(self, limit: int) -> Collection[str]:
        """Take marks that no other folder holds; the customer ids they name, possibly out of date."""
        ...

    async def current_ids(self, own_customer_ids: Collection[str]) -> Collection[str]:
        """The customers that these ids stand for now."""
        ...

    async def lock_versions(self, current: Collection[str], superseded: Collection[str]) -> Mapping[str, int]:
        """The versions of current customers (0: never folded) and of superseded ones that still show a view.

        Locked until the commit: one folder a customer.
        """
        ...

    async def facets(self, customer_ids: Collection[str]) -> Mapping[str, Sequence[FacetRow]]:
        """The facets of each customer, read after the locks."""
        ...

    async def consents(self, identifiers: Collection[str]) -> Mapping[str, Sequence[ConsentRow]]:
        """The consents by identifier."""
        ...

    async def save(self, rows: Collection[CustomerRow]) -> None:
        """Replace the views."""
        ...

    async def snapshot(self, customer_id: str) -> tuple[int, bytes] | None:
        """Version and body of the newest view."""
        ...


class LearningStore(Protocol):
    """The queue of baskets, the learner's memory, and the models that it publishes."""

    async def enqueue(self, baskets: Collection[QueuedBasket]) -> None:
        """Put baskets in line."""
        ...

    async def drop(self, keys: Collection[tuple[datetime, str]]) -> None:
        """Take voided baskets, by (occurred_at, event id), out of the line."""
        ...

    async def take(self, until: datetime, limit: int) -> Sequence[QueuedBasket]:
        """Take out the next baskets up to a time, in (occurred_at, event id) order."""
        ...

    async def lock(self) -> None:
        """Be the only learner until the commit; a second one waits."""
        ...

    async def state(self, learner: str, above_number: int = -1) -> LearnerState | None:
        """A learner's memory, if its number is above this one."""
        ...

    async def save_state(self, learner: str, state: LearnerState) -> None:
        """Replace the learner's memory."""
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
    def views(self) -> ViewStore:
        """Looks at customers."""
        ...

    @property
    def segments(self) -> SegmentStore:
        """Segments and who is in them."""
        ...
