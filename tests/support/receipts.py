"""Builders of real baskets and vouchers as the laptop's tests need them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from libs.laptop.dataset import Basket, Line
from libs.laptop.shoppers import HeldVoucher

NOON = datetime(2017, 1, 2, 12, tzinfo=UTC)


def line(item_id: str = "milk", *, quantity: str = "1", amount_cents: int = 100) -> Line:
    """One line without discounts."""
    return Line(item_id, Decimal(quantity), amount_cents, 0, 0)


def basket(
    basket_id: str = "b1", *lines: Line, customer_id: str = "7", store_id: str = "1", at: datetime = NOON
) -> Basket:
    """One basket; of one milk if no line is given."""
    return Basket(basket_id, customer_id, store_id, at, lines or (line(),))


def voucher(voucher_id: str = "v1", *, category: str = "DAIRY", tier: int = 0, value_cents: int = 100) -> HeldVoucher:
    """A voucher that is valid from the day before NOON for two weeks."""
    return HeldVoucher(
        voucher_id=voucher_id,
        code=f"code-{voucher_id}",
        category=category,
        item_ids=(),
        greatest_value_cents=value_cents,
        tier=tier,
        valid_from=NOON - timedelta(days=1),
        expires_at=NOON + timedelta(days=13),
    )
