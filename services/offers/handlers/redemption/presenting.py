"""Several codes at once: the vouchers behind them, locked in the one order, and misses for those that have none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.offers.domain.codes.presented import Form, Presented
from services.offers.domain.fraud.guessing import Presenter, is_miss
from services.offers.domain.vouchers.voucher import NotRedeemed, Voucher, VoucherState
from services.offers.handlers.brakes.pulling import barred
from services.offers.handlers.redemption.desk import RedemptionDesk
from services.offers.ports.redemption.stacking import OnReceipt, PresentedVoucher
from services.offers.ports.redemption.till import TillStores


@dataclass(frozen=True, slots=True)
class ShownCodes:
    """What stands behind codes, in the order of the question; one voucher that is shown twice counts once."""

    behind: Sequence[Voucher | NotRedeemed]
    now: datetime

    def number(self, voucher_id: str) -> int:
        """The first place of a voucher, from 1."""
        return next(n for n, each in enumerate(self.behind, 1) if _id_of(each) == voucher_id)

    def fresh(self, known: Mapping[str, OnReceipt]) -> list[Voucher]:
        """The vouchers that are not redeemed on this receipt yet."""
        found = {each.voucher_id: each for each in self.behind if isinstance(each, Voucher)}
        return [voucher for voucher_id, voucher in found.items() if voucher_id not in known]


async def shown_codes(
    desk: RedemptionDesk, stores: TillStores, codes: Sequence[str], presenter: Presenter, occurred_at: datetime | None
) -> ShownCodes:
    """The vouchers behind codes that an authorised till presents, locked by id until the end, or why there is none.

    Unknown codes are misses. Raises TooManyTries while the presenter is locked out: nothing was looked up.
    """
    opening = await desk.opening(stores.misses, presenter)
    read = [desk.read(code, presenter) for code in codes]
    numbers = [each.number_lookup for each in read if each.form is Form.NUMBER]
    found = await stores.stacks.lock_presented([each.code_lookup for each in read], numbers)
    behind = [barred(_behind(each, found), opening.brakes, presenter.store_id) for each in read]
    misses = {
        shown.code_lookup + shown.number_lookup
        for shown, each in zip(read, behind, strict=True)
        if isinstance(each, NotRedeemed)
        and is_miss(each, mistyped=shown.form is Form.MISTYPED, sees_reasons=presenter.sees_reasons)
    }
    if misses:
        await desk.missed(stores.misses, presenter, len(misses))
    return ShownCodes(behind, desk.clock.now(stated=occurred_at, reached=opening.reached_at))


def _behind(shown: Presented, found: Sequence[PresentedVoucher]) -> Voucher | NotRedeemed:
    """As one code is read in handlers/redemption/desk.py."""
    coded = next((each.voucher for each in found if each.code_lookup == shown.code_lookup), None)
    if coded is not None:
        return coded
    numbered = [
        each.voucher for each in found if shown.form is Form.NUMBER and each.number_lookup == shown.number_lookup
    ]
    numbered = [each for each in numbered if each.state is VoucherState.ISSUED] or numbered[:1]
    if len(numbered) > 1:
        return NotRedeemed.AMBIGUOUS_NUMBER
    if numbered:
        return numbered[0]
    return NotRedeemed.FOREIGN_CODE if shown.form is Form.FOREIGN else NotRedeemed.UNKNOWN_CODE


def _id_of(shown: Voucher | NotRedeemed) -> str | None:
    return shown.voucher_id if isinstance(shown, Voucher) else None
