"""Forgetting a customer on PostgreSQL: copies go, decisions and vouchers stay and are nobody's, so that every sum stays right."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import TextClause, text

from libs.common.persistence import OutboxMessage, Transaction, append, dead_letters
from services.offers.domain.checkout.proposal import unpack
from services.offers.ports.privacy import FinishedErasure, NewErasure, StoredDecision, StoredVoucher

_SUPPRESSED = text(
    "SELECT customer_id, erased_at FROM suppressions WHERE customer_id = ANY(CAST(:customer_ids AS text[]))"
)
_SUPPRESS = text("""
    INSERT INTO suppressions (customer_id, erased_at) SELECT unnest(CAST(:customer_ids AS text[])), :erased_at
    ON CONFLICT (customer_id) DO UPDATE SET erased_at = greatest(suppressions.erased_at, excluded.erased_at)
""")
_NOTE = text("""
    INSERT INTO erasures (erasure_id, customer_ids, noted_at, removed)
    VALUES (:erasure_id, :customer_ids, :noted_at, '{}') ON CONFLICT DO NOTHING
""")
_REMOVED = text("UPDATE erasures SET removed = CAST(:removed AS jsonb) WHERE erasure_id = :erasure_id")
_WAITING = text("""
    SELECT erasure_id, customer_ids, removed FROM erasures WHERE NOT answered AND noted_at <= :noted_before
    ORDER BY noted_at LIMIT 1 FOR UPDATE SKIP LOCKED
""")
_ANSWERED = text("UPDATE erasures SET answered = true, customer_ids = '{}' WHERE erasure_id = :erasure_id")
_OURS = "customer_id = ANY(CAST(:customer_ids AS text[]))"
_ERASE: Mapping[str, TextClause] = {
    "views": text(f"DELETE FROM customers WHERE {_OURS}"),  # noqa: S608  # our own words
    "identities": text(f"DELETE FROM identities WHERE {_OURS} OR now_{_OURS}"),  # noqa: S608  # our own words
    "decisions": text(f"UPDATE decisions SET customer_id = NULL, asked = NULL WHERE {_OURS}"),  # noqa: S608  # our own words
    "vouchers": text(f"UPDATE vouchers SET customer_id = NULL WHERE {_OURS}"),  # noqa: S608  # our own words
}
_FORGET_LIMITS = (
    text(f"SELECT FROM vouchers WHERE {_OURS} ORDER BY voucher_id FOR UPDATE"),  # whoever ends one moves limits
    text("DELETE FROM limit_uses WHERE per = 'customer' AND entity = ANY(CAST(:customer_ids AS text[]))"),
    # What a household has used stays used; nobody can say any more by whom.
    text(f"""
        DELETE FROM voucher_limits WHERE per IN ('customer', 'household')
          AND voucher_id IN (SELECT voucher_id FROM vouchers WHERE {_OURS})
    """),  # noqa: S608  # our own words
    text("DELETE FROM voucher_limits WHERE per = 'customer' AND entity = ANY(CAST(:customer_ids AS text[]))"),
)
_DECISIONS = text("""
    SELECT proposal, receipt_id, store_id, decided_at FROM decisions WHERE customer_id = :customer_id
    ORDER BY decided_at DESC, checkout_id LIMIT :row_limit
""")
_VOUCHERS = text("""
    SELECT voucher_id, checkout_id, campaign_id, receipt_id, store_id, category, item_ids, state,
           greatest_value_cents, given_cents, currency, valid_from, expires_at,
           ARRAY(SELECT redemptions.receipt_id FROM redemptions
                 WHERE redemptions.voucher_id = vouchers.voucher_id AND status = 'redeemed'
                 ORDER BY answered_at) AS redeemed_on
    FROM vouchers WHERE customer_id = :customer_id ORDER BY valid_from DESC, voucher_id LIMIT :row_limit
""")


class PostgresPrivacy:
    """Fits PrivacyStore."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._connection = tx.connection

    async def suppressed(self, customer_ids: Collection[str]) -> Mapping[str, datetime]:
        """As the port promises."""
        if not customer_ids:
            return {}
        rows = await self._connection.execute(_SUPPRESSED, {"customer_ids": list(customer_ids)})
        return {row.customer_id: row.erased_at for row in rows}

    async def erase(self, erasure: NewErasure) -> None:
        """As the port promises."""
        ids = list(erasure.customer_ids)
        noted = {"erasure_id": erasure.erasure_id, "customer_ids": ids, "noted_at": erasure.noted_at}
        if not (await self._connection.execute(_NOTE, noted)).rowcount:
            return
        await self._connection.execute(_SUPPRESS, {"customer_ids": ids, "erased_at": erasure.erased_at})
        removed = await self._erase(ids)
        removed["dead_letters"] = await dead_letters.forget_keys(self._tx, [*ids, *erasure.identifiers])
        await self._connection.execute(_REMOVED, {"erasure_id": erasure.erasure_id, "removed": json.dumps(removed)})

    async def finish(self, noted_before: datetime) -> FinishedErasure | None:
        """As the port promises."""
        found = (await self._connection.execute(_WAITING, {"noted_before": noted_before})).one_or_none()
        if found is None:
            return None
        late = await self._strip(found.customer_ids)
        await self._connection.execute(_ANSWERED, {"erasure_id": found.erasure_id})
        removed = {kind: count + late.get(kind, 0) for kind, count in found.removed.items()}
        return FinishedErasure(erasure_id=found.erasure_id, removed=removed)

    async def tell(self, message: OutboxMessage) -> None:
        """As the port promises."""
        await append(self._tx, [message])

    async def decisions(self, customer_id: str, limit: int) -> Sequence[StoredDecision]:
        """As the port promises."""
        rows = await self._connection.execute(_DECISIONS, {"customer_id": customer_id, "row_limit": limit})
        return [
            StoredDecision(
                proposal=unpack(row.proposal),
                receipt_id=row.receipt_id,
                store_id=row.store_id,
                decided_at=row.decided_at,
            )
            for row in rows
        ]

    async def vouchers(self, customer_id: str, limit: int) -> Sequence[StoredVoucher]:
        """As the port promises."""
        rows = await self._connection.execute(_VOUCHERS, {"customer_id": customer_id, "row_limit": limit})
        return [StoredVoucher(**row._mapping) for row in rows]  # noqa: SLF001  # a Row's public mapping

    async def _erase(self, customer_ids: Sequence[str], kinds: Collection[str] = tuple(_ERASE)) -> dict[str, int]:
        names = {"customer_ids": list(customer_ids)}
        for statement in _FORGET_LIMITS:
            await self._connection.execute(statement, names)
        return {kind: (await self._connection.execute(_ERASE[kind], names)).rowcount for kind in kinds}

    async def _strip(self, customer_ids: Sequence[str]) -> dict[str, int]:
        """What a checkout that had read the old view may have written since."""
        return await self._erase(customer_ids, ("decisions", "vouchers"))
