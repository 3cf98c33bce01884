"""What a voucher gives beside those redeemed on the same receipt before, under the chain's rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from libs.common.contracts.values import Funder
from services.offers.domain.campaigns.stacking_rules import Stacking
from services.offers.domain.redemption.discounting import Earlier, Receipt, Refusal, Shown
from services.offers.domain.redemption.stacking import Stack, stack, stack_all
from services.offers.domain.vouchers.voucher import Basket, Given, Voucher
from services.offers.handlers.campaigns.knowledge import Knowledge
from services.offers.ports.redemption.stacking import OnReceipt, StackStore

_ALONE = Stacking()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptAtTill:
    """A basket with what came off it before, under the rules in force."""

    knowledge: Knowledge
    receipt: Receipt
    earlier: Sequence[Earlier]
    redeemed: Sequence[OnReceipt]

    def stack(self, vouchers: Sequence[Voucher], *, all_of_them: bool = False) -> Stack:
        """The best set of them, or all of them or none."""
        solve = stack_all if all_of_them else stack
        shown = [_shown(voucher, self.knowledge) for voucher in vouchers]
        return solve(shown, self.receipt, self.knowledge.stacking_rules, self.earlier)

    def outcome(self, voucher: Voucher) -> Given | Refusal:
        """What it gives by itself, or why nothing."""
        found = self.stack([voucher])
        return found.chosen[0].given if found.chosen else found.dropped[0].reason


async def receipt_at_till(store: StackStore, knowledge: Knowledge, basket: Basket, now: datetime) -> ReceiptAtTill:
    """The basket as it stands; its receipt must be entered."""
    redeemed = await store.on_receipt(basket.receipt_id)
    earlier = [
        Earlier(voucher_id=each.voucher_id, stacking=_stacking(each.campaign_id, knowledge), lines=each.lines)
        for each in redeemed
    ]
    receipt = Receipt(basket, knowledge.items, knowledge.stacking_rules, earlier, now)
    return ReceiptAtTill(knowledge=knowledge, receipt=receipt, earlier=earlier, redeemed=redeemed)


def _shown(voucher: Voucher, knowledge: Knowledge) -> Shown:
    campaign = knowledge.campaigns.get(voucher.campaign_id)
    if campaign is None:
        return Shown(voucher=voucher)
    return Shown(
        voucher=voucher,
        stacking=campaign.stacking,
        by_retailer=campaign.funder is Funder.RETAILER,
        minimum_basket_cents=campaign.minimum_basket_cents or 0,
    )


def _stacking(campaign_id: str, knowledge: Knowledge) -> Stacking:
    campaign = knowledge.campaigns.get(campaign_id)
    return campaign.stacking if campaign else _ALONE
