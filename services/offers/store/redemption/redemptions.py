"""Vouchers, redemptions and budgets, row by locked row. Locks: vouchers first, then budgets by id."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import text

from libs.common.persistence import OutboxMessage, append
from services.offers.domain.campaigns.stacking_rules import BelowMinimum
from services.offers.domain.money import ledger
from services.offers.domain.money.budget import Budget
from services.offers.domain.vouchers.voucher import ReturnedSoFar, Voucher, VoucherState
from services.offers.ports.money import Cause
from services.offers.ports.redemption.redemptions import NewRedemption, ReturnedLine, StoredRedemption
from services.offers.store.money.ledger import lock_budget, post
from services.offers.store.money.limits import room_of
from services.offers.store.returns import ReturnRows
from services.offers.store.vouchers.receipt_lock import RECEIPT_LOCK
from services.offers.store.vouchers.rows import REDEMPTION_COLUMNS, VOUCHER_COLUMNS, redemption_of, voucher_of

_BY_CODE = text(f"SELECT {VOUCHER_COLUMNS} FROM vouchers WHERE code_lookup = :code_lookup FOR UPDATE")  # noqa: S608  # columns of our own
_BY_NUMBER = text(f"""
    SELECT {VOUCHER_COLUMNS} FROM vouchers WHERE number_lookup = :number_lookup
    ORDER BY state IN ('issued', 'leased') DESC, valid_from DESC, voucher_id LIMIT 2 FOR UPDATE
""")  # noqa: S608  # columns of our own
_BY_ID = text(f"SELECT {VOUCHER_COLUMNS} FROM vouchers WHERE voucher_id = :voucher_id FOR UPDATE")  # noqa: S608  # columns of our own
_REDEMPTION_BY_ID = text(f"SELECT {REDEMPTION_COLUMNS} FROM redemptions WHERE redemption_id = :redemption_id")  # noqa: S608  # columns of our own
_ANSWERED = text(f"""
    SELECT {REDEMPTION_COLUMNS} FROM redemptions
    WHERE redemption_id = :redemption_id
       OR (voucher_id = :voucher_id AND receipt_id = :receipt_id AND status = 'redeemed' AND rolled_back_at IS NULL)
    ORDER BY redemption_id = :redemption_id DESC LIMIT 1
""")  # noqa: S608  # columns of our own
_KEEP = text("""
    INSERT INTO redemptions
        (redemption_id, voucher_id, receipt_id, store_id, status, reason, given_cents, answer, answered_at, asked,
         minimum_basket_cents, below_minimum)
    VALUES (:redemption_id, :voucher_id, :receipt_id, :store_id, :status, :reason, :given_cents, :answer, :answered_at,
            :asked, :minimum_basket_cents, :below_minimum)
    ON CONFLICT (redemption_id) DO NOTHING
""")
_KEEP_LINE = text("""
    INSERT INTO redemption_lines (redemption_id, line_no, item_id, quantity, discount_cents)
    VALUES (:redemption_id, :line_no, :item_id, :quantity, :discount_cents)
""")
_REDEEM = text("""
    UPDATE vouchers SET state = 'redeemed', reserved_cents = 0, given_cents = :given_cents,
                        hold_id = NULL, held_for = NULL, held_until = NULL
    WHERE voucher_id = :voucher_id AND state IN ('issued', 'leased') AND reserved_cents >= :given_cents
""")
_REOPEN = text("""
    UPDATE vouchers SET state = :state, reserved_cents = :reserved_cents, given_cents = 0
    WHERE voucher_id = :voucher_id AND state = 'redeemed'
""")
_ROLLED_BACK = text("""
    UPDATE redemptions SET rolled_back_at = :now, rollback_answer = :answer
    WHERE redemption_id = :redemption_id AND rolled_back_at IS NULL
""")
_RECEIPT_LINES = text(f"""
    SELECT line.redemption_id, line.line_no, line.item_id, line.quantity, line.discount_cents,
           line.returned_quantity, line.returned_cents, minimum_basket_cents, below_minimum, {VOUCHER_COLUMNS}
    FROM redemptions JOIN redemption_lines AS line USING (redemption_id) JOIN vouchers USING (voucher_id)
    WHERE redemptions.receipt_id = :receipt_id AND status = 'redeemed' AND rolled_back_at IS NULL
      AND (CAST(:voucher_ids AS text[]) IS NULL OR voucher_id = ANY(:voucher_ids))
    ORDER BY line.redemption_id, line.line_no
""")  # noqa: S608  # columns of our own
_GIVE_BACK = text("""
    UPDATE redemption_lines
    SET returned_quantity = returned_quantity + :quantity, returned_cents = returned_cents + :cents
    WHERE redemption_id = :redemption_id AND line_no = :line_no
""")
_GIVEN_LESS = text("UPDATE vouchers SET given_cents = given_cents - :cents WHERE voucher_id = :voucher_id")
_OF_RECEIPT = text("""
    SELECT redemption_id FROM redemptions
    WHERE receipt_id = :receipt_id AND status = 'redeemed' AND rolled_back_at IS NULL AND voucher_id = ANY(:voucher_ids)
    ORDER BY redemption_id
""")
_ENTER_BY_REDEMPTION = text(f"""
    SELECT {RECEIPT_LOCK.format(receipt_id="receipt_id")} FROM redemptions WHERE redemption_id = :redemption_id
""")  # noqa: S608  # a lock of our own
_REACHED = text("SELECT reached_at FROM play_clock")


class PostgresRedemptions(ReturnRows):
    """Fits RedemptionStore within one transaction."""

    async def reached_at(self) -> datetime | None:
        """Event time, in a deployment that plays a data set."""
        reached: datetime | None = (await self._tx.connection.execute(_REACHED)).scalar_one_or_none()
        return reached

    async def lock_by_code(self, code_lookup: bytes) -> Voucher | None:
        """The voucher behind a code, locked until the end."""
        row = (await self._tx.connection.execute(_BY_CODE, {"code_lookup": code_lookup})).one_or_none()
        return voucher_of(row) if row else None

    async def lock_by_number(self, number_lookup: bytes) -> Sequence[Voucher]:
        """The open vouchers behind a number, two at most, locked until the end; of ended ones the last, where none is open."""
        rows = await self._tx.connection.execute(_BY_NUMBER, {"number_lookup": number_lookup})
        found = [voucher_of(row) for row in rows]
        return [each for each in found if each.state.is_open] or found[:1]

    async def lock_by_redemption(self, redemption_id: str) -> tuple[StoredRedemption, Voucher | None] | None:
        """A redemption with its voucher, locked until the end; its receipt is entered."""
        await self._tx.connection.execute(_ENTER_BY_REDEMPTION, {"redemption_id": redemption_id})
        found = await self._redemption(redemption_id)
        if found is None or found.voucher_id is None:
            return (found, None) if found else None
        row = (await self._tx.connection.execute(_BY_ID, {"voucher_id": found.voucher_id})).one()
        # Read again: whoever held the voucher may have taken this redemption back.
        again = await self._redemption(redemption_id)
        return (again, voucher_of(row)) if again else None

    async def answered(self, redemption_id: str, voucher_id: str | None, receipt_id: str) -> StoredRedemption | None:
        """What was answered to this attempt, or to one with this voucher on this receipt that gave."""
        names = {"redemption_id": redemption_id, "voucher_id": voucher_id, "receipt_id": receipt_id}
        row = (await self._tx.connection.execute(_ANSWERED, names)).one_or_none()
        return redemption_of(row) if row else None

    async def keep(self, redemption: NewRedemption) -> bool:
        """Keep an attempt with its lines; False when its id is taken."""
        names = {
            "redemption_id": redemption.redemption_id,
            "voucher_id": redemption.voucher_id,
            "receipt_id": redemption.receipt_id,
            "store_id": redemption.store_id,
            "status": redemption.status,
            "reason": redemption.reason,
            "given_cents": redemption.given.given_cents if redemption.given else 0,
            "answer": redemption.answer,
            "answered_at": redemption.answered_at,
            "asked": redemption.asked,
            "minimum_basket_cents": redemption.minimum_basket_cents,
            "below_minimum": redemption.below_minimum,
        }
        if (await self._tx.connection.execute(_KEEP, names)).rowcount != 1:
            return False
        if redemption.given and redemption.given.lines:
            lines = [
                {
                    "redemption_id": redemption.redemption_id,
                    "line_no": line.line_no,
                    "item_id": line.item_id,
                    "quantity": line.quantity,
                    "discount_cents": line.discount_cents,
                }
                for line in redemption.given.lines
            ]
            await self._tx.connection.execute(_KEEP_LINE, lines)
        return True

    async def spend(self, voucher: Voucher, given_cents: int, cause: Cause) -> None:
        """Turn the voucher's reserve into spending and mark it redeemed; raises RuntimeError if it was not locked."""
        redeemed = await self._tx.connection.execute(
            _REDEEM, {"voucher_id": voucher.voucher_id, "given_cents": given_cents}
        )
        if redeemed.rowcount != 1:
            raise RuntimeError(f"voucher {voucher.voucher_id} changed under its lock")
        transfers = ledger.redeemed(reserved_cents=voucher.reserved_cents, given_cents=given_cents)
        await post(self._tx, voucher.campaign_id, transfers, cause, voucher.voucher_id)

    async def budget(self, campaign_id: str) -> Budget:
        """A campaign's budget, locked until the end."""
        return await lock_budget(self._tx, campaign_id)

    async def room_cents(self, voucher_id: str) -> int | None:
        """How much more its campaign's limits leave to a voucher, whose budget must be locked; None: no limit in money."""
        return await room_of(self._tx, voucher_id)

    async def roll_back(
        self,
        redemption_id: str,
        voucher: Voucher,
        *,
        good_for_cents: int,
        answer: bytes,
        now: datetime,
    ) -> None:
        """Undo a redemption: the voucher is issued again with this reserve, or expired when there is none."""
        ended = VoucherState.REVOKED if voucher.revoked else VoucherState.EXPIRED
        state = VoucherState.ISSUED if good_for_cents else ended
        reopened = {"state": state, "reserved_cents": good_for_cents, "voucher_id": voucher.voucher_id}
        await self._tx.connection.execute(_REOPEN, reopened)
        transfers = ledger.rolled_back(given_cents=voucher.given_cents, again_cents=good_for_cents)
        await post(self._tx, voucher.campaign_id, transfers, Cause(redemption_id, now), voucher.voucher_id)
        told = {"redemption_id": redemption_id, "answer": answer, "now": now}
        await self._tx.connection.execute(_ROLLED_BACK, told)

    async def lines_of_receipt(
        self, receipt_id: str, voucher_ids: Sequence[str] | None = None
    ) -> Sequence[ReturnedLine]:
        """As the port promises."""
        names = {"receipt_id": receipt_id, "voucher_ids": None if voucher_ids is None else list(voucher_ids)}
        rows = await self._tx.connection.execute(_RECEIPT_LINES, names)
        return [
            ReturnedLine(
                redemption_id=row.redemption_id,
                voucher=voucher_of(row),
                line_no=row.line_no,
                item_id=row.item_id,
                so_far=ReturnedSoFar(
                    quantity=row.quantity,
                    discount_cents=row.discount_cents,
                    returned_quantity=row.returned_quantity,
                    returned_cents=row.returned_cents,
                ),
                minimum_basket_cents=row.minimum_basket_cents or 0,
                below_minimum=BelowMinimum(row.below_minimum or BelowMinimum.KEEP),
            )
            for row in rows
        ]

    async def give_back(self, line: ReturnedLine, quantity: Decimal, amount_cents: int, cause: Cause) -> None:
        """Note what came back of a line and take its share off what was spent."""
        await self._come_back(line, quantity, amount_cents)
        voucher = line.voucher
        await post(self._tx, voucher.campaign_id, ledger.returned(amount_cents), cause, voucher.voucher_id)

    async def give_again(self, line: ReturnedLine, quantity: Decimal, amount_cents: int, cause: Cause) -> None:
        """As the port promises."""
        await self._come_back(line, -quantity, -amount_cents)
        voucher = line.voucher
        await post(self._tx, voucher.campaign_id, ledger.return_undone(amount_cents), cause, voucher.voucher_id)

    async def redemption_ids_of_receipt(self, receipt_id: str, voucher_ids: Sequence[str]) -> Sequence[str]:
        """Redemptions of these vouchers, which must be locked, in force on this receipt, by id."""
        names = {"receipt_id": receipt_id, "voucher_ids": list(voucher_ids)}
        return list((await self._tx.connection.execute(_OF_RECEIPT, names)).scalars())

    async def tell(self, messages: Sequence[OutboxMessage]) -> None:
        """Put events on their way."""
        await append(self._tx, messages)

    async def _come_back(self, line: ReturnedLine, quantity: Decimal, cents: int) -> None:
        names = {"redemption_id": line.redemption_id, "line_no": line.line_no}
        await self._tx.connection.execute(_GIVE_BACK, names | {"quantity": quantity, "cents": cents})
        await self._tx.connection.execute(_GIVEN_LESS, {"voucher_id": line.voucher.voucher_id, "cents": cents})

    async def _redemption(self, redemption_id: str) -> StoredRedemption | None:
        row = (await self._tx.connection.execute(_REDEMPTION_BY_ID, {"redemption_id": redemption_id})).one_or_none()
        return redemption_of(row) if row else None
