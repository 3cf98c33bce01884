"""What checkouts read: customer, past vouchers, an answer given before, and what changed in the store; for many in one statement.

What stores have is remembered (shelves.py). In a store that is not, items are looked for in a second statement: only those that are
ranked high enough to be named, because a look-up for each of some hundred would cost more than all the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from libs.common.contracts.topics import PROFILE_SNAPSHOTS
from services.offers.ports.checkout import CheckoutQuestion, CheckoutView
from services.offers.store.checkout.shelves import Shelf, Shelves
from services.offers.store.checkout.views import view_of
from services.offers.store.shared_statement import Connect, Limits, OnFailure, SharedStatement

_HOPS = 4
_PAST_VOUCHERS = 1_000
"""Of one customer at most: some tills have a card that they use for everybody who has none."""

_USES = """
LEFT JOIN LATERAL (
    SELECT array_agg(campaign_id) AS campaign_ids, array_agg(per) AS pers, array_agg(entity) AS entities,
           array_agg(period) AS periods, array_agg(starts_on) AS starts, array_agg(count) AS counts, array_agg(cents) AS cents
    FROM (
        SELECT used.campaign_id, pair.per, whom.entity, pair.period, used.starts_on,
               CAST(sum(used.count) AS bigint) AS count, CAST(sum(used.cents) AS bigint) AS cents
        FROM unnest($6::text[], $7::text[]) AS pair (per, period)
        JOIN (VALUES ('customer', known.customer_id), ('household', known.household_id), ('store', asked.store_id),
                     ('region', asked.region), ('partner', asked.partner), ('campaign', '')) AS whom (per, entity) ON whom.per = pair.per
        JOIN LATERAL (
            SELECT customer_id AS entity FROM same_persons(ARRAY[whom.entity]) WHERE pair.per = 'customer'
            UNION ALL SELECT whom.entity WHERE pair.per <> 'customer'
        ) AS each ON whom.entity IS NOT NULL
        CROSS JOIN LATERAL (
            SELECT * FROM limit_uses
            WHERE limit_uses.per = pair.per AND limit_uses.entity = each.entity AND limit_uses.period = pair.period
              AND limit_uses.starts_on = CASE pair.period WHEN 'day' THEN asked.day WHEN 'life' THEN DATE '1970-01-01'
                                         ELSE CAST(date_trunc('week', asked.day) AS date) END
        ) AS used
        GROUP BY used.campaign_id, pair.per, whom.entity, pair.period, used.starts_on
    ) AS used
) AS used ON asked.day IS NOT NULL
"""
_USED = "used.campaign_ids AS used_campaign_ids, used.pers, used.entities, used.periods, used.starts, used.counts, used.cents,"
_ASKED = """
    unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[]) WITH ORDINALITY
        AS asked (checkout_id, customer_id, store_id, horizon, past_since, place)
"""
_ASKED_WITH_LIMITS = """
    unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $8::date[], $9::text[], $10::text[]) WITH ORDINALITY
        AS asked (checkout_id, customer_id, store_id, horizon, past_since, day, region, partner, place)
"""


def _read(asked: str, columns: str = "", joins: str = "") -> str:
    """The statement, with what else to look up."""
    return f"""
SELECT {columns} decided.proposal, decided.asked AS asked_then,
       CASE WHEN decided.proposal IS NOT NULL THEN
           (SELECT array_agg(slot) FROM vouchers WHERE vouchers.checkout_id = asked.checkout_id)
       END AS granted,
       known.customer_id, known.personal_offers, known.open_complaint,
       CASE WHEN known.sketched_version = known.version THEN known.sketch END AS sketch,
       CASE WHEN known.sketched_version = known.version THEN ''::bytea ELSE known.ranking_state END AS ranking_state,
       known.household_id,
       past.campaign_ids, past.categories, past.issued_at, past.open,
       (SELECT min(fresh_at) FROM feeds WHERE topic = '{PROFILE_SNAPSHOTS.name}') AS snapshots_fresh_at,
       (SELECT reached_at FROM play_clock) AS reached_at,
       (SELECT array_agg(revision ORDER BY kind) FROM revisions) AS revisions,
       CASE WHEN EXISTS (SELECT FROM brakes WHERE released_at IS NULL) THEN
           (SELECT array_agg(scope || ':' || entity_id) FROM brakes
            WHERE released_at IS NULL AND (scope <> 'store' OR entity_id = asked.store_id))
       END AS brakes,
       pg_snapshot_xmin(pg_current_snapshot())::text AS horizon, moved.item_ids AS moved_ids, moved.there AS moved_there
FROM {asked}
LEFT JOIN decisions AS decided ON decided.checkout_id = asked.checkout_id
LEFT JOIN LATERAL (
    WITH RECURSIVE became (customer_id, hops) AS (
        SELECT asked.customer_id, 0
        UNION ALL
        SELECT identities.now_customer_id, became.hops + 1
        FROM became JOIN identities ON identities.customer_id = became.customer_id
        WHERE became.hops < {_HOPS} AND identities.now_customer_id <> identities.customer_id
    )
    SELECT customer_id FROM became ORDER BY hops DESC LIMIT 1
) AS now_known ON asked.customer_id IS NOT NULL
LEFT JOIN customers AS known ON known.customer_id = now_known.customer_id
LEFT JOIN LATERAL (
    SELECT array_agg(campaign_id) AS campaign_ids, array_agg(category) AS categories,
           array_agg(valid_from) AS issued_at, array_agg(state = 'issued') AS open
    FROM (SELECT campaign_id, category, valid_from, state FROM vouchers
          WHERE vouchers.customer_id = known.customer_id AND valid_from > asked.past_since
          ORDER BY valid_from DESC LIMIT {_PAST_VOUCHERS}) AS newest
) AS past ON true
LEFT JOIN LATERAL (
    SELECT array_agg(item_id) AS item_ids, array_agg(there) AS there FROM availability
    WHERE store_id = asked.store_id AND changed_by >= CAST(asked.horizon AS xid8)
) AS moved ON asked.horizon IS NOT NULL
{joins}
ORDER BY asked.place
"""  # noqa: S608  # numbers and a topic's name of our own


_READ = _read(_ASKED)
_READ_WITH_LIMITS = _read(_ASKED_WITH_LIMITS, _USED, _USES)


_JOIN = "\x1f"  # ids hold no control characters
_MISSING = """
SELECT asked.store_id, (
    SELECT string_agg(item_id, E'\\x1f') FROM string_to_table(asked.item_ids, E'\\x1f') AS item_id
    WHERE (SELECT there FROM availability WHERE availability.store_id = asked.store_id AND availability.item_id = item_id.item_id)
          IS NOT TRUE  -- a look-up for each: a join might be planned to read all that a chain has
) AS item_ids
FROM unnest($1::text[], $2::text[]) AS asked (store_id, item_ids)
"""


@dataclass(frozen=True, slots=True)
class _Looked:
    """Items that are looked for in a store."""

    store_id: str
    item_ids: Sequence[str]


class SharedCheckoutReads:
    """Fits CheckoutReads. Both kinds of question share a connection; with a new one, what stores have is learned anew."""

    def __init__(
        self, connect: Connect, limits: Limits, on_failure: OnFailure | None = None, shelves: Shelves | None = None
    ) -> None:
        self.shelves = shelves if shelves is not None else Shelves(0)

        async def connected() -> Any:
            self.shelves.forget()
            return await connect()

        self.statement: SharedStatement[CheckoutQuestion | _Looked, CheckoutView | frozenset[str]] = SharedStatement(
            "checkout-reads", connected, self._execute, limits, on_failure
        )

    async def read(self, question: CheckoutQuestion) -> CheckoutView:
        """The view; raises RetryableError."""
        return cast("CheckoutView", await self.statement.ask(question))

    async def there(self, store_id: str, item_ids: Sequence[str]) -> frozenset[str]:
        """Those that the store has; raises RetryableError."""
        if not item_ids:
            return frozenset()
        return cast("frozenset[str]", await self.statement.ask(_Looked(store_id, item_ids)))

    async def _execute(
        self, connection: Any, asked: Sequence[CheckoutQuestion | _Looked]
    ) -> Sequence[CheckoutView | frozenset[str]]:
        questions = [one for one in asked if isinstance(one, CheckoutQuestion)]
        shelves = [self.shelves.of(question.store_id) for question in questions]
        views = iter(await _views(connection, questions, shelves))
        found = iter(await _found(connection, [one for one in asked if isinstance(one, _Looked)]))
        return [next(views) if isinstance(one, CheckoutQuestion) else next(found) for one in asked]


async def _found(connection: Any, asked: Sequence[_Looked]) -> Sequence[frozenset[str]]:
    """Many customers of a store want the same: each item of a store is looked for once.

    What is missing comes back, which is little. Items go as one text a store: the driver looks at each element of an array
    several times.
    """
    if not asked:
        return []
    wanted: dict[str, list[Sequence[str]]] = {}
    for one in asked:
        wanted.setdefault(one.store_id, []).append(one.item_ids)
    joined = [_JOIN.join(set().union(*item_ids)) for item_ids in wanted.values()]
    rows = await connection.fetch(_MISSING, list(wanted), joined)
    missing = {store_id: item_ids.split(_JOIN) if item_ids else () for store_id, item_ids in rows}
    return [frozenset(one.item_ids).difference(missing[one.store_id]) for one in asked]


async def _views(
    connection: Any, questions: Sequence[CheckoutQuestion], shelves: Sequence[Shelf | None]
) -> Sequence[CheckoutView]:
    if not questions:
        return []
    plain = (
        [question.checkout_id for question in questions],
        [question.customer_id for question in questions],
        [question.store_id for question in questions],
        [str(shelf.horizon) if shelf else None for shelf in shelves],
        [question.past_since for question in questions],
    )
    limits = [question.limits_of for question in questions]
    pairs = sorted({pair for each in limits if each for pair in each.pairs})
    if not pairs:
        rows = await connection.fetch(_READ, *plain)
        return [view_of(row, shelf) for row, shelf in zip(rows, shelves, strict=True)]
    rows = await connection.fetch(
        _READ_WITH_LIMITS,
        *plain,
        [per for per, _ in pairs],
        [period for _, period in pairs],
        [each.day if each else None for each in limits],
        [each.region if each else None for each in limits],
        [each.partner if each else None for each in limits],
    )
    return [view_of(row, shelf) for row, shelf in zip(rows, shelves, strict=True)]
