"""The policy book, shelf facts and lanes, on PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import text

from libs.common.errors import Conflict
from libs.common.persistence import Transaction
from services.inventory.domain.catalog import Lane, LaneLimits, ShelfFacts
from services.inventory.domain.policies.classes import NO_CLASSES, PolicyBook
from services.inventory.ports.policies import ShelfRow, VersionedBook
from services.inventory.store.columns import columns

_NEWEST = text(
    "SELECT version, CAST(body AS text) AS body FROM policy_books ORDER BY policy_books.version DESC LIMIT 1"
)
_PUT = text("""
    INSERT INTO policy_books (version, body, author) VALUES (:version, CAST(:body AS jsonb), :author) ON CONFLICT DO NOTHING
""")
_SHELVES = text("""
    SELECT item_id, store_id, capacity_milli, presentation_milli, lots_are_named FROM shelf_facts
    WHERE item_id = ANY(CAST(:item_ids AS text[])) ORDER BY item_id, store_id
""")
_KEEP_SHELVES = text("""
    INSERT INTO shelf_facts (item_id, store_id, capacity_milli, presentation_milli)
    SELECT * FROM unnest(CAST(:item_id AS text[]), CAST(:store_id AS text[]), CAST(:capacity_milli AS bigint[]),
                         CAST(:presentation_milli AS bigint[]))
    ON CONFLICT (item_id, store_id) DO UPDATE
    SET capacity_milli = excluded.capacity_milli, presentation_milli = excluded.presentation_milli
""")
# Plans that no close has made hold their levels for days: what was said now must not wait for their end.
_PLAN_ANEW = text("UPDATE plans SET day = 0 WHERE item_id = ANY(CAST(:item_ids AS text[])) AND excess_day = '{}'")
_PLAN_ALL_ANEW = text("UPDATE plans SET day = 0 WHERE excess_day = '{}'")
_TOUCH_ALL = text("""
    INSERT INTO agenda (item_id, due_at) SELECT item_id, '-infinity' FROM plans ORDER BY item_id
    ON CONFLICT (item_id) DO UPDATE SET due_at = '-infinity' WHERE agenda.due_at > '-infinity'
""")
_LANES = text("""
    SELECT lane_id, supplier_id, store_id, category, lead_time_hours, order_weekdays, cutoff_at, time_zone, closed_on,
           truck_units, truck_grams, truck_ml, fills_truck, budget_cents, minimum_cents, rank, depot_id,
           coalesce(learned.late_days, 0) AS late_days, coalesce(learned.late_variance_days, 0) AS late_variance_days
    FROM lanes LEFT JOIN LATERAL (
        SELECT late_days, late_variance_days FROM lane_lead_times
        WHERE lane_lead_times.lane_id = lanes.lane_id ORDER BY day DESC LIMIT 1
    ) AS learned ON true
    ORDER BY lanes.occurred_at, lanes.event_id
""")


async def read_book(tx: Transaction) -> PolicyBook:
    """The book in force."""
    row = (await tx.connection.execute(_NEWEST)).one_or_none()
    return NO_CLASSES if row is None else PolicyBook.model_validate_json(row.body)


async def read_shelf_facts(tx: Transaction, item_ids: Sequence[str]) -> Mapping[str, Mapping[str, ShelfFacts]]:
    """What the shelf plan says, by item and store."""
    found: dict[str, dict[str, ShelfFacts]] = {}
    for row in await tx.connection.execute(_SHELVES, {"item_ids": list(item_ids)}):
        facts = ShelfFacts(
            capacity_milli=row.capacity_milli,
            presentation_milli=row.presentation_milli,
            lots_are_named=row.lots_are_named,
        )
        found.setdefault(row.item_id, {})[row.store_id] = facts
    return found


async def read_lanes(tx: Transaction) -> Sequence[Lane]:
    """All lanes with their calendars and limits, in the order in which they were said."""
    return [
        Lane(
            lane_id=row.lane_id,
            supplier_id=row.supplier_id,
            store_id=row.store_id,
            category=row.category,
            lead_time_hours=row.lead_time_hours,
            order_weekdays=row.order_weekdays,
            rank=row.rank,
            late_days=row.late_days,
            late_variance_days=row.late_variance_days,
            cutoff_at=row.cutoff_at,
            time_zone=row.time_zone,
            closed_on=frozenset(row.closed_on),
            limits=LaneLimits(
                truck_units=row.truck_units,
                truck_grams=row.truck_grams,
                truck_ml=row.truck_ml,
                fills_truck=row.fills_truck,
                budget_cents=row.budget_cents,
                minimum_cents=row.minimum_cents,
            ),
            depot_id=row.depot_id,
        )
        for row in await tx.connection.execute(_LANES)
    ]


class PostgresPolicies:
    """Fits PolicyStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def newest(self) -> VersionedBook:
        """The book in force and its version, 0 before anybody said anything."""
        row = (await self._tx.connection.execute(_NEWEST)).one_or_none()
        if row is None:
            return VersionedBook(book=NO_CLASSES, version=0)
        return VersionedBook(book=PolicyBook.model_validate_json(row.body), version=row.version)

    async def put(self, book: PolicyBook, version: int, author: str) -> None:
        """Keep a new version and have what no close has planned planned anew; raises Conflict when somebody else put that version."""
        await self._tx.connection.execute(_TOUCH_ALL)
        names = {"version": version, "body": book.model_dump_json(), "author": author}
        if (await self._tx.connection.execute(_PUT, names)).rowcount != 1:
            raise Conflict("somebody else put a version at the same time", slug="policies-changed")
        await self._tx.connection.execute(_PLAN_ALL_ANEW)

    async def keep_shelves(self, rows: Collection[ShelfRow]) -> None:
        """Keep what the shelf plan says, at most one row a shelf; their items must be touched before."""
        names = ("item_id", "store_id", "capacity_milli", "presentation_milli")
        ordered = sorted((row.item_id, row.store_id, row.capacity_milli, row.presentation_milli) for row in rows)
        await self._tx.connection.execute(_KEEP_SHELVES, columns(names, ordered))
        await self._tx.connection.execute(_PLAN_ANEW, {"item_ids": sorted({row.item_id for row in rows})})
