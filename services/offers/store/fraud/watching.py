"""Presentations of codes: the counts that speak for fraud in one bounded statement, and the rows that they count."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy import text

from libs.common.errors import RetryableError
from libs.common.persistence import OutboxMessage, Transaction, append
from services.offers.domain.fraud.signs import Action, Assessment, FraudPolicy, Presented, Signal
from services.offers.ports.fraud.watching import Bearer, Sighting, Watched
from services.offers.store.shared_statement import Connect, Limits, OnFailure, SharedStatement

_MOST = 200
"""No count looks at more rows; no bound may be higher."""
_RECENT_VOUCHERS = 50
_FIRST = 7
"""The number of the statement's first parameter that is a window."""


def _seconds(number: int) -> str:
    return f"make_interval(secs => ${number})"


def _count(condition: str, seconds: str) -> str:
    return f"""(SELECT count(*) FROM (
        SELECT FROM presentations AS seen WHERE {condition} AND seen.redeemed AND seen.at > asked.at - {seconds} AND seen.at <= asked.at
        LIMIT {_MOST}) AS counted)"""  # noqa: S608  # conditions of our own


_WINDOWS = tuple(signal for signal in Signal if signal is not Signal.CASHIER_IS_CUSTOMER)
_OF = {signal: _seconds(_FIRST + place) for place, signal in enumerate(_WINDOWS)}
_SINCE = {signal: f"mine.at > asked.at - {seconds}" for signal, seconds in _OF.items()}

_LOOK = f"""
SELECT {_count("seen.store_id = asked.store_id AND seen.lane = asked.lane", _OF[Signal.LANE_VELOCITY])} AS lane_velocity,
       {_count("seen.store_id = asked.store_id", _OF[Signal.STORE_VELOCITY])} AS store_velocity,
       {_count("seen.batch_id = shown.batch_id", _OF[Signal.BATCH_VELOCITY])} AS batch_velocity,
       {_count("seen.cashier_id = asked.cashier_id", _OF[Signal.CASHIER_VELOCITY])} AS cashier_velocity,
       (SELECT count(DISTINCT (seen.store_id, seen.lane)) FROM presentations AS seen
        WHERE seen.voucher_id = asked.voucher_id AND seen.reason = 'already-redeemed' AND (seen.store_id, seen.lane) <> (asked.store_id, asked.lane)
          AND seen.at > asked.at - {_OF[Signal.COPIED_CODE]} AND seen.at <= asked.at) AS copied_code,
       shown.batch_id IS NOT NULL AS of_batch, customers.*
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
     WITH ORDINALITY AS asked (voucher_id, receipt_id, store_id, lane, cashier_id, at, place)
LEFT JOIN vouchers AS shown ON shown.voucher_id = asked.voucher_id
LEFT JOIN LATERAL (
    SELECT count(DISTINCT mine.receipt_id) FILTER (WHERE mine.redeemed AND mine.receipt_id <> asked.receipt_id
                              AND {_SINCE[Signal.CUSTOMER_VELOCITY]}) AS customer_velocity,
           count(DISTINCT mine.receipt_id) FILTER (WHERE mine.redeemed AND mine.receipt_id <> asked.receipt_id
                              AND mine.cashier_id = asked.cashier_id AND {_SINCE[Signal.CASHIER_AND_CUSTOMER]}) AS cashier_and_customer,
           count(*) FILTER (WHERE mine.came_back AND {_SINCE[Signal.REFUND_LOOP]}) AS refund_loop,
           count(DISTINCT mine.store_id) FILTER (WHERE mine.redeemed AND mine.store_id <> asked.store_id
                              AND {_SINCE[Signal.FAR_STORES]}) AS far_stores,
           count(DISTINCT mine.receipt_id) FILTER (WHERE mine.redeemed AND mine.store_id = asked.store_id
                              AND mine.receipt_id <> asked.receipt_id AND {_SINCE[Signal.SPLIT_BASKET]}) AS split_basket
    FROM (
        SELECT seen.*, seen.redeemed AND EXISTS (
                   SELECT FROM redemptions WHERE redemptions.redemption_id = seen.redemption_id
                     AND (rolled_back_at IS NOT NULL OR EXISTS (
                         SELECT FROM redemption_lines AS line
                         WHERE line.redemption_id = seen.redemption_id AND line.returned_cents > 0))) AS came_back
        FROM (SELECT voucher_id FROM vouchers WHERE vouchers.customer_id = shown.customer_id
              ORDER BY valid_from DESC LIMIT {_RECENT_VOUCHERS}) AS theirs
        JOIN presentations AS seen USING (voucher_id)
        WHERE seen.at <= asked.at ORDER BY seen.at DESC LIMIT {_MOST}
    ) AS mine
) AS customers ON true
ORDER BY asked.place
"""  # noqa: S608  # conditions of our own
_KEEP = text("""
    INSERT INTO presentations (redemption_id, at, voucher_id, batch_id, receipt_id, store_id, lane, cashier_id, supervisor_id,
                               redeemed, reason, action, points, signals)
    VALUES (:redemption_id, :at, :voucher_id, (SELECT batch_id FROM vouchers WHERE voucher_id = :voucher_id),
            :receipt_id, :store_id, :lane, :cashier_id, :supervisor_id, :redeemed, :reason, :action, :points, :signals)
    ON CONFLICT DO NOTHING
""")
_SUSPECTS = text("""
    SELECT * FROM (
        SELECT * FROM presentations
        WHERE points > 0 AND (CAST(:store_id AS text) IS NULL OR store_id = :store_id)
          AND at < coalesce(CAST(:before AS timestamptz), 'infinity')
        ORDER BY at DESC FETCH FIRST (CAST(:limit AS bigint)) ROWS WITH TIES
    ) AS page ORDER BY at DESC, redemption_id
""")
_FORGET = text("""
    DELETE FROM presentations WHERE redemption_id IN (
        SELECT redemption_id FROM presentations WHERE at < :before ORDER BY at LIMIT :most FOR UPDATE SKIP LOCKED)
""")


class SharedSightings:
    """Fits SightingReads: a connection of its own, so that a slow look holds up nobody's redemption."""

    def __init__(
        self, connect: Connect, policy: FraudPolicy, limits: Limits, on_failure: OnFailure | None = None
    ) -> None:
        self._windows = [policy.seconds(signal) for signal in _WINDOWS]
        self.statement: SharedStatement[Sighting, Presented] = SharedStatement(
            "sightings", connect, self._execute, limits, on_failure
        )

    async def look(self, sighting: Sighting) -> Presented:
        """As the port promises. Whatever the database says to a look, it must not end a redemption."""
        try:
            return await self.statement.ask(sighting)
        except asyncpg.PostgresError as error:
            raise RetryableError(type(error).__name__, slug="look-failed") from error

    async def _execute(self, connection: Any, sightings: Sequence[Sighting]) -> Sequence[Presented]:
        columns = zip(*map(_asked, sightings), strict=True)
        rows = await connection.fetch(_LOOK, *map(list, columns), *self._windows)
        return [_presented(each, row) for each, row in zip(sightings, rows, strict=True)]


class PostgresWatch:
    """Fits WatchStore within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def keep(self, watched: Watched) -> None:
        """As the port promises."""
        sighting, assessment = watched.sighting, watched.assessment
        names = {
            "redemption_id": watched.redemption_id,
            "at": sighting.at,
            "voucher_id": sighting.voucher_id,
            "receipt_id": sighting.receipt_id,
            "store_id": sighting.store_id,
            "lane": sighting.bearer.lane,
            "cashier_id": sighting.bearer.cashier_id,
            "supervisor_id": sighting.bearer.supervisor_id,
            "redeemed": watched.redeemed,
            "reason": watched.reason,
            "action": assessment.action,
            "points": assessment.points,
            "signals": list(assessment.signals),
        }
        await self._tx.connection.execute(_KEEP, names)

    async def suspects(self, *, store_id: str | None, before: datetime | None, limit: int) -> Sequence[Watched]:
        """As the port promises."""
        names = {"store_id": store_id, "before": before, "limit": limit}
        return [_watched(row) for row in await self._tx.connection.execute(_SUSPECTS, names)]

    async def forget(self, before: datetime, most: int) -> int:
        """As the port promises."""
        return (await self._tx.connection.execute(_FORGET, {"before": before, "most": most})).rowcount

    async def tell(self, messages: Sequence[OutboxMessage]) -> None:
        """As the port promises."""
        await append(self._tx, messages)


def _asked(sighting: Sighting) -> tuple[Any, ...]:
    bearer = sighting.bearer
    return (
        *(sighting.voucher_id, sighting.receipt_id, sighting.store_id),
        *(bearer.lane, bearer.cashier_id, sighting.at),
    )


def _presented(sighting: Sighting, row: Any) -> Presented:
    """The presentation that is looked at, or its receipt, counts where it adds to what it is counted with."""
    own = sighting.customer_id is not None and sighting.customer_id == sighting.bearer.cashier_customer_id
    known = sighting.customer_id is not None
    cashier = sighting.bearer.cashier_id is not None
    return Presented.of(
        customer_velocity=row["customer_velocity"] + known,
        lane_velocity=row["lane_velocity"] + 1,
        store_velocity=row["store_velocity"] + 1,
        batch_velocity=row["batch_velocity"] + row["of_batch"],
        cashier_is_customer=int(own),
        cashier_velocity=row["cashier_velocity"] + cashier,
        cashier_and_customer=row["cashier_and_customer"] + (known and cashier),
        refund_loop=row["refund_loop"],
        far_stores=row["far_stores"],
        split_basket=row["split_basket"],
        copied_code=row["copied_code"],
    )


def _watched(row: Any) -> Watched:
    return Watched(
        redemption_id=row.redemption_id,
        sighting=Sighting(
            voucher_id=row.voucher_id,
            customer_id=None,
            receipt_id=row.receipt_id,
            store_id=row.store_id,
            bearer=Bearer(lane=row.lane, cashier_id=row.cashier_id, supervisor_id=row.supervisor_id),
            at=row.at,
        ),
        redeemed=row.redeemed,
        reason=row.reason,
        assessment=Assessment(Action(row.action), row.points, tuple(map(Signal, row.signals))),
    )
