"""What is redeemed on a receipt, and sets of redemptions, in PostgreSQL."""

from collections.abc import Sequence

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.offers.domain.vouchers.voucher import GivenLine
from services.offers.ports.redemption.stacking import OnReceipt, PresentedVoucher, StoredSet
from services.offers.store.vouchers.receipt_lock import enter_receipts
from services.offers.store.vouchers.rows import VOUCHER_COLUMNS, voucher_of

_PRESENTED = text(f"""
    SELECT {VOUCHER_COLUMNS}, vouchers.code_lookup, vouchers.number_lookup FROM vouchers WHERE voucher_id IN (
        SELECT voucher_id FROM vouchers WHERE code_lookup = ANY(:code_lookups)
        UNION ALL
        SELECT numbered.voucher_id FROM unnest(CAST(:number_lookups AS bytea[])) AS shown (number_lookup) CROSS JOIN LATERAL (
            SELECT voucher_id FROM vouchers WHERE vouchers.number_lookup = shown.number_lookup
            ORDER BY state = 'issued' DESC, valid_from DESC, voucher_id LIMIT 2) AS numbered)
    ORDER BY voucher_id FOR UPDATE
""")  # noqa: S608  # columns of our own
_ON_RECEIPT = text("""
    SELECT redemption_id, voucher_id, campaign_id, redemptions.given_cents,
           line.line_no, line.item_id, line.quantity, line.discount_cents
    FROM redemptions JOIN vouchers USING (voucher_id) LEFT JOIN redemption_lines AS line USING (redemption_id)
    WHERE redemptions.receipt_id = :receipt_id AND status = 'redeemed' AND rolled_back_at IS NULL
    ORDER BY voucher_id, line.line_no
""")
_ANSWERED = text("""
    SELECT set_id, receipt_id, store_id, status, asked, answer, answered_at FROM redemption_sets WHERE set_id = :set_id
""")
_KEEP = text("""
    INSERT INTO redemption_sets (set_id, receipt_id, store_id, status, asked, answer, answered_at)
    VALUES (:set_id, :receipt_id, :store_id, :status, :asked, :answer, :answered_at) ON CONFLICT (set_id) DO NOTHING
""")


class PostgresStacking:
    """Fits StackStore within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def enter(self, *receipt_ids: str) -> None:
        """Wait until nobody else works on these receipts, and keep everybody else out until the end; all that a transaction needs at once."""
        await enter_receipts(self._tx, receipt_ids)

    async def lock_presented(
        self, code_lookups: Sequence[bytes], number_lookups: Sequence[bytes]
    ) -> Sequence[PresentedVoucher]:
        """The vouchers behind these, by id, locked in that order until the end; of a number two at most, open ones first."""
        names = {"code_lookups": list(code_lookups), "number_lookups": list(number_lookups)}
        return [
            PresentedVoucher(
                voucher=voucher_of(row),
                code_lookup=bytes(row.code_lookup),
                number_lookup=bytes(row.number_lookup) if row.number_lookup is not None else None,
            )
            for row in await self._tx.connection.execute(_PRESENTED, names)
        ]

    async def on_receipt(self, receipt_id: str) -> Sequence[OnReceipt]:
        """What is redeemed on a receipt, which must be entered, by voucher."""
        found: dict[str, OnReceipt] = {}
        for row in await self._tx.connection.execute(_ON_RECEIPT, {"receipt_id": receipt_id}):
            known = found.get(row.voucher_id)
            line = GivenLine(
                line_no=row.line_no, item_id=row.item_id, quantity=row.quantity, discount_cents=row.discount_cents
            )
            found[row.voucher_id] = OnReceipt(
                redemption_id=row.redemption_id,
                voucher_id=row.voucher_id,
                campaign_id=row.campaign_id,
                given_cents=row.given_cents,
                lines=(*(known.lines if known else ()), *([line] if row.line_no is not None else [])),
            )
        return list(found.values())

    async def answered(self, set_id: str) -> StoredSet | None:
        """What was answered to this attempt."""
        row = (await self._tx.connection.execute(_ANSWERED, {"set_id": set_id})).mappings().one_or_none()
        return StoredSet(**{**row, "asked": bytes(row["asked"]), "answer": bytes(row["answer"])}) if row else None

    async def keep(self, answered: StoredSet) -> bool:
        """Keep an attempt; False when its id is taken."""
        names = {
            "set_id": answered.set_id,
            "receipt_id": answered.receipt_id,
            "store_id": answered.store_id,
            "status": answered.status,
            "asked": answered.asked,
            "answer": answered.answer,
            "answered_at": answered.answered_at,
        }
        return (await self._tx.connection.execute(_KEEP, names)).rowcount == 1
