"""Taking in what a lane gave without a network: every entry once, in whatever order and however often it comes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from libs.common.errors import Conflict, NotFound
from services.offers.domain.codes.code import CodeKey
from services.offers.domain.codes.signed import code_in
from services.offers.domain.lanes.entry import Entry, split_lines
from services.offers.domain.lanes.lease import Lease, Remark, Settlement, Status, as_taken, settle, settle_again
from services.offers.domain.redemption.discounting import NotStacked
from services.offers.domain.vouchers.voucher import Given, NotRedeemed, Voucher
from services.offers.handlers.campaigns.knowledge import Knowledge
from services.offers.handlers.codes import SigningRing
from services.offers.handlers.lanes.outcomes import TakenIn, not_taken_in, outcome_of
from services.offers.handlers.lanes.returns import give_back_entry
from services.offers.handlers.money.clock import MoneyClock
from services.offers.handlers.redemption.desk import (
    REDEEMED,
    RedemptionAnswer,
    line_answer,
    redeemed_message,
)
from services.offers.handlers.redemption.stacking import receipt_at_till
from services.offers.handlers.returns.taking_back import redeemed_on, roll_back
from services.offers.ports.lanes.journals import KnownEntry, LaneStores, NewEntry
from services.offers.ports.money import Cause
from services.offers.ports.redemption.redemptions import NewRedemption, StoredRedemption

_encoder = msgspec.json.Encoder()
_NOTHING = Given(0, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciler:
    """Takes in entries, one in a transaction."""

    codes: CodeKey
    signing: SigningRing
    knowledge: Knowledge
    clock: MoneyClock

    async def take_in(self, stores: LaneStores, lease_id: str, entry: Entry) -> TakenIn:
        """What becomes of an entry; of one that came in before, what became of it. Raises NotFound for an unknown lease."""
        code = code_in(entry.signed, self.signing.keys)
        await stores.stacks.enter(entry.receipt_id)
        voucher = await stores.redemptions.lock_by_code(self.codes.lookup_of(code)) if code else None
        lease = await stores.offline.lock_lease(lease_id)
        if lease is None:
            raise NotFound("no such lease", slug="unknown-lease")
        known = await stores.offline.entry(entry.redemption_id)
        another = known is not None and (known.asked, known.lease_id) != (entry.digest(), lease_id)
        taken = known is None and await stores.redemptions.answered(entry.redemption_id, None, "") is not None
        if another or taken:
            return not_taken_in(entry)
        now = self.clock.now(stated=None, reached=await stores.redemptions.reached_at())
        news = known is None
        if known is None:
            why_none = NotRedeemed.UNKNOWN_CODE if code else NotRedeemed.FOREIGN_CODE
            known = await self._settle(stores, _Given(lease, entry, voucher, why_none, now))
        elif entry.taken_back and known.taken_back_at is None:
            await self._take_back(stores, known, now)
        return outcome_of(known, taken_back=entry.taken_back or known.taken_back_at is not None, new=news)

    async def lock_all(self, stores: LaneStores, lease_id: str, entries: Sequence[Entry]) -> None:
        """Before several are taken in within one transaction: all that they need, each kind in the order in which everybody locks it."""
        await stores.stacks.enter(*(entry.receipt_id for entry in entries))
        codes = {code for entry in entries if (code := code_in(entry.signed, self.signing.keys)) is not None}
        shown = await stores.stacks.lock_presented([self.codes.lookup_of(code) for code in codes], ())
        await stores.offline.lock_lease(lease_id)
        for campaign_id in sorted({each.voucher.campaign_id for each in shown}):
            await stores.redemptions.budget(campaign_id)

    async def _settle(self, stores: LaneStores, given: "_Given") -> KnownEntry:
        """Find who pays for a new entry, and book it."""
        entry, lease, voucher = given.entry, given.lease, given.voucher
        left_cents = await stores.offline.left_cents(lease.lease_id, voucher.campaign_id) if voucher else 0
        voucher_id = voucher.voucher_id if voucher else None
        before = await stores.redemptions.answered(entry.redemption_id, voucher_id, entry.receipt_id)
        redeemed_by: str | None = None
        if entry.taken_back:
            settlement = Settlement(reason=Remark.TAKEN_BACK)
            if before is not None and await _was_lost(stores, given, before):
                redeemed_by = before.redemption_id
                await roll_back(stores.redemptions, redeemed_by, self.clock)
        elif before is not None:
            settlement = settle_again(before.given_cents, entry.given_cents, left_cents=left_cents)
            redeemed_by = before.redemption_id
        else:
            outcome = await self._judged(stores, given)
            in_time = entry.given_at < lease.ends_at
            settlement = settle(voucher, outcome, entry.given_cents, left_cents=left_cents, in_time=in_time)
            if voucher is not None and settlement.redeemed_cents:
                await self._redeem(stores, given, voucher, settlement)
                redeemed_by = entry.redemption_id
        beside_cents = settlement.leased_cents + settlement.uncovered_cents
        new = NewEntry(
            entry=entry,
            lease=lease,
            voucher_id=voucher_id,
            campaign_id=voucher.campaign_id if voucher else None,
            redeemed_by=redeemed_by,
            status=Status.TAKEN_BACK if entry.taken_back else settlement.status,
            settlement=settlement,
            lines=split_lines(entry.lines, entry.given_cents - beside_cents)[1],
            now=given.now,
        )
        kept = await stores.offline.keep(new)
        if kept.spent_cents or kept.lost_cents:
            await _came_back_before(stores, given, kept)
        return kept

    async def _judged(self, stores: LaneStores, given: "_Given") -> Given | NotRedeemed:
        """What our own rules say, at the time that counts, beside what was redeemed on the receipt before."""
        if given.voucher is None:
            return given.why_none
        basket = given.entry.basket(given.lease.store_id)
        at_till = await receipt_at_till(stores.stacks, self.knowledge, basket, given.judged_at)
        outcome = at_till.outcome(as_taken(given.voucher, given.judged_at))
        return _NOTHING if isinstance(outcome, NotStacked) else outcome

    async def _redeem(self, stores: LaneStores, given: "_Given", voucher: Voucher, settlement: Settlement) -> None:
        """Redeem the voucher as a till online does, for what its reserve pays or the lease in its place: lines frozen, told to the others."""
        entry, cause = given.entry, Cause(given.entry.redemption_id, given.now)
        if settlement.late_cents:
            voucher = await stores.offline.reserve_late(given.lease.lease_id, voucher, settlement.late_cents, cause)
        paid = Given(settlement.redeemed_cents, tuple(split_lines(entry.lines, settlement.redeemed_cents)[0]))
        answer = RedemptionAnswer(
            redemption_id=entry.redemption_id,
            status=REDEEMED,
            reason=REDEEMED,
            voucher_id=voucher.voucher_id,
            given_cents=paid.given_cents,
            lines=tuple(map(line_answer, paid.lines)),
        )
        campaign = self.knowledge.campaigns.get(voucher.campaign_id)
        attempt = NewRedemption(
            redemption_id=entry.redemption_id,
            asked=entry.digest(),
            voucher_id=voucher.voucher_id,
            receipt_id=entry.receipt_id,
            store_id=given.lease.store_id,
            status=REDEEMED,
            reason=REDEEMED,
            answer=_encoder.encode(answer),
            answered_at=given.now,
            given=paid,
            minimum_basket_cents=campaign.minimum_basket_cents if campaign else None,
            below_minimum=campaign.below_minimum if campaign and campaign.minimum_basket_cents else None,
        )
        if not await stores.redemptions.keep(attempt):
            raise Conflict("another attempt with this id is under way", slug="in-flight")
        await stores.redemptions.spend(voucher, paid.given_cents, cause)
        await stores.redemptions.tell([redeemed_message(attempt, voucher, paid, given.judged_at)])
        new = [(entry.redemption_id, voucher.voucher_id)]
        basket = entry.basket(given.lease.store_id)
        await redeemed_on(stores.redemptions, basket, new, happened_at=given.judged_at, now=given.now, clock=self.clock)

    async def _take_back(self, stores: LaneStores, known: KnownEntry, now: datetime) -> None:
        """Undo an entry: what its voucher gave is no longer spent, whoever paid for it."""
        if known.redeemed_by is not None:
            await roll_back(stores.redemptions, known.redeemed_by, self.clock)
        for entry in await stores.offline.lock_receipt(known.receipt_id):
            if entry.redemption_id == known.redemption_id:
                await give_back_entry(stores.offline, entry, None, Cause(f"{entry.redemption_id}:taken-back", now))
        await stores.offline.take_back(known.redemption_id, now)


@dataclass(frozen=True, slots=True)
class _Given:
    """A new entry with all that is known about it."""

    lease: Lease
    entry: Entry
    voucher: Voucher | None
    why_none: NotRedeemed
    now: datetime

    @property
    def judged_at(self) -> datetime:
        return self.lease.judged_at(self.entry.given_at, self.now)


async def _was_lost(stores: LaneStores, given: _Given, before: StoredRedemption) -> bool:
    """Whether the lane asked for it over the network and never heard of it: what is redeemed later is on the receipt opened again."""
    return before.answered_at <= given.judged_at and await stores.offline.entry(before.redemption_id) is None


async def _came_back_before(stores: LaneStores, given: _Given, kept: KnownEntry) -> None:
    """What happened to the receipt of a conflict before we heard of it: goods that came back, or all of it was voided."""
    before = await stores.redemptions.so_far(kept.receipt_id)
    voided = before.voided_at is not None and given.judged_at <= before.voided_at
    if voided or before.goods:
        cause = Cause(f"{kept.redemption_id}:returned-before", given.now)
        await give_back_entry(stores.offline, kept, None if voided else [*before.goods.items()], cause)
