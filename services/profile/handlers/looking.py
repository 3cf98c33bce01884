"""People looking at customers: each sees what the roles of the key see, and every look is kept before it is shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from libs.common.clock import Clock
from libs.common.errors import Forbidden
from libs.common.persistence import Transaction, Transactions
from services.profile.domain.facet import fold
from services.profile.domain.health import Condition, gaps_of
from services.profile.domain.roles import Role, Sight, sights_of
from services.profile.handlers.shapes import (
    ChainView,
    CustomerHealth,
    CustomerPage,
    CustomerView,
    FoundCustomer,
    Gap,
    LookPage,
    LookView,
)
from services.profile.handlers.snapshots import consents_in_force, identifier_of, newest_event_at
from services.profile.handlers.views import facets_of, page_view
from services.profile.ports import ProfileStore
from services.profile.ports.views import KeptLook, LookRow

_SHOWN: Mapping[Sight, str] = {sight: sight.value for sight in Sight if sight.value in CustomerView.model_fields}
NEWEST = 1 << 62
CHECKED_TOGETHER = 10_000
"""Looks that one request checks: more would take longer than a request may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who looks."""

    key_id: str
    roles: frozenset[Role]
    request_id: str

    def sees(self, sight: Sight) -> bool:
        """Whether one of the roles has it."""
        return sight in sights_of(self.roles)

    def check(self, sight: Sight) -> None:
        """Raises Forbidden without it."""
        if not self.sees(sight):
            raise Forbidden(f"none of the key's roles sees {sight.value}", slug="hidden-from-role")


def masked(view: CustomerView, viewer: Viewer) -> CustomerView:
    """The view with what the viewer does not see left out, and named."""
    seen = sights_of(viewer.roles)
    hidden = tuple(sight for sight in _SHOWN if sight not in seen)
    return view.model_copy(update={_SHOWN[sight]: None for sight in hidden} | {"hidden": hidden})


class Looking:
    """One per API process."""

    def __init__(
        self,
        transactions: Transactions,
        store_of: Callable[[Transaction], ProfileStore],
        *,
        clock: Clock,
        statements: Transactions | None = None,
    ) -> None:
        """`statements` (the same ones without it) begins transactions of a single statement each."""
        self._transactions = transactions
        self._statements = statements or transactions
        self._store_of = store_of
        self._clock = clock

    async def customer(self, customer_id: str, viewer: Viewer) -> CustomerView:
        """The customer that this id stands for now, as the viewer may see it; raises NotFound."""
        async with self._statements.begin() as tx:
            page = await self._store_of(tx).views.seen(self._look(viewer, "page", customer_id))
        return masked(page_view(page), viewer)

    async def health(self, customer_id: str, viewer: Viewer) -> CustomerHealth:
        """How fresh and how complete a profile is; raises NotFound, Forbidden."""
        viewer.check(Sight.HEALTH)
        async with self._transactions.begin() as tx:
            store = self._store_of(tx)
            health = await _health(store, customer_id)
            await self.note(store, viewer, "health", health.customer_id)
        return health

    async def search(
        self, viewer: Viewer, *, prefix: str, segment_id: str | None, after: str, limit: int
    ) -> CustomerPage:
        """Customers by the beginning of their id, by segment, or both; raises Forbidden."""
        viewer.check(Sight.SEARCH)
        async with self._transactions.begin() as tx:
            store = self._store_of(tx)
            found = await store.views.search(prefix, segment_id, after, limit)
            await self.note(store, viewer, "search", None)
        shows_segments = viewer.sees(Sight.SEGMENTS)
        return CustomerPage(
            customers=tuple(
                FoundCustomer(
                    customer_id=row.customer_id,
                    snapshot_version=row.version,
                    segments=tuple(row.segments) if shows_segments else None,
                )
                for row in found
            ),
            next=found[-1].customer_id if len(found) == limit else None,
        )

    async def looks(self, *, customer_id: str | None, key_id: str | None, before: int | None, limit: int) -> LookPage:
        """Who looked, the newest first; at a customer means at any id of the person."""
        async with self._transactions.begin() as tx:
            store = self._store_of(tx)
            ids = None if customer_id is None else await _ids_of_person(store, customer_id)
            found = await store.views.looks(ids, key_id, before or NEWEST, limit)
        return LookPage(views=tuple(map(_look, found)), next=found[-1].id if len(found) == limit else None)

    async def check_chain(self, key_id: str, after: int = 0) -> ChainView:
        """Whether the looks of a key, CHECKED_TOGETHER or so after one of them, are as they were written."""
        async with self._transactions.begin() as tx:
            checked = await self._store_of(tx).views.check_chain(key_id, after, CHECKED_TOGETHER)
        more = checked.checked_count >= CHECKED_TOGETHER and checked.broken_sequence is None
        return ChainView(
            key_id=key_id,
            checked_count=checked.checked_count,
            broken_sequence=checked.broken_sequence,
            next=checked.newest_sequence if more else None,
        )

    async def note(self, store: ProfileStore, viewer: Viewer, action: str, customer_id: str | None) -> None:
        """Keep a look, in the transaction that reads what will be shown; last, for looks of a key wait for each other."""
        await store.views.note(self._look(viewer, action, customer_id))

    def _look(self, viewer: Viewer, action: str, customer_id: str | None) -> LookRow:
        return LookRow(
            key_id=viewer.key_id,
            viewed_at=self._clock.now(),
            roles=",".join(sorted(viewer.roles)),
            action=action,
            customer_id=customer_id,
            request_id=viewer.request_id,
        )


async def _ids_of_person(store: ProfileStore, customer_id: str) -> set[str]:
    """All ids that stand for the same person now; of somebody who is not known any more the one that was asked for."""
    facets = await store.customers.facets(await store.customers.current_ids([customer_id]))
    return {customer_id} | {row.own_customer_id for rows in facets.values() for row in rows}


async def _health(store: ProfileStore, customer_id: str) -> CustomerHealth:
    current, rows = await facets_of(store, customer_id)
    identifiers = [row.identifier for row in rows]
    by_identifier = await store.customers.consents(identifiers)
    words = [word for row in rows for word in by_identifier.get(row.identifier, ())]
    fresh = await store.views.freshness(current, [row.own_customer_id for row in rows], identifiers)
    facet = fold(row.facet for row in rows)
    condition = Condition(
        facet=facet,
        kinds=[identifier_of(identifier).kind for identifier in identifiers],
        consents_count=len(consents_in_force(words)),
        version=fresh.version,
        published_version=fresh.published_version,
        waiting_count=fresh.waiting_count,
        parked_count=fresh.parked_count,
    )
    return CustomerHealth(
        customer_id=current,
        snapshot_version=fresh.version,
        published=0 < fresh.version <= fresh.published_version,
        as_of=newest_event_at(facet, words),
        accepted_at=fresh.accepted_at,
        waiting_changes_count=fresh.waiting_count,
        gaps=tuple(Gap(missing=missing, count=count) for missing, count in gaps_of(condition)),
    )


def _look(kept: KeptLook) -> LookView:
    look = kept.look
    return LookView(
        id=kept.id,
        key_id=look.key_id,
        sequence=kept.sequence,
        viewed_at=look.viewed_at,
        roles=tuple(look.roles.split(",")),
        action=look.action,
        customer_id=look.customer_id,
        request_id=look.request_id,
    )
