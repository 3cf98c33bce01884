"""Vouchers and baskets of a shop with milk and bread, for laws of what comes off a receipt."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from services.offers.domain.campaigns.catalogue import Item
from services.offers.domain.campaigns.stacking_rules import Stacking
from services.offers.domain.campaigns.terms import AmountOff, PercentOff, Terms
from services.offers.domain.redemption.discounting import Shown
from services.offers.domain.vouchers.voucher import Basket, BasketLine, Voucher, VoucherState
from tests.support.offers_facts import NOW

ITEMS = {
    item_id: Item(
        item_id=item_id,
        name=item_id,
        category=item_id.partition("-")[0],
        item_type="food",
        price_cents=250,
        voucherable=True,
        stock_keeping=True,
        barred=None,
    )
    for item_id in ("milk-1", "milk-2", "bread-1")
}


def percent(share: int, greatest_cents: int) -> Terms:
    return Terms(promise=PercentOff(percent=share), greatest_value_cents=greatest_cents, validity_days=7)


def an_amount(cents: int) -> Terms:
    return Terms(promise=AmountOff(amount_cents=cents), greatest_value_cents=cents, validity_days=7)


def a_voucher(voucher_id: str, terms: Terms, category: str = "milk") -> Voucher:
    """Open, good for a week, printed with another receipt."""
    return Voucher(
        voucher_id=voucher_id,
        campaign_id="usual",
        customer_id="customer",
        receipt_id="printed-with",
        store_id="store-1",
        category=category,
        terms=terms,
        currency="USD",
        expires_at=NOW + timedelta(days=7),
        state=VoucherState.ISSUED,
        reserved_cents=terms.greatest_value_cents,
    )


def shown_of(voucher_id: str, terms: Terms, category: str = "milk", **said: Any) -> Shown:
    """Presented; `said` by its campaign."""
    stacking = {name: said.pop(name) for name in ("group", "exclusive", "order") if name in said}
    return Shown(voucher=a_voucher(voucher_id, terms, category), stacking=Stacking(**stacking), **said)


def a_basket(lines: Sequence[tuple[str, int]], receipt_id: str = "sale") -> Basket:
    """One of each of these, at these cents."""
    return Basket(
        receipt_id=receipt_id,
        store_id="store-1",
        currency="USD",
        lines=[
            BasketLine(line_no=number, item_id=item_id, quantity=Decimal(1), amount_cents=cents)
            for number, (item_id, cents) in enumerate(lines, 1)
        ],
    )
