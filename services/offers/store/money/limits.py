"""The parts of the issue statement that keep limits, and what stands on their counters."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.offers.domain.money.limits import Counter, Per, Period, Use
from services.offers.ports.checkout import IssueRequest

BY_LIMITS = """
    SELECT wanted.* FROM wanted JOIN (
        SELECT granted_within_limits(
                   array_agg(voucher_id), array_agg(campaign_id), array_agg(greatest_value_cents), array_agg(remaining_cents),
                   $37::text[], $38::text[], $39::text[], $40::text[], $41::date[], $42::bigint[], $43::bigint[]) AS voucher_id
        FROM wanted JOIN budget USING (campaign_id, currency)
    ) AS allowed USING (voucher_id)
"""
"""The wanted vouchers that budgets, which must be locked, and limits allow."""
COUNTED = """,
claimed AS (
    SELECT issued.campaign_id, issued.greatest_value_cents, claim.*
    FROM unnest($37::text[], $38::text[], $39::text[], $40::text[], $41::date[], $42::bigint[], $43::bigint[])
         AS claim (voucher_id, per, entity, period, starts_on, most_count, most_cents)
    JOIN issued USING (voucher_id)
),
marked AS (
    INSERT INTO voucher_limits (voucher_id, campaign_id, per, entity, period, starts_on, most_cents)
    SELECT voucher_id, campaign_id, per, entity, period, starts_on, most_cents FROM claimed
),
counted AS (
    INSERT INTO limit_uses (per, entity, period, starts_on, campaign_id, count, cents)
    SELECT per, entity, period, starts_on, campaign_id, count(*), sum(greatest_value_cents) FROM claimed
    GROUP BY per, entity, period, starts_on, campaign_id
    ON CONFLICT (per, entity, period, starts_on, campaign_id) DO UPDATE
    SET count = limit_uses.count + excluded.count, cents = limit_uses.cents + excluded.cents
)"""
"""What was issued stands on its counters."""


_ROOM = text("""
    SELECT min(mark.most_cents - coalesce(used.cents, 0)) FROM voucher_limits AS mark
    CROSS JOIN LATERAL (
        SELECT sum(cents) AS cents FROM limit_uses
        WHERE limit_uses.per = mark.per AND limit_uses.period = mark.period AND limit_uses.starts_on = mark.starts_on
          AND limit_uses.campaign_id = mark.campaign_id
          AND (limit_uses.entity = mark.entity OR (mark.per = 'customer' AND limit_uses.entity IN (
                   SELECT customer_id FROM same_persons(ARRAY[mark.entity]))))
    ) AS used
    WHERE mark.voucher_id = :voucher_id AND mark.most_cents IS NOT NULL
""")

# Two days, because stores are not all in one time zone.
_MOST_USED = text("""
    SELECT entity, starts_on, count AS vouchers, cents FROM limit_uses
    WHERE campaign_id = :campaign_id AND per = :per AND per NOT IN ('customer', 'household') AND period = :period
      AND (CAST(:entity AS text) IS NULL OR entity = :entity)
      AND starts_on >= (SELECT max(starts_on) - 1 FROM limit_uses
                        WHERE campaign_id = :campaign_id AND per = :per AND per NOT IN ('customer', 'household')
                          AND period = :period)
    ORDER BY starts_on DESC, count DESC, cents DESC, entity LIMIT :most
""")


async def most_used(
    tx: Transaction, campaign_id: str, per: Per, period: Period, entity: str | None, most: int
) -> Sequence[tuple[Counter, Use]]:
    """Of one kind of counter those of the newest period that are used most, or that of one entity."""
    names = {"campaign_id": campaign_id, "per": per, "period": period, "entity": entity, "most": most}
    return [
        (Counter(per, row.entity, period, row.starts_on), Use(row.vouchers, row.cents))
        for row in await tx.connection.execute(_MOST_USED, names)
    ]


async def room_of(tx: Transaction, voucher_id: str) -> int | None:
    """How much more the limits in money that held at its issue leave to a voucher; None: it has none."""
    room = (await tx.connection.execute(_ROOM, {"voucher_id": voucher_id})).scalar_one()
    return None if room is None else int(room)


def claim_columns(requests: Iterable[IssueRequest]) -> list[list[Any]]:
    """The claims of all drafts, a list per column; empty where there are none."""
    rows = [
        (
            draft.voucher_id,
            claim.counter.per,
            claim.counter.entity,
            claim.counter.period,
            claim.counter.starts_on,
            claim.most_count,
            claim.most_cents,
        )
        for request in requests
        for draft in request.drafts
        for claim in draft.claims
    ]
    return [list(column) for column in zip(*rows, strict=True)]
