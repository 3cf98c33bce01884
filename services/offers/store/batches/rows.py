"""Batches in PostgreSQL: a chunk of vouchers is one INSERT of its look-ups, and all that they share comes from the batch's row."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.offers.domain.batches import Batch, BatchState, NewCode, Progress, Source
from services.offers.domain.campaigns.terms import Terms, to_stored
from services.offers.domain.codes.numbers import Numbered
from services.offers.domain.money import ledger
from services.offers.ports.batches import KnownBatch
from services.offers.ports.money import Cause
from services.offers.store.batches.lines import BatchLines
from services.offers.store.money.ledger import lock_budget, post
from services.offers.store.vouchers.rows import promise_of

_COLUMNS = """
    batch_id, source, state, reason, wanted, reached, made, quarantined, campaign_id, store_id, category, kind, percent,
    amount_cents, CAST(terms AS text) AS terms, greatest_value_cents, currency, number_kind, number_prefix, valid_from,
    expires_at, asked, asked_by, asked_at, finished_at
"""
_PUT = text("""
    INSERT INTO batches (batch_id, source, state, wanted, campaign_id, store_id, category, kind, percent, amount_cents, terms,
                         greatest_value_cents, currency, number_kind, number_prefix, valid_from, expires_at, asked, asked_by,
                         asked_at)
    VALUES (:batch_id, :source, :state, :wanted, :campaign_id, :store_id, :category, :kind, :percent, :amount_cents,
            CAST(:terms AS jsonb), :greatest_value_cents, :currency, :number_kind, :number_prefix, :valid_from, :expires_at,
            :asked, :asked_by, :asked_at)
    ON CONFLICT (batch_id) DO NOTHING
""")
_ONE = text(f"SELECT {_COLUMNS} FROM batches WHERE batch_id = :batch_id")  # noqa: S608  # columns of our own
_NEWEST = text(f"SELECT {_COLUMNS} FROM batches ORDER BY asked_at DESC, batch_id LIMIT :limit")  # noqa: S608  # columns of our own
_LOCK = text(f"SELECT {_COLUMNS} FROM batches WHERE batch_id = :batch_id FOR UPDATE")  # noqa: S608  # columns of our own
_LOCK_RUNNING = text(f"""
    SELECT {_COLUMNS} FROM batches WHERE state = 'running' AND NOT EXISTS (
        SELECT FROM brakes WHERE released_at IS NULL AND entity_id = CASE scope WHEN 'campaign' THEN batches.campaign_id
                                                                  WHEN 'store' THEN batches.store_id ELSE '' END)
    ORDER BY asked_at, batch_id LIMIT 1 FOR UPDATE SKIP LOCKED
""")  # noqa: S608  # columns of our own
_IS_REVOKED = text("""
    SELECT EXISTS (
        SELECT FROM revocations WHERE (campaign_id IS NULL OR campaign_id = :campaign_id)
          AND (store_id IS NULL OR store_id = :store_id) AND (batch_id IS NULL OR batch_id = :batch_id)
          AND :valid_from BETWEEN issued_from AND issued_until)
""")
_PROGRESS = text("""
    UPDATE batches SET state = :state, reason = :reason, wanted = :wanted, reached = :reached, made = :made,
                       quarantined = :quarantined, finished_at = :finished_at
    WHERE batch_id = :batch_id
""")
_REMAINING = text("""
    SELECT cap_cents + over_issue_cents - reserved_cents - spent_cents - leased_cents FROM budgets
    WHERE campaign_id = :campaign_id
""")
_MAKE = text("""
    WITH asked AS (
        SELECT * FROM unnest(CAST(:voucher_ids AS text[]), CAST(:code_lookups AS bytea[]), CAST(:number_lookups AS bytea[]))
             WITH ORDINALITY AS code (voucher_id, code_lookup, number_lookup, place)
    ),
    issued AS (
        INSERT INTO vouchers (voucher_id, checkout_id, slot, code_lookup, number_lookup, campaign_id, receipt_id, store_id,
                              category, item_ids, kind, percent, amount_cents, terms, greatest_value_cents, reserved_cents,
                              currency, propensity_ratio, tier, valid_from, expires_at, batch_id)
        SELECT voucher_id, :chunk_id, place, code_lookup, number_lookup, campaign_id, voucher_id, store_id, category, '{}',
               kind, percent, amount_cents, terms, greatest_value_cents, greatest_value_cents, currency, 0, 3, valid_from,
               expires_at, batch_id
        FROM asked, batches WHERE batch_id = :batch_id
        ON CONFLICT DO NOTHING
        RETURNING slot
    )
    SELECT place - 1 AS place FROM asked WHERE place NOT IN (SELECT slot FROM issued) ORDER BY place
""")
_EXISTING = text("SELECT voucher_id FROM vouchers WHERE voucher_id = ANY(:voucher_ids) AND batch_id = :batch_id")


class PostgresBatches(BatchLines):
    """Fits BatchStore within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        super().__init__(tx)
        self._tx = tx

    async def put(self, known: KnownBatch) -> bool:
        """As the port promises."""
        batch, terms = known.batch, known.batch.terms
        names = {
            "batch_id": batch.batch_id,
            "source": batch.source,
            "state": known.progress.state,
            "wanted": known.progress.wanted,
            "campaign_id": batch.campaign_id,
            "store_id": batch.store_id,
            "category": batch.category,
            "kind": terms.kind,
            "percent": terms.percent,
            "amount_cents": terms.amount_cents,
            "terms": to_stored(terms.promise),
            "greatest_value_cents": terms.greatest_value_cents,
            "currency": batch.currency,
            "number_kind": batch.numbered.kind if batch.numbered else None,
            "number_prefix": batch.numbered.prefix if batch.numbered else None,
            "valid_from": batch.valid_from,
            "expires_at": batch.expires_at,
            "asked": known.asked,
            "asked_by": known.asked_by,
            "asked_at": known.asked_at,
        }
        return (await self._tx.connection.execute(_PUT, names)).rowcount == 1

    async def one(self, batch_id: str) -> KnownBatch | None:
        """As the port promises."""
        row = (await self._tx.connection.execute(_ONE, {"batch_id": batch_id})).one_or_none()
        return _known(row) if row else None

    async def newest(self, limit: int) -> Sequence[KnownBatch]:
        """As the port promises."""
        return [_known(row) for row in await self._tx.connection.execute(_NEWEST, {"limit": limit})]

    async def lock(self, batch_id: str) -> KnownBatch | None:
        """As the port promises."""
        row = (await self._tx.connection.execute(_LOCK, {"batch_id": batch_id})).one_or_none()
        return _known(row) if row else None

    async def lock_running(self) -> KnownBatch | None:
        """As the port promises."""
        row = (await self._tx.connection.execute(_LOCK_RUNNING)).one_or_none()
        return _known(row) if row else None

    async def is_revoked(self, batch: Batch) -> bool:
        """As the port promises."""
        names = {
            "campaign_id": batch.campaign_id,
            "store_id": batch.store_id,
            "batch_id": batch.batch_id,
            "valid_from": batch.valid_from,
        }
        return bool((await self._tx.connection.execute(_IS_REVOKED, names)).scalar_one())

    async def keep_progress(self, batch_id: str, progress: Progress, finished_at: datetime | None) -> None:
        """As the port promises."""
        names = {
            "batch_id": batch_id,
            "state": progress.state,
            "reason": progress.reason,
            "wanted": progress.wanted,
            "reached": progress.reached,
            "made": progress.made,
            "quarantined": progress.quarantined,
            "finished_at": finished_at,
        }
        await self._tx.connection.execute(_PROGRESS, names)

    async def affordable(self, batch: Batch) -> int:
        """As the port promises."""
        found = await self._tx.connection.execute(_REMAINING, {"campaign_id": batch.campaign_id})
        return max(0, int(found.scalar_one()) // batch.terms.greatest_value_cents)

    async def make(self, batch: Batch, codes: Sequence[NewCode]) -> Sequence[int]:
        """As the port promises."""
        names = {
            "batch_id": batch.batch_id,
            "chunk_id": codes[
                0
            ].voucher_id,  # of no checkout: a chunk has an id of its own, and a slot for each voucher
            "voucher_ids": [code.voucher_id for code in codes],
            "code_lookups": [code.code_lookup for code in codes],
            "number_lookups": [code.number_lookup for code in codes],
        }
        return list((await self._tx.connection.execute(_MAKE, names)).scalars())

    async def reserve(self, batch: Batch, count: int, at: datetime) -> bool:
        """As the port promises."""
        cents = count * batch.terms.greatest_value_cents
        if cents and (await lock_budget(self._tx, batch.campaign_id)).reserve(cents) is None:
            return False
        await post(self._tx, batch.campaign_id, ledger.issued(cents), Cause(batch.batch_id, at))
        return True

    async def existing(self, batch_id: str, voucher_ids: Sequence[str]) -> Sequence[str]:
        """As the port promises."""
        names = {"batch_id": batch_id, "voucher_ids": list(voucher_ids)}
        found = set((await self._tx.connection.execute(_EXISTING, names)).scalars())
        return [voucher_id for voucher_id in voucher_ids if voucher_id in found]


def _known(row: Any) -> KnownBatch:
    return KnownBatch(
        batch=Batch(
            batch_id=row.batch_id,
            source=Source(row.source),
            campaign_id=row.campaign_id,
            store_id=row.store_id,
            category=row.category,
            terms=Terms(promise=promise_of(row), greatest_value_cents=row.greatest_value_cents),
            currency=row.currency,
            numbered=Numbered(kind=row.number_kind, prefix=row.number_prefix) if row.number_kind else None,
            valid_from=row.valid_from,
            expires_at=row.expires_at,
        ),
        progress=Progress(
            state=BatchState(row.state),
            reason=row.reason,
            wanted=row.wanted,
            reached=row.reached,
            made=row.made,
            quarantined=row.quarantined,
        ),
        asked=bytes(row.asked),
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        finished_at=row.finished_at,
    )
