"""What the handlers need from storage for people who look at customers: a record of looks, a search, how fresh a view is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.profile.domain.delta import Effects
from services.profile.domain.facet_codec import Rows
from services.profile.ports.rows import ConsentRow


@dataclass(frozen=True, slots=True, kw_only=True)
class LookRow:
    """Somebody looked: with which key, in which roles (names with commas between), at what, at whom (None: a search)."""

    key_id: str
    viewed_at: datetime
    roles: str
    action: str
    customer_id: str | None
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLook:
    """A look as it is kept; `sequence` counts those of one key."""

    id: int
    sequence: int
    look: LookRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainCheck:
    """How many of a key's looks were checked, the newest of them, and the first that does not follow from the one before it."""

    checked_count: int
    newest_sequence: int | None
    broken_sequence: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacet:
    """One facet of a page, with all that is committed, folded or not."""

    identifier: str
    rows: Rows
    effects: Effects
    consents: Sequence[ConsentRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRow:
    """All that a page shows, as of one moment; `snapshot` is the body of the newest view, `version` 0 without one."""

    customer_id: str
    version: int
    snapshot: bytes | None
    facets: Sequence[PageFacet]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRow:
    """A customer that a search found."""

    customer_id: str
    version: int
    segments: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How far the newest view is behind: versions, changes that wait to be folded, returns that wait for their sale."""

    version: int = 0
    published_version: int = 0
    accepted_at: datetime | None = None
    waiting_count: int = 0
    parked_count: int = 0


class ViewStore(Protocol):
    """Looks are only ever added."""

    async def note(self, look: LookRow) -> None:
        """Keep a look: if it is not kept, nothing is shown."""
        ...

    async def page(self, customer_id: str) -> PageRow | None:
        """The page of the customer that an id stands for now; None for nobody."""
        ...

    async def seen(self, look: LookRow) -> PageRow | None:
        """The page of the customer that the look's id stands for now; with it the look is kept, under the present id.

        One statement: if the look is not kept, nothing is shown. None, and no look, for nobody.
        """
        ...

    async def looks(
        self, customer_ids: Collection[str] | None, key_id: str | None, before: int, limit: int
    ) -> Sequence[KeptLook]:
        """Looks at any of these customers, with this key, the newest first."""
        ...

    async def check_chain(self, key_id: str, after: int, limit: int) -> ChainCheck:
        """Whether the looks of a key after one of them are as they were written; at most one more than `limit`."""
        ...

    async def search(self, prefix: str, segment_id: str | None, after: str, limit: int) -> Sequence[FoundRow]:
        """Customers that have a view, by id."""
        ...

    async def freshness(
        self, customer_id: str, own_customer_ids: Collection[str], identifiers: Collection[str]
    ) -> Freshness:
        """How fresh a customer's view is."""
        ...
