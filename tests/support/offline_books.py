"""Books of one campaign in memory, for the handler that takes in lanes' journals: the stores of its ports, and lanes' leases."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from libs.common.clock import FixedClock
from libs.common.persistence import OutboxMessage
from services.offers.domain.campaigns.catalogue import Item
from services.offers.domain.campaigns.terms import AmountOff, Terms
from services.offers.domain.codes.signed import KeyRow, Promise, signed_text, signing_key
from services.offers.domain.lanes.entry import Entry, OfflineLine
from services.offers.domain.lanes.lease import Lease
from services.offers.domain.money import ledger
from services.offers.domain.money.budget import Budget
from services.offers.domain.money.ledger import Transfer
from services.offers.domain.returns.taking_back import Sold
from services.offers.domain.vouchers.voucher import ReturnedSoFar, Voucher, VoucherState
from services.offers.handlers.campaigns.knowledge import Knowledge
from services.offers.handlers.codes import SigningRing
from services.offers.handlers.lanes.reconciling import Reconciler
from services.offers.handlers.money.clock import MoneyClock
from services.offers.ports.lanes.journals import ConflictLine, KnownEntry, LaneStores, NewEntry
from services.offers.ports.money import Cause
from services.offers.ports.redemption.redemptions import NewRedemption, StoredRedemption
from services.offers.ports.redemption.stacking import OnReceipt
from services.offers.ports.returns import SoFar
from tests.support.offers_facts import NOW
from tests.support.offers_running import CODES

DAY = timedelta(days=1)
KEY = signing_key(CODES, KeyRow(key_id=1, nonce=bytes(16), signs_from=NOW, withdrawn_at=None, made_by="test"))


class _Ring(SigningRing):
    """One key, which nobody has to read."""

    def __init__(self) -> None:
        self._keys = [KEY]


def signed(voucher_id: str) -> str:
    """The text of a voucher's QR code."""
    promise = Promise(
        code=CODES.code_of(voucher_id),
        campaign_id="usual",
        category="milk",
        percent=0,
        greatest_value_cents=100,
        currency="USD",
        expires_at=NOW + DAY,
        store_id="",
    )
    return signed_text(KEY, promise)


def an_entry(redemption_id: str, voucher_id: str, cents: int, **changes: Any) -> Entry:
    """A lane gave so much of a voucher, two hours after its lease began."""
    line = OfflineLine(line_no=1, item_id="milk-1", quantity=Decimal(1), amount_cents=cents, discount_cents=cents)
    plain: dict[str, Any] = {
        "redemption_id": redemption_id,
        "signed": signed(voucher_id),
        "receipt_id": f"sale-{redemption_id}",
        "currency": "USD",
        "given_at": NOW + timedelta(hours=2),
        "lines": [line],
    }
    return Entry(**(plain | changes))


@dataclass
class Books:
    """Fits LaneStores, RedemptionStore and OfflineStore as far as the reconciler asks; what it posts moves the budget or raises."""

    money: Budget = field(default_factory=lambda: Budget(cap_cents=10_000))
    vouchers: dict[str, Voucher] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    entries: dict[str, KnownEntry] = field(default_factory=dict)
    conflict_lines: dict[str, list[ConflictLine]] = field(default_factory=dict)
    given: dict[str, NewRedemption] = field(default_factory=dict)
    rolled_back: set[str] = field(default_factory=set)

    @property
    def stores(self) -> LaneStores:
        return cast("LaneStores", self)

    @property
    def redemptions(self) -> "Books":
        return self

    @property
    def stacks(self) -> "Books":
        return self

    async def enter(self, *receipt_ids: str) -> None:
        """Nobody else is here."""

    async def on_receipt(self, receipt_id: str) -> Sequence[OnReceipt]:
        """Entries of these tests have receipts of their own."""
        return ()

    async def so_far(self, receipt_id: str) -> SoFar:
        return SoFar()

    async def keep_sold(self, receipt_id: str, sold: Sold) -> None:
        """Nothing comes back by goods here."""

    @property
    def offline(self) -> "Books":
        return self

    @property
    def reconciler(self) -> Reconciler:
        milk = Item(
            item_id="milk-1",
            name="Milk",
            category="milk",
            item_type="milk",
            price_cents=100,
            voucherable=True,
            stock_keeping=True,
            barred=None,
        )
        return Reconciler(
            codes=CODES,
            signing=_Ring(),
            knowledge=Knowledge(items={"milk-1": milk}),
            clock=MoneyClock(FixedClock(NOW + timedelta(hours=12)), play_mode=False),
        )

    def print_voucher(self, voucher_id: str) -> None:
        self._post(ledger.issued(100))
        self.vouchers[voucher_id] = Voucher(
            voucher_id=voucher_id,
            campaign_id="usual",
            customer_id=None,
            receipt_id=f"receipt-{voucher_id}",
            store_id="store-1",
            category="milk",
            terms=Terms(promise=AmountOff(amount_cents=100), greatest_value_cents=100, validity_days=1),
            currency="USD",
            expires_at=NOW + DAY,
            state=VoucherState.ISSUED,
            reserved_cents=100,
        )

    def lend(self, lease_id: str, cents: int) -> None:
        self._post(ledger.leased(cents))
        self.left[lease_id] = cents
        self.leases[lease_id] = Lease(
            lease_id=lease_id,
            store_id="store-1",
            terminal_id=lease_id,
            granted_at=NOW,
            ends_at=NOW + timedelta(hours=10),
            kept_until=NOW + DAY,
        )

    def end_leases(self) -> None:
        for lease_id, cents in self.left.items():
            self._post(ledger.lease_ended(cents))
            self.left[lease_id] = 0

    async def lock_by_code(self, code_lookup: bytes) -> Voucher | None:
        found = [v for v in self.vouchers.values() if CODES.lookup_of(CODES.code_of(v.voucher_id)) == code_lookup]
        return found[0] if found else None

    async def reached_at(self) -> datetime | None:
        return None

    async def answered(self, redemption_id: str, voucher_id: str | None, receipt_id: str) -> StoredRedemption | None:
        for each in self.given.values():
            here = (each.voucher_id, each.receipt_id) == (voucher_id, receipt_id)
            if each.redemption_id == redemption_id or (here and each.redemption_id not in self.rolled_back):
                return self._stored(each)
        return None

    async def spend(self, voucher: Voucher, given_cents: int, cause: Cause) -> None:
        assert voucher.state is VoucherState.ISSUED, "redeemed twice"
        self._post(ledger.redeemed(reserved_cents=voucher.reserved_cents, given_cents=given_cents))
        self.vouchers[voucher.voucher_id] = replace(
            voucher, state=VoucherState.REDEEMED, reserved_cents=0, given_cents=given_cents
        )

    async def tell(self, messages: Sequence[OutboxMessage]) -> None:
        assert len(messages) == 1

    async def lock_by_redemption(self, redemption_id: str) -> tuple[StoredRedemption, Voucher | None] | None:
        kept = self.given[redemption_id]
        return self._stored(kept), self.vouchers[kept.voucher_id or ""]

    async def budget(self, campaign_id: str) -> Budget:
        return self.money

    async def room_cents(self, voucher_id: str) -> int | None:
        return None

    async def roll_back(
        self, redemption_id: str, voucher: Voucher, *, good_for_cents: int, answer: bytes, now: datetime
    ) -> None:
        self._post(ledger.rolled_back(given_cents=voucher.given_cents, again_cents=good_for_cents))
        self.rolled_back.add(redemption_id)
        self.vouchers[voucher.voucher_id] = replace(
            voucher, state=VoucherState.ISSUED, reserved_cents=good_for_cents, given_cents=0
        )

    async def lock_lease(self, lease_id: str) -> Lease | None:
        return self.leases.get(lease_id)

    async def left_cents(self, lease_id: str, campaign_id: str) -> int:
        return self.left[lease_id]

    async def entry(self, redemption_id: str) -> KnownEntry | None:
        return self.entries.get(redemption_id)

    async def keep(self, new: NewEntry | NewRedemption) -> Any:
        if isinstance(new, NewRedemption):
            self.given[new.redemption_id] = new
            return True
        paid = new.settlement
        self.left[new.lease.lease_id] -= paid.leased_cents
        assert self.left[new.lease.lease_id] >= 0, "a lease gave more than it had"
        self._post(ledger.given_in_conflict(leased_cents=paid.leased_cents, uncovered_cents=paid.uncovered_cents))
        self.conflict_lines[new.entry.redemption_id] = [
            ConflictLine(
                line_no=line.line_no,
                item_id=line.item_id,
                so_far=ReturnedSoFar(quantity=line.quantity, discount_cents=line.discount_cents),
            )
            for line in new.lines
        ]
        kept = KnownEntry(
            number=len(self.entries) + 1,
            redemption_id=new.entry.redemption_id,
            lease_id=new.lease.lease_id,
            store_id=new.lease.store_id,
            terminal_id=new.lease.terminal_id,
            asked=new.entry.digest(),
            voucher_id=new.voucher_id,
            campaign_id=new.campaign_id,
            receipt_id=new.entry.receipt_id,
            currency=new.entry.currency,
            redeemed_by=new.redeemed_by,
            status=new.status,
            reason=paid.reason,
            given_at=new.entry.given_at,
            reconciled_at=new.now,
            given_cents=new.entry.given_cents,
            leased_cents=paid.leased_cents + paid.late_cents,
            late_cents=paid.late_cents,
            uncovered_cents=paid.uncovered_cents,
            spent_cents=paid.leased_cents,
            lost_cents=paid.uncovered_cents,
            taken_back_at=new.now if new.entry.taken_back else None,
        )
        self.entries[kept.redemption_id] = kept
        return kept

    async def reserve_late(self, lease_id: str, voucher: Voucher, cents: int, cause: Cause) -> Voucher:
        self.left[lease_id] -= cents
        self._post(ledger.reserved_late(cents))
        return replace(voucher, state=VoucherState.ISSUED, reserved_cents=cents)

    def sweep(self, voucher_id: str) -> None:
        """The voucher's time was over."""
        self._post(ledger.expired(self.vouchers[voucher_id].reserved_cents))
        self.vouchers[voucher_id] = replace(self.vouchers[voucher_id], state=VoucherState.EXPIRED, reserved_cents=0)

    async def lock_receipt(self, receipt_id: str) -> Sequence[KnownEntry]:
        return [each for each in self.entries.values() if each.receipt_id == receipt_id]

    async def lines(self, redemption_id: str) -> Sequence[ConflictLine]:
        return self.conflict_lines[redemption_id]

    async def give_back(
        self, entry: KnownEntry, line: ConflictLine, quantity: Decimal, cents: tuple[int, int], cause: Cause
    ) -> None:
        spent_cents, lost_cents = cents
        self._post(ledger.conflict_returned(spent_cents=spent_cents, lost_cents=lost_cents))
        so_far = replace(
            line.so_far,
            returned_quantity=line.so_far.returned_quantity + quantity,
            returned_cents=line.so_far.returned_cents + spent_cents + lost_cents,
        )
        lines = self.conflict_lines[entry.redemption_id]
        lines[lines.index(line)] = replace(line, so_far=so_far)

    async def take_back(self, redemption_id: str, now: datetime) -> None:
        self.entries[redemption_id] = replace(self.entries[redemption_id], taken_back_at=now)

    def _post(self, transfers: Sequence[Transfer]) -> None:
        self.money = self.money.after(transfers)

    def _stored(self, kept: NewRedemption) -> StoredRedemption:
        return StoredRedemption(
            redemption_id=kept.redemption_id,
            voucher_id=kept.voucher_id,
            store_id=kept.store_id,
            status=kept.status,
            given_cents=kept.given.given_cents if kept.given else 0,
            answer=kept.answer,
            answered_at=kept.answered_at,
            rollback_answer=b"{}" if kept.redemption_id in self.rolled_back else None,
        )
