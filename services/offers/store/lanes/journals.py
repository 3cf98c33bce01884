"""What lanes gave without a network, in PostgreSQL: every entry once, with who paid for it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from libs.common.persistence import Transaction
from services.offers.domain.lanes.lease import Lease
from services.offers.domain.money import ledger
from services.offers.domain.vouchers.voucher import ReturnedSoFar, Voucher, VoucherState
from services.offers.ports.lanes.journals import ConflictLine, KnownEntry, NewEntry
from services.offers.ports.money import Cause
from services.offers.store.lanes.leases import LEASE_COLUMNS, lease_of
from services.offers.store.money.ledger import post

_COLUMNS = """
    entry.number, entry.redemption_id, entry.lease_id, leases.store_id, leases.terminal_id, entry.asked, entry.voucher_id,
    entry.campaign_id, entry.receipt_id, entry.currency, entry.redeemed_by, entry.status, entry.reason, entry.given_at,
    entry.reconciled_at, entry.given_cents, entry.leased_cents, entry.late_cents, entry.uncovered_cents, entry.spent_cents, entry.lost_cents,
    entry.taken_back_at
"""
_FROM = "FROM offline_redemptions AS entry JOIN leases USING (lease_id)"
_LOCK_LEASE = text(f"SELECT {LEASE_COLUMNS} FROM leases WHERE lease_id = :lease_id FOR UPDATE")  # noqa: S608  # columns of our own
_LEFT = text("SELECT left_cents FROM leased WHERE lease_id = :lease_id AND campaign_id = :campaign_id")
_ENTRY = text(f"SELECT {_COLUMNS} {_FROM} WHERE redemption_id = :redemption_id")  # columns of our own
_CONFLICTS = text(f"""
    SELECT {_COLUMNS} {_FROM}
    WHERE entry.number > :after AND entry.reason NOT IN ('redeemed', 'redeemed-late', 'taken-back')
      AND (CAST(:campaign_id AS text) IS NULL OR entry.campaign_id = :campaign_id)
    ORDER BY entry.number LIMIT :limit
""")  # columns of our own
_LOCK_RECEIPT = text(f"""
    SELECT {_COLUMNS} {_FROM}
    WHERE entry.receipt_id = :receipt_id AND entry.spent_cents + entry.lost_cents > 0
    ORDER BY entry.campaign_id, entry.redemption_id FOR UPDATE OF entry
""")  # columns of our own
_KEEP = text("""
    INSERT INTO offline_redemptions
        (redemption_id, lease_id, asked, voucher_id, campaign_id, receipt_id, currency, redeemed_by, status, reason, given_at,
         reconciled_at, given_cents, leased_cents, late_cents, uncovered_cents, spent_cents, lost_cents, taken_back_at)
    VALUES (:redemption_id, :lease_id, :asked, :voucher_id, :campaign_id, :receipt_id, :currency, :redeemed_by, :status,
            :reason, :given_at, :now, :given_cents, :leased_cents, :late_cents, :uncovered_cents, :beside_cents, :uncovered_cents,
            CASE WHEN :taken_back THEN CAST(:now AS timestamptz) END)
""")
_KEEP_LINE = text("""
    INSERT INTO offline_lines (redemption_id, line_no, item_id, quantity, discount_cents)
    VALUES (:redemption_id, :line_no, :item_id, :quantity, :discount_cents)
""")
_COUNT = text("UPDATE leases SET entries = entries + 1 WHERE lease_id = :lease_id")
_TAKE = text("""
    UPDATE leased SET left_cents = left_cents - :cents WHERE lease_id = :lease_id AND campaign_id = :campaign_id
""")
_OPEN_AGAIN = text("""
    UPDATE vouchers SET state = 'issued', reserved_cents = :cents WHERE voucher_id = :voucher_id AND state = 'expired'
""")
_LINES = text("""
    SELECT line_no, item_id, quantity, discount_cents, returned_quantity, returned_cents FROM offline_lines
    WHERE redemption_id = :redemption_id ORDER BY line_no
""")
_LINE_BACK = text("""
    UPDATE offline_lines
    SET returned_quantity = returned_quantity + :quantity, returned_cents = returned_cents + :spent + :lost
    WHERE redemption_id = :redemption_id AND line_no = :line_no
""")
_BACK = text("""
    UPDATE offline_redemptions SET spent_cents = spent_cents - :spent, lost_cents = lost_cents - :lost
    WHERE redemption_id = :redemption_id
""")
_TAKE_BACK = text("UPDATE offline_redemptions SET taken_back_at = :now WHERE redemption_id = :redemption_id")


class PostgresOffline:
    """Fits OfflineStore within one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def lock_lease(self, lease_id: str) -> Lease | None:
        """As the port promises."""
        row = (await self._tx.connection.execute(_LOCK_LEASE, {"lease_id": lease_id})).one_or_none()
        return lease_of(row) if row else None

    async def left_cents(self, lease_id: str, campaign_id: str) -> int:
        """As the port promises."""
        names = {"lease_id": lease_id, "campaign_id": campaign_id}
        return (await self._tx.connection.execute(_LEFT, names)).scalar_one_or_none() or 0

    async def entry(self, redemption_id: str) -> KnownEntry | None:
        """As the port promises."""
        row = (await self._tx.connection.execute(_ENTRY, {"redemption_id": redemption_id})).mappings().one_or_none()
        return _known(row) if row else None

    async def keep(self, new: NewEntry) -> KnownEntry:
        """As the port promises."""
        entry, settlement, lease_id = new.entry, new.settlement, new.lease.lease_id
        names = {
            "redemption_id": entry.redemption_id,
            "lease_id": lease_id,
            "asked": entry.digest(),
            "voucher_id": new.voucher_id,
            "campaign_id": new.campaign_id,
            "receipt_id": entry.receipt_id,
            "currency": entry.currency,
            "redeemed_by": new.redeemed_by,
            "status": new.status,
            "reason": settlement.reason,
            "given_at": entry.given_at,
            "now": new.now,
            "given_cents": entry.given_cents,
            "leased_cents": settlement.late_cents + settlement.leased_cents,
            "beside_cents": settlement.leased_cents,
            "late_cents": settlement.late_cents,
            "uncovered_cents": settlement.uncovered_cents,
            "taken_back": entry.taken_back,
        }
        await self._tx.connection.execute(_KEEP, names)
        await self._tx.connection.execute(_COUNT, {"lease_id": lease_id})
        await self._keep_lines(new)
        if new.campaign_id is not None:
            await self._pay(new, new.campaign_id)
        kept = await self._tx.connection.execute(_ENTRY, {"redemption_id": entry.redemption_id})
        return _known(kept.mappings().one())

    async def _pay(self, new: NewEntry, campaign_id: str) -> None:
        taken = {
            "lease_id": new.lease.lease_id,
            "campaign_id": campaign_id,
            "cents": new.settlement.leased_cents,
        }
        await self._tx.connection.execute(_TAKE, taken)
        paid = ledger.given_in_conflict(
            leased_cents=new.settlement.leased_cents, uncovered_cents=new.settlement.uncovered_cents
        )
        await post(self._tx, campaign_id, paid, Cause(new.entry.redemption_id, new.now), new.voucher_id)

    async def reserve_late(self, lease_id: str, voucher: Voucher, cents: int, cause: Cause) -> Voucher:
        """As the port promises."""
        names = {"voucher_id": voucher.voucher_id, "cents": cents}
        await self._tx.connection.execute(_OPEN_AGAIN, names)
        taken = {"lease_id": lease_id, "campaign_id": voucher.campaign_id, "cents": cents}
        await self._tx.connection.execute(_TAKE, taken)
        await post(self._tx, voucher.campaign_id, ledger.reserved_late(cents), cause, voucher.voucher_id)
        return replace(voucher, state=VoucherState.ISSUED, reserved_cents=cents)

    async def conflicts(self, *, after: int, limit: int, campaign_id: str | None) -> Sequence[KnownEntry]:
        """As the port promises."""
        names = {"after": after, "limit": limit, "campaign_id": campaign_id}
        return [_known(row) for row in (await self._tx.connection.execute(_CONFLICTS, names)).mappings()]

    async def lock_receipt(self, receipt_id: str) -> Sequence[KnownEntry]:
        """As the port promises."""
        rows = await self._tx.connection.execute(_LOCK_RECEIPT, {"receipt_id": receipt_id})
        return [_known(row) for row in rows.mappings()]

    async def lines(self, redemption_id: str) -> Sequence[ConflictLine]:
        """As the port promises."""
        rows = await self._tx.connection.execute(_LINES, {"redemption_id": redemption_id})
        return [
            ConflictLine(
                line_no=row.line_no,
                item_id=row.item_id,
                so_far=ReturnedSoFar(
                    quantity=row.quantity,
                    discount_cents=row.discount_cents,
                    returned_quantity=row.returned_quantity,
                    returned_cents=row.returned_cents,
                ),
            )
            for row in rows
        ]

    async def give_back(
        self, entry: KnownEntry, line: ConflictLine, quantity: Decimal, cents: tuple[int, int], cause: Cause
    ) -> None:
        """As the port promises."""
        spent_cents, lost_cents = cents
        names = {"redemption_id": entry.redemption_id, "spent": spent_cents, "lost": lost_cents}
        await self._tx.connection.execute(_LINE_BACK, names | {"line_no": line.line_no, "quantity": quantity})
        await self._tx.connection.execute(_BACK, names)
        if entry.campaign_id is not None:
            back = ledger.conflict_returned(spent_cents=spent_cents, lost_cents=lost_cents)
            await post(self._tx, entry.campaign_id, back, cause, entry.voucher_id)

    async def take_back(self, redemption_id: str, now: datetime) -> None:
        """As the port promises."""
        await self._tx.connection.execute(_TAKE_BACK, {"redemption_id": redemption_id, "now": now})

    async def _keep_lines(self, new: NewEntry) -> None:
        lines = [
            {
                "redemption_id": new.entry.redemption_id,
                "line_no": line.line_no,
                "item_id": line.item_id,
                "quantity": line.quantity,
                "discount_cents": line.discount_cents,
            }
            for line in new.lines
        ]
        if lines:
            await self._tx.connection.execute(_KEEP_LINE, lines)


def _known(row: Any) -> KnownEntry:
    return KnownEntry(**{**row, "asked": bytes(row["asked"])})
