"""Searches, hidden demand and what is carried where, on PostgreSQL."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.assortment.placements import Traits
from services.inventory.domain.assortment.searches import (
    GREATEST_MATCHES,
    Interest,
    Match,
    Place,
    PlaceKind,
    Subject,
    SubjectKind,
    week_of,
)
from services.inventory.domain.closing.unmet import Unmet
from services.inventory.ports.assortment import AssortmentItem, AssortmentPlace, Chain
from services.inventory.store.assortment.carried import read_chain
from services.inventory.store.columns import columns
from services.inventory.store.planning.texts import array_text

KEPT_DAYS = 84
KEPT_WEEKS = 26

_KEEP_ITEMS = text("""
    INSERT INTO assortment_items
    SELECT item_id, name, category, item_type, brand, price_cents, stock_keeping, string_to_array(words, ' '), occurred_at, event_id
    FROM unnest(CAST(:item_id AS text[]), CAST(:name AS text[]), CAST(:category AS text[]), CAST(:item_type AS text[]),
                CAST(:brand AS text[]), CAST(:price_cents AS bigint[]), CAST(:stock_keeping AS boolean[]), CAST(:words AS text[]),
                CAST(:occurred_at AS timestamptz[]), CAST(:event_id AS text[]))
         AS new (item_id, name, category, item_type, brand, price_cents, stock_keeping, words, occurred_at, event_id)
    ON CONFLICT (item_id) DO UPDATE
    SET name = excluded.name, category = excluded.category, item_type = excluded.item_type, brand = excluded.brand,
        price_cents = excluded.price_cents, stock_keeping = excluded.stock_keeping, words = excluded.words,
        occurred_at = excluded.occurred_at, event_id = excluded.event_id
    WHERE (assortment_items.occurred_at, assortment_items.event_id) < (excluded.occurred_at, excluded.event_id)
""")
_KEEP_STORES = text("""
    INSERT INTO assortment_stores (store_id, region, occurred_at, event_id)
    SELECT * FROM unnest(CAST(:store_id AS text[]), CAST(:region AS text[]), CAST(:occurred_at AS timestamptz[]), CAST(:event_id AS text[]))
    ON CONFLICT (store_id) DO UPDATE SET region = excluded.region, occurred_at = excluded.occurred_at, event_id = excluded.event_id
    WHERE (assortment_stores.occurred_at, assortment_stores.event_id) < (excluded.occurred_at, excluded.event_id)
""")
_MATCHES = text("""
    SELECT asked.place, found.item_id, found.category
    FROM unnest(CAST(:words AS text[])) WITH ORDINALITY AS asked (words, place)
    CROSS JOIN LATERAL (
        SELECT item_id, category FROM assortment_items
        WHERE assortment_items.words @> string_to_array(asked.words, ' ') AND stock_keeping
        ORDER BY item_id LIMIT :most
    ) AS found
    ORDER BY asked.place, found.item_id
""")
_INTERESTS = (
    "subject_kind", "subject_id", "place_kind", "place_id", "week", "searches", "unanswered", "seen_by", "unanswered_by",
)  # fmt: skip
_COUNT = text("""
    INSERT INTO searches (subject_kind, subject_id, place_kind, place_id, week, searches, unanswered, seen_by, unanswered_by)
    SELECT * FROM unnest(CAST(:subject_kind AS text[]), CAST(:subject_id AS text[]), CAST(:place_kind AS text[]), CAST(:place_id AS text[]),
                         CAST(:week AS integer[]), CAST(:searches AS bigint[]), CAST(:unanswered AS bigint[]), CAST(:seen_by AS bigint[]),
                         CAST(:unanswered_by AS bigint[]))
    ON CONFLICT (subject_kind, subject_id, place_kind, place_id, week) DO UPDATE
    SET searches = searches.searches + excluded.searches, unanswered = searches.unanswered + excluded.unanswered,
        seen_by = searches.seen_by | excluded.seen_by, unanswered_by = searches.unanswered_by | excluded.unanswered_by
""")
_SEARCHES = text("""
    SELECT subject_kind, subject_id, place_kind, place_id, week, searches, unanswered, seen_by, unanswered_by
    FROM searches WHERE week BETWEEN :first AND :last
    ORDER BY subject_kind, subject_id, place_kind, place_id, week
""")
_HIDE = text("""
    INSERT INTO hidden_demand (item_id, day, store_ids, units_milli)
    SELECT item_id, day, CAST(store_ids AS text[]), CAST(units_milli AS bigint[])
    FROM unnest(CAST(:item_id AS text[]), CAST(:day AS integer[]), CAST(:store_ids AS text[]), CAST(:units_milli AS text[]))
         AS new (item_id, day, store_ids, units_milli)
    ON CONFLICT (item_id, day) DO UPDATE SET store_ids = excluded.store_ids, units_milli = excluded.units_milli
""")
_HIDDEN = text("""
    SELECT item_id, shelf.store_id, sum(shelf.units_milli)::bigint AS units_milli
    FROM hidden_demand CROSS JOIN LATERAL unnest(store_ids, units_milli) AS shelf (store_id, units_milli)
    WHERE day BETWEEN :first AND :last GROUP BY item_id, shelf.store_id
""")
_TRAITS = text("SELECT item_id, category, item_type, brand, price_cents FROM assortment_items WHERE item_id = :item_id")
_CLOSED = text("SELECT max(day) FROM closes WHERE done")
_FORGET_HIDDEN = text("DELETE FROM hidden_demand WHERE day < :before")
_FORGET_SEARCHES = text("DELETE FROM searches WHERE week < :before")


class PostgresAssortment:
    """Fits AssortmentStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def keep_items(self, rows: Collection[AssortmentItem]) -> None:
        """Keep what is newer than what is known."""
        names = (
            "item_id", "name", "category", "item_type", "brand", "price_cents", "stock_keeping", "words", "occurred_at", "event_id",
        )  # fmt: skip
        values = [
            [" ".join(sorted(row.words)) if name == "words" else getattr(row, name) for name in names]
            for row in sorted(rows, key=lambda one: one.item_id)
        ]
        if values:
            await self._tx.connection.execute(_KEEP_ITEMS, columns(names, values))

    async def keep_stores(self, rows: Collection[AssortmentPlace]) -> None:
        """The same for stores."""
        names = ("store_id", "region", "occurred_at", "event_id")
        values = [[getattr(row, name) for name in names] for row in sorted(rows, key=lambda one: one.store_id)]
        if values:
            await self._tx.connection.execute(_KEEP_STORES, columns(names, values))

    async def matches(self, searches: Sequence[frozenset[str]]) -> Sequence[Sequence[Match]]:
        """For each search the items in whose words all of its words stand."""
        found: defaultdict[int, list[Match]] = defaultdict(list)
        asked = [" ".join(sorted(words)) for words in searches]
        if any(asked):
            for row in await self._tx.connection.execute(_MATCHES, {"words": asked, "most": GREATEST_MATCHES}):
                found[row.place - 1].append(Match(row.item_id, row.category))
        return [found[place] if words else [] for place, words in enumerate(asked)]

    async def count(self, interests: Sequence[Interest]) -> None:
        """Add searches."""
        rows = [
            (
                *(one.subject.kind.value, one.subject.subject_id, one.place.kind.value, one.place.place_id, one.week),
                *(one.searches, one.unanswered, one.seen_by, one.unanswered_by),
            )
            for one in interests
        ]
        if rows:
            await self._tx.connection.execute(_COUNT, columns(_INTERESTS, sorted(rows)))

    async def hide(self, hidden: Sequence[Unmet]) -> None:
        """Keep what empty shelves hid."""
        by_item: defaultdict[tuple[str, int], list[Unmet]] = defaultdict(list)
        for one in hidden:
            by_item[one.item_id, one.day].append(one)
        rows = [
            (item_id, day, array_text([one.store_id for one in found]), array_text([one.units_milli for one in found]))
            for (item_id, day), found in sorted(by_item.items())
        ]
        if rows:
            names = ("item_id", "day", "store_ids", "units_milli")
            await self._tx.connection.execute(_HIDE, columns(names, rows))

    async def hidden(self, from_day: int, to_day: int) -> Mapping[tuple[str, str], float]:
        """What empty shelves hid, in units."""
        rows = await self._tx.connection.execute(_HIDDEN, {"first": from_day, "last": to_day})
        return {(row.item_id, row.store_id): row.units_milli / 1000 for row in rows}

    async def searches(self, from_week: int, to_week: int) -> Sequence[Interest]:
        """Those of these weeks."""
        return [
            Interest(
                subject=Subject(SubjectKind(row.subject_kind), row.subject_id),
                place=Place(PlaceKind(row.place_kind), row.place_id),
                week=row.week,
                searches=row.searches,
                unanswered=row.unanswered,
                seen_by=row.seen_by,
                unanswered_by=row.unanswered_by,
            )
            for row in await self._tx.connection.execute(_SEARCHES, {"first": from_week, "last": to_week})
        ]

    async def chain(self) -> Chain:
        """What is carried where."""
        return await read_chain(self._tx)

    async def traits(self, item_id: str) -> Traits | None:
        """What is known of one item."""
        row = (await self._tx.connection.execute(_TRAITS, {"item_id": item_id})).one_or_none()
        return None if row is None else Traits(**row._mapping)  # noqa: SLF001  # a Row's public mapping

    async def closed_day(self) -> int | None:
        """The newest day that was closed."""
        found: int | None = (await self._tx.connection.execute(_CLOSED)).scalar()
        return found

    async def forget(self, day: int) -> None:
        """Remove what lies too far before this day."""
        await self._tx.connection.execute(_FORGET_HIDDEN, {"before": day - KEPT_DAYS})
        await self._tx.connection.execute(_FORGET_SEARCHES, {"before": week_of(day) - KEPT_WEEKS})
