"""Leased vouchers in PostgreSQL: reserved by `domain/money/ledger.py: issued` when they are leased, free again when they are not needed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.campaigns.terms import Terms, to_stored
from services.offers.domain.leases import LEASE_TIER, NOWHERE, Lease
from services.offers.domain.money import ledger
from services.offers.ports.leases import NewLease
from services.offers.store.leases.bindings import PostgresBindings
from services.offers.store.money.ledger import freed
from services.offers.store.vouchers.rows import promise_of

(_RESERVING,) = ledger.issued(1)
_LEASE = text(f"""
    WITH budget AS (
        SELECT campaign_id, transfers, cap_cents - reserved_cents - spent_cents - leased_cents AS remaining_cents FROM budgets
        WHERE campaign_id = :campaign_id AND currency = :currency FOR NO KEY UPDATE
    ),
    made AS (
        INSERT INTO vouchers (voucher_id, checkout_id, slot, code_lookup, number_lookup, campaign_id, receipt_id, store_id,
                              category, item_ids, kind, percent, amount_cents, greatest_value_cents, reserved_cents, currency,
                              propensity_ratio, tier, state, valid_from, expires_at, leased_by, leased_until, terms)
        SELECT voucher_id, '{NOWHERE}:' || voucher_id, 1, code_lookup, number_lookup, budget.campaign_id,
               '{NOWHERE}:' || voucher_id, '{NOWHERE}', category, string_to_array(item_ids, E'\\x1f'), :kind, :percent,
               :amount_cents, :value_cents, :value_cents, :currency, 0, {LEASE_TIER}, 'leased', :now, expires_at, :pod_id,
               leased_until, CAST(:terms AS jsonb)
        FROM budget, unnest(CAST(:voucher_ids AS text[]), CAST(:code_lookups AS bytea[]), CAST(:number_lookups AS bytea[]),
                            CAST(:categories AS text[]), CAST(:item_ids AS text[]), CAST(:expires_at AS timestamptz[]),
                            CAST(:leased_until AS timestamptz[]))
             WITH ORDINALITY AS draft (voucher_id, code_lookup, number_lookup, category, item_ids, expires_at, leased_until, place)
        WHERE place * :value_cents <= remaining_cents
        ON CONFLICT DO NOTHING
        RETURNING voucher_id
    ),
    reserved AS (
        UPDATE budgets SET reserved_cents = reserved_cents + taken.count * :value_cents, transfers = transfers + taken.count
        FROM (SELECT count(*) AS count FROM made) AS taken WHERE campaign_id = :campaign_id AND taken.count > 0
    ),
    posted AS (
        INSERT INTO journal (campaign_id, number, move, from_account, to_account, amount_cents, voucher_id, cause_id, occurred_at)
        SELECT campaign_id, transfers + row_number() OVER (ORDER BY voucher_id), '{_RESERVING.move}', '{_RESERVING.from_account}',
               '{_RESERVING.to_account}', :value_cents, voucher_id, 'leased to ' || :pod_id, :now
        FROM made, budget
    )
    SELECT voucher_id FROM made
""")  # noqa: S608  # names of our own
_LEASED = text("""
    SELECT voucher_id, campaign_id, category, kind, percent, amount_cents, greatest_value_cents, currency, leased_until,
           expires_at, CAST(terms AS text) AS terms
    FROM vouchers WHERE leased_by = :pod_id AND state = 'leased' ORDER BY voucher_id
""")
_EXTEND = text("""
    WITH mine AS (
        SELECT voucher_id FROM vouchers
        WHERE voucher_id = ANY(CAST(:voucher_ids AS text[])) AND leased_by = :pod_id AND state = 'leased'
        ORDER BY voucher_id FOR UPDATE
    )
    UPDATE vouchers SET leased_until = longer.leased_until, expires_at = longer.expires_at
    FROM mine JOIN unnest(CAST(:voucher_ids AS text[]), CAST(:leased_until AS timestamptz[]), CAST(:expires_at AS timestamptz[]))
         AS longer (voucher_id, leased_until, expires_at) USING (voucher_id)
    WHERE vouchers.voucher_id = mine.voucher_id
""")
_GIVE_BACK = text(f"""
    WITH unused AS (
        SELECT voucher_id, reserved_cents AS released_cents FROM vouchers
        WHERE voucher_id = ANY(CAST(:voucher_ids AS text[])) AND leased_by = :pod_id AND state = 'leased'
        ORDER BY voucher_id FOR UPDATE
    ),
    ended AS (
        UPDATE vouchers SET state = 'void', reserved_cents = 0, leased_by = NULL
        FROM unused WHERE vouchers.voucher_id = unused.voucher_id
        RETURNING vouchers.voucher_id, vouchers.campaign_id, unused.released_cents
    ),
    {freed(ledger.voided, cause=":pod_id")}
    SELECT count(*) FROM ended
""")  # noqa: S608  # a part of our own
_EXPIRE = text(f"""
    WITH over AS (
        SELECT voucher_id, reserved_cents AS released_cents FROM vouchers
        WHERE state = 'leased' AND expires_at <= :now AND (held_until IS NULL OR held_until <= :now)
        ORDER BY expires_at, voucher_id LIMIT :most FOR UPDATE
    ),
    ended AS (
        UPDATE vouchers SET state = 'expired', reserved_cents = 0, hold_id = NULL, held_for = NULL, held_until = NULL
        FROM over WHERE vouchers.voucher_id = over.voucher_id
        RETURNING vouchers.voucher_id, vouchers.campaign_id, over.released_cents
    ),
    {freed(ledger.expired, cause="voucher_id")}
    SELECT count(*) FROM ended
""")  # noqa: S608  # a part of our own


class PostgresLeases(PostgresBindings):
    """Fits LeaseStore within one transaction."""

    async def lease(self, pod_id: str, campaign: Campaign, wanted: Sequence[NewLease], now: datetime) -> Sequence[str]:
        """As the port promises."""
        leases = [each.lease for each in wanted]
        terms = leases[0].terms
        names = {
            "pod_id": pod_id,
            "campaign_id": campaign.campaign_id,
            "currency": campaign.currency,
            "kind": terms.kind,
            "percent": terms.percent,
            "amount_cents": terms.amount_cents,
            "terms": to_stored(terms.promise),
            "value_cents": terms.greatest_value_cents,
            "now": now,
            "voucher_ids": [lease.voucher_id for lease in leases],
            "code_lookups": [each.code_lookup for each in wanted],
            "number_lookups": [each.number_lookup for each in wanted],
            "categories": [lease.category for lease in leases],
            "item_ids": ["\x1f".join(each.item_ids) for each in wanted],
            "expires_at": [lease.expires_at for lease in leases],
            "leased_until": [lease.leased_until for lease in leases],
        }
        return list((await self._tx.connection.execute(_LEASE, names)).scalars())

    async def leased(self, pod_id: str) -> Sequence[Lease]:
        """As the port promises."""
        return [_lease(row) for row in await self._tx.connection.execute(_LEASED, {"pod_id": pod_id})]

    async def extend(self, pod_id: str, leases: Sequence[Lease]) -> None:
        """As the port promises."""
        names = {
            "pod_id": pod_id,
            "voucher_ids": [lease.voucher_id for lease in leases],
            "leased_until": [lease.leased_until for lease in leases],
            "expires_at": [lease.expires_at for lease in leases],
        }
        await self._tx.connection.execute(_EXTEND, names)

    async def give_back(self, pod_id: str, voucher_ids: Sequence[str], now: datetime) -> int:
        """As the port promises."""
        names = {"pod_id": pod_id, "voucher_ids": list(voucher_ids), "now": now}
        return int((await self._tx.connection.execute(_GIVE_BACK, names)).scalar_one())

    async def expire(self, now: datetime, limit: int) -> int:
        """As the port promises."""
        return int((await self._tx.connection.execute(_EXPIRE, {"now": now, "most": limit})).scalar_one())


def _lease(row: Any) -> Lease:
    return Lease(
        voucher_id=row.voucher_id,
        campaign_id=row.campaign_id,
        category=row.category,
        terms=Terms(promise=promise_of(row), greatest_value_cents=row.greatest_value_cents),
        currency=row.currency,
        leased_until=row.leased_until,
        expires_at=row.expires_at,
    )
