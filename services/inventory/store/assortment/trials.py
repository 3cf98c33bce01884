"""Introductions that were decided on, on PostgreSQL."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.assortment.stop_rule import LONGEST_WEEKS, StopRule
from services.inventory.domain.assortment.trials import Judgement, Standing
from services.inventory.ports.assortment import Trial, Watched

_COLUMNS = """item_id, store_id, started_at, started_day, started_by, CAST(rule AS text) AS rule, says, standing, days, units, reason,
              ended_at, ended_by"""
_START = text("""
    INSERT INTO trials (item_id, store_id, started_at, started_day, started_by, rule, says, reason)
    VALUES (:item_id, :store_id, :started_at, :started_day, :started_by, CAST(:rule AS jsonb), :says, :reason) ON CONFLICT DO NOTHING
""")
_OPEN = text(f"""
    SELECT {_COLUMNS} FROM trials WHERE item_id = :item_id AND store_id = :store_id AND ended_at IS NULL FOR UPDATE
""")  # noqa: S608  # our own columns
_NEWEST = text(f"""
    SELECT {_COLUMNS} FROM trials WHERE item_id = :item_id AND store_id = :store_id ORDER BY started_at DESC LIMIT 1
""")  # noqa: S608  # our own columns
_END = text("""
    UPDATE trials SET ended_at = :at, ended_by = :by WHERE item_id = :item_id AND store_id = :store_id AND started_at = :started_at
""")
_DECLINE = text("""
    INSERT INTO declined_introductions (item_id, store_id, declined_at, declined_by, reason) VALUES (:item_id, :store_id, :at, :by, :reason)
    ON CONFLICT (item_id, store_id) DO UPDATE
    SET declined_at = excluded.declined_at, declined_by = excluded.declined_by, reason = excluded.reason
    WHERE declined_introductions.declined_at < :since
""")
_DECIDED = text("""
    SELECT item_id FROM trials WHERE store_id = :store_id AND (ended_at IS NULL OR ended_at >= :since)
    UNION SELECT item_id FROM declined_introductions WHERE store_id = :store_id AND declined_at >= :since
""")
_LISTED = text(f"""
    SELECT {_COLUMNS} FROM trials
    WHERE ended_at IS NULL AND (CAST(:store_id AS text) IS NULL OR store_id = :store_id)
      AND (CAST(:standing AS text) IS NULL OR standing = :standing)
      AND (store_id, item_id) > (CAST(:after_store AS text), CAST(:after_item AS text))
    ORDER BY store_id, item_id LIMIT :page
""")  # noqa: S608  # our own columns
# Since the first day on which anything moved there: what was delivered lies there, what was sold lay there.
_WATCHED = text(f"""
    WITH wanted AS (
        SELECT {_COLUMNS} FROM trials
        WHERE ended_at IS NULL AND standing IN ('waiting', 'watched') AND (judged_day IS NULL OR judged_day < :day)
        ORDER BY item_id, store_id LIMIT :batch FOR UPDATE SKIP LOCKED
    )
    SELECT wanted.*, coalesce(asked.milli, '{{}}') AS asked_milli
    FROM wanted CROSS JOIN LATERAL (
        SELECT min(day) AS day FROM movements
        WHERE movements.item_id = wanted.item_id AND movements.store_id = wanted.store_id AND day BETWEEN started_day AND :day
    ) AS first
    CROSS JOIN LATERAL (
        SELECT array_agg(coalesce(sold.milli, 0) + coalesce(hidden.milli, 0) ORDER BY there) AS milli
        FROM generate_series(first.day, least(:day, first.day + {LONGEST_WEEKS * 7})) AS there
        LEFT JOIN (
            SELECT day, sum(sold_milli)::bigint AS milli FROM movements
            WHERE movements.item_id = wanted.item_id AND movements.store_id = wanted.store_id AND day >= first.day GROUP BY day
        ) AS sold ON sold.day = there
        LEFT JOIN (
            SELECT day, units_milli[array_position(store_ids, wanted.store_id)] AS milli FROM hidden_demand
            WHERE hidden_demand.item_id = wanted.item_id AND day >= first.day
        ) AS hidden ON hidden.day = there
    ) AS asked
    ORDER BY wanted.item_id, wanted.store_id
""")  # noqa: S608  # our own columns
_JUDGE = text("""
    UPDATE trials SET judged_day = :day, standing = :standing, days = :days, units = :units, reason = :reason
    WHERE item_id = :item_id AND store_id = :store_id AND started_at = :started_at
""")


class PostgresTrials:
    """Fits TrialStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def start(self, trial: Trial) -> bool:
        """Keep a trial; False where one is open for that shelf already."""
        names = ("item_id", "store_id", "started_at", "started_day", "started_by", "says")
        values = {name: getattr(trial, name) for name in names}
        rule, reason = json.dumps(asdict(trial.rule)), trial.judgement.reason
        return (await self._tx.connection.execute(_START, {**values, "rule": rule, "reason": reason})).rowcount == 1

    async def open_one(self, item_id: str, store_id: str) -> Trial | None:
        """The shelf's open trial, locked until the commit."""
        return await self._one(_OPEN, item_id, store_id)

    async def newest(self, item_id: str, store_id: str) -> Trial | None:
        """The shelf's newest trial."""
        return await self._one(_NEWEST, item_id, store_id)

    async def end(self, trial: Trial, at: datetime, by: str) -> None:
        """End an open trial."""
        await self._tx.connection.execute(_END, {**_name(trial), "at": at, "by": by})

    async def decline(
        self, item_id: str, store_id: str, by: str, reason: str | None, times: tuple[datetime, datetime]
    ) -> bool:
        """Note at the second of `times` that an introduction is not wanted; False where that was said since the first."""
        said = {"item_id": item_id, "store_id": store_id, "by": by, "reason": reason}
        found = await self._tx.connection.execute(_DECLINE, {**said, "since": times[0], "at": times[1]})
        return found.rowcount == 1

    async def decided(self, store_id: str, since: datetime) -> Collection[str]:
        """Items that are on trial in a store, or were declined or ended there since."""
        return set((await self._tx.connection.execute(_DECIDED, {"store_id": store_id, "since": since})).scalars())

    async def listed(
        self, store_id: str | None, standing: str | None, after: tuple[str, str], limit: int
    ) -> Sequence[Trial]:
        """Open trials above `after`."""
        wanted = {"store_id": store_id, "standing": standing, "page": limit}
        places = {"after_store": after[0], "after_item": after[1]}
        return [_trial(row) for row in await self._tx.connection.execute(_LISTED, {**wanted, **places})]

    async def watched(self, day: int, limit: int) -> Sequence[Watched]:
        """Open trials to be looked at on this closed day, locked."""
        rows = await self._tx.connection.execute(_WATCHED, {"day": day, "batch": limit})
        return [Watched(trial=_trial(row), asked=[milli / 1000 for milli in row.asked_milli]) for row in rows]

    async def judge(self, trial: Trial, judgement: Judgement, day: int) -> None:
        """Note how a trial does as of a closed day."""
        found = {"standing": judgement.standing.value, "days": judgement.days, "units": judgement.units}
        said = {**_name(trial), **found, "reason": judgement.reason, "day": day}
        await self._tx.connection.execute(_JUDGE, said)

    async def _one(self, statement: Any, item_id: str, store_id: str) -> Trial | None:
        row = (await self._tx.connection.execute(statement, {"item_id": item_id, "store_id": store_id})).one_or_none()
        return None if row is None else _trial(row)


def _name(trial: Trial) -> dict[str, Any]:
    return {"item_id": trial.item_id, "store_id": trial.store_id, "started_at": trial.started_at}


def _trial(row: Any) -> Trial:
    rule = json.loads(row.rule)
    return Trial(
        item_id=row.item_id,
        store_id=row.store_id,
        started_at=row.started_at,
        started_day=row.started_day,
        started_by=row.started_by,
        rule=StopRule(**{**rule, "fewest": tuple(rule["fewest"])}),
        says=row.says,
        judgement=Judgement(standing=Standing(row.standing), days=row.days, units=row.units, reason=row.reason),
        ended_at=row.ended_at,
        ended_by=row.ended_by,
    )
