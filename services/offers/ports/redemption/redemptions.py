"""What redemptions and their returns need: rows locked within one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from libs.common.persistence import OutboxMessage
from services.offers.domain.campaigns.stacking_rules import BelowMinimum
from services.offers.domain.money.budget import Budget
from services.offers.domain.vouchers.voucher import Given, ReturnedSoFar, Voucher
from services.offers.ports.money import Cause
from services.offers.ports.returns import ReturnStore

GAVE = "redeemed"
"""The status of a redemption that gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRedemption:
    """An attempt to redeem that was answered."""

    redemption_id: str
    voucher_id: str | None
    store_id: str
    status: str
    given_cents: int
    answer: bytes
    answered_at: datetime
    rollback_answer: bytes | None
    """What was answered when it was taken back."""
    asked: bytes | None = None
    """A digest of the question; None: a release before did not note it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRedemption:
    """An attempt to redeem and its outcome, to be kept."""

    redemption_id: str
    asked: bytes
    voucher_id: str | None
    receipt_id: str
    store_id: str
    status: str
    reason: str
    answer: bytes
    answered_at: datetime
    given: Given | None = None
    minimum_basket_cents: int | None = None
    below_minimum: BelowMinimum | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedLine:
    """A redeemed line of a receipt with its voucher, locked."""

    redemption_id: str
    voucher: Voucher
    line_no: int
    item_id: str
    so_far: ReturnedSoFar
    minimum_basket_cents: int = 0
    below_minimum: BelowMinimum = BelowMinimum.KEEP


class RedemptionStore(ReturnStore, Protocol):
    """Vouchers, redemptions and budgets within one transaction. Locks are taken vouchers first, then budgets by id."""

    async def reached_at(self) -> datetime | None:
        """Event time, in a deployment that plays a data set."""
        ...

    async def lock_by_code(self, code_lookup: bytes) -> Voucher | None:
        """The voucher behind a code, locked until the end."""
        ...

    async def lock_by_number(self, number_lookup: bytes) -> Sequence[Voucher]:
        """The open vouchers behind a number, two at most, locked until the end; of ended ones the last, where none is open."""
        ...

    async def lock_by_redemption(self, redemption_id: str) -> tuple[StoredRedemption, Voucher | None] | None:
        """A redemption with its voucher, locked until the end; its receipt is entered (ports/redemption/stacking.py)."""
        ...

    async def answered(self, redemption_id: str, voucher_id: str | None, receipt_id: str) -> StoredRedemption | None:
        """What was answered to this attempt, or to one with this voucher on this receipt that gave."""
        ...

    async def keep(self, redemption: NewRedemption) -> bool:
        """Keep an attempt; False when its id is taken."""
        ...

    async def spend(self, voucher: Voucher, given_cents: int, cause: Cause) -> None:
        """Turn the voucher's reserve into spending and mark it redeemed."""
        ...

    async def budget(self, campaign_id: str) -> Budget:
        """A campaign's budget, locked until the end."""
        ...

    async def room_cents(self, voucher_id: str) -> int | None:
        """How much more its campaign's limits leave to a voucher, whose budget must be locked; None: no limit in money."""
        ...

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
        ...

    async def lock_receipt(self, receipt_id: str) -> Sequence[str]:
        """Enter this receipt, lock all vouchers that are redeemed on it, then all their budgets, until the end; the vouchers' ids."""
        ...

    async def lock_receipts(self, receipt_ids: Sequence[str]) -> Sequence[str]:
        """The same of several, for whoever works on more than one: later ones of a transaction would be out of order."""
        ...

    async def lines_of_receipt(
        self, receipt_id: str, voucher_ids: Sequence[str] | None = None
    ) -> Sequence[ReturnedLine]:
        """What these vouchers gave on this receipt and was not rolled back, by redemption and line; None: all, to look at.

        Whose lines are to be changed must be locked.
        """
        ...

    async def give_back(self, line: ReturnedLine, quantity: Decimal, amount_cents: int, cause: Cause) -> None:
        """Note what came back of a line and take its share off what was spent."""
        ...

    async def give_again(self, line: ReturnedLine, quantity: Decimal, amount_cents: int, cause: Cause) -> None:
        """Note what of a line did not come back after all and count so much of its share as spent again."""
        ...

    async def redemption_ids_of_receipt(self, receipt_id: str, voucher_ids: Sequence[str]) -> Sequence[str]:
        """Redemptions of these vouchers, which must be locked, in force on this receipt, by id."""
        ...

    async def tell(self, messages: Sequence[OutboxMessage]) -> None:
        """Put events on their way."""
        ...
