"""Arrivals and learned lead times of lanes, on PostgreSQL."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.inventory.domain.lead_times import Arrival, LeadTime
from services.inventory.domain.stock.shelves import start_of
from services.inventory.ports.lead_times import Delivered
from services.inventory.store.columns import columns

_ARRIVED = text("""
    INSERT INTO lane_arrivals (lane_id, due_day, late_hours, lines)
    SELECT * FROM unnest(CAST(:lane_id AS text[]), CAST(:due_day AS integer[]), CAST(:late_hours AS integer[]), CAST(:lines AS bigint[]))
    ON CONFLICT (lane_id, due_day, late_hours) DO UPDATE SET lines = lane_arrivals.lines + excluded.lines
""")
_LEARNED = text("SELECT EXISTS (SELECT FROM lane_lead_times WHERE day >= :day)")
_STATED = text("SELECT lane_id, lead_time_hours FROM lanes ORDER BY lane_id")
_ARRIVALS = text("SELECT lane_id, due_day, late_hours, lines FROM lane_arrivals WHERE due_day <= :day ORDER BY 1, 2, 3")
# What was promised for later is as late as its promise, before it is as late as the clock.
_OVERDUE = text("""
    SELECT lane_id, floor(extract(epoch FROM needed_at) / 86400)::integer AS due_day,
           floor(extract(epoch FROM greatest(:until, coalesce(expected_at, :until)) - needed_at) / 3600)::integer AS late_hours,
           count(*) AS lines
    FROM commands
    WHERE kind = 'reorder' AND state IN ('sent', 'acknowledged', 'amended', 'shipped') AND needed_at < :until
      AND received_milli = 0 AND lane_id IS NOT NULL
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
""")
_KEEP = text("""
    INSERT INTO lane_lead_times (lane_id, day, hours, weights, stated_hours, order_days, late_days, late_variance_days)
    SELECT lane_id, :day, CAST(hours AS integer[]), CAST(weights AS float8[]), stated_hours, order_days, late_days, late_variance_days
    FROM unnest(CAST(:lane_id AS text[]), CAST(:hours AS text[]), CAST(:weights AS text[]), CAST(:stated_hours AS integer[]),
                CAST(:order_days AS float8[]), CAST(:late_days AS float8[]), CAST(:late_variance_days AS float8[]))
         AS new (lane_id, hours, weights, stated_hours, order_days, late_days, late_variance_days)
    ON CONFLICT DO NOTHING
""")
_DROP = text("DELETE FROM lane_lead_times WHERE day < :day")
_LATEST = text("""
    SELECT DISTINCT ON (lane_id) lane_id, hours, weights, stated_hours, order_days FROM lane_lead_times ORDER BY lane_id, day DESC
""")
_FORGET = text("DELETE FROM lane_arrivals WHERE lane_id = ANY(CAST(:lane_ids AS text[])) AND due_day < :before_day")


class PostgresLeadTimes:
    """Fits LeadTimeStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def arrived(self, deliveries: Sequence[Delivered]) -> None:
        """Add deliveries to their lanes' counts."""
        if not deliveries:
            return
        counts = Counter((one.lane_id, one.due_day, one.late_hours) for one in deliveries)
        rows = [(*key, lines) for key, lines in sorted(counts.items())]
        await self._tx.connection.execute(_ARRIVED, columns(("lane_id", "due_day", "late_hours", "lines"), rows))

    async def learned(self, day: int) -> bool:
        """Whether the close of this day has learned already."""
        return bool((await self._tx.connection.execute(_LEARNED, {"day": day})).scalar_one())

    async def arrivals(self, day: int) -> Mapping[str, tuple[int, Sequence[Arrival]]]:
        """By lane what the catalogue says, and what arrived or is overdue."""
        stated = {row.lane_id: row.lead_time_hours for row in await self._tx.connection.execute(_STATED)}
        found: dict[str, list[Arrival]] = {lane_id: [] for lane_id in stated}
        came = (await self._tx.connection.execute(_ARRIVALS, {"day": day})).all()
        overdue = (await self._tx.connection.execute(_OVERDUE, {"until": start_of(day + 1)})).all()
        for rows, is_open in ((came, False), (overdue, True)):
            for row in rows:
                if row.lane_id in found:
                    hours = max(stated[row.lane_id] + row.late_hours, 0)
                    one = Arrival(ordered_day=row.due_day, hours=hours, lines=row.lines, is_open=is_open)
                    found[row.lane_id].append(one)
        return {lane_id: (stated[lane_id], arrivals) for lane_id, arrivals in found.items()}

    async def keep(self, day: int, leads: Mapping[str, LeadTime]) -> None:
        """Keep what was learned in the place of what was known before."""
        names = ("lane_id", "hours", "weights", "stated_hours", "order_days", "late_days", "late_variance_days")
        rows = [
            (
                lane_id,
                _array(lead.hours),
                _array(lead.weights),
                lead.stated_hours,
                lead.order_days,
                lead.late_days,
                lead.late_variance_days,
            )
            for lane_id, lead in sorted(leads.items())
        ]
        await self._tx.connection.execute(_KEEP, {**columns(names, rows), "day": day})
        await self._tx.connection.execute(_DROP, {"day": day})

    async def latest(self) -> Mapping[str, LeadTime]:
        """What was learned last, by lane."""
        return {
            row.lane_id: LeadTime(
                hours=tuple(row.hours),
                weights=tuple(row.weights),
                stated_hours=row.stated_hours,
                order_days=row.order_days,
            )
            for row in await self._tx.connection.execute(_LATEST)
        }

    async def forget(self, lane_ids: Collection[str], before_day: int) -> None:
        """Forget arrivals that weigh nothing any more."""
        await self._tx.connection.execute(_FORGET, {"lane_ids": sorted(lane_ids), "before_day": before_day})


def _array(values: Sequence[float]) -> str:
    return "{" + ",".join(map(repr, values)) + "}"
