"""The lines of a RetailTransaction: goods sold and brought back, discounts, taxes, payments; called by the mapping."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from libs.common.contracts.values import Funder, TenderKind, Unit
from services.ingest.domain.poslog.header import Reference, linked_receipt
from services.ingest.domain.poslog.tree import Node
from services.ingest.domain.poslog.values import Purse, decimal_of, missing, needed, quantity_of

SALES = ("Sale", "SaleForDelivery", "SaleForPickup")
RETURNS = ("Return", "ReturnForDelivery", "ReturnForPickup")
_UNITS: Mapping[str, tuple[Unit, Decimal]] = {
    "": (Unit.EACH, Decimal(1)),
    **dict.fromkeys(("EA", "EACH", "C62", "PCE", "PC", "ST"), (Unit.EACH, Decimal(1))),
    **dict.fromkeys(("KG", "KGM", "KGS"), (Unit.KILOGRAM, Decimal(1))),
    **dict.fromkeys(("G", "GR", "GRM"), (Unit.KILOGRAM, Decimal("0.001"))),
    **dict.fromkeys(("LB", "LBR", "LBS"), (Unit.KILOGRAM, Decimal("0.45359237"))),
    **dict.fromkeys(("OZ", "ONZ"), (Unit.KILOGRAM, Decimal("0.028349523125"))),
    **dict.fromkeys(("L", "LT", "LTR"), (Unit.LITRE, Decimal(1))),
    **dict.fromkeys(("M", "MTR"), (Unit.METRE, Decimal(1))),
}
_LINE_NUMBER = re.compile(r"0*[1-9]\d{0,4}", re.ASCII)
_GTIN = re.compile(r"\d{8}|\d{12,14}", re.ASCII)
_GTIN_WORDS = ("GTIN", "EAN", "UPC")
_SHORT_GTIN = 8
_TENDERS: Mapping[str, TenderKind] = {
    "cash": TenderKind.CASH,
    **dict.fromkeys(("creditdebit", "credit", "debit", "card", "creditcard", "debitcard"), TenderKind.CARD),
    **dict.fromkeys(
        ("voucher", "giftcard", "giftcertificate", "coupon", "manufacturercoupon", "storecredit"), TenderKind.VOUCHER
    ),
}
_PAID_OUT = frozenset({"refund", "return", "change"})


@dataclass(frozen=True, slots=True)
class Discount:
    """What was taken off a line; negative where it was put on."""

    cents: int
    funder: Funder = Funder.RETAILER


@dataclass(slots=True, kw_only=True)
class Line:
    """One line of goods, amounts as they stand in the document."""

    number: int
    returned: bool
    item_id: str
    gtin: str | None
    quantity: Decimal
    unit: Unit
    extended_cents: int
    tax_cents: int
    tax_is_included: bool | None
    """None where the document does not say."""
    tax_ratio: Decimal
    discounts: list[Discount] = field(default_factory=list)
    receipt_discounts: list[Discount] = field(default_factory=list)
    """This line's shares of discounts on the whole receipt, taken off `extended_cents` already."""
    original_receipt_id: str | None = None


def goods_of(item: Node, number: int, purse: Purse, own: Reference) -> Line:
    """A Sale or a Return with what hangs on it; `own` is the transaction that it stands in. Raises InvalidMessage."""
    path = f"/Transaction/RetailTransaction/LineItem/{item.name}"
    item_id, gtin = _identity(item, path)
    quantity, unit = _quantity(item, path)
    tax_cents, tax_is_included, tax_ratio = taxes_of(item, purse, path)
    returned = item.name in RETURNS
    extended_cents = _extended(item, quantity, purse, path)
    return Line(
        number=number,
        returned=returned,
        item_id=item_id,
        gtin=gtin,
        quantity=quantity,
        unit=unit,
        extended_cents=abs(extended_cents) if returned else extended_cents,
        tax_cents=abs(tax_cents) if returned else tax_cents,
        tax_is_included=tax_is_included,
        tax_ratio=tax_ratio,
        discounts=discounts_of(item, purse, path),
        original_receipt_id=linked_receipt(item.child("TransactionLink"), own, None) if returned else None,
    )


def line_number(element: Node, position: int) -> int:
    """The line's own number, else its position from 1 on."""
    return number_in(element.text_of("SequenceNumber")) or position


def number_in(text: str | None) -> int | None:
    """The number of a line, of which there are less than a hundred thousand; None for anything else."""
    return int(text) if text and _LINE_NUMBER.fullmatch(text) else None


def taxes_of(item: Node, purse: Purse, path: str) -> tuple[int, bool | None, Decimal]:
    """The taxes on a line: their sum, whether the line's amount holds them already, and their rate."""
    cents, ratio, included = 0, Decimal(0), None
    for tax in item.each("Tax"):
        amount = tax.child("Amount", "TaxAmount")
        cents += purse.cents(amount, f"{path}/Tax/Amount") if amount else 0
        percent = tax.text_of("Percent")
        ratio += decimal_of(percent, f"{path}/Tax/Percent") / 100 if percent else 0
        taxable = tax.child("TaxableAmount")
        said = taxable.attribute("TaxIncludedInTaxableAmountFlag") if taxable else None
        included = said.lower() in {"true", "1"} if said else included
    return cents, included, ratio.normalize() + 0


def discounts_of(item: Node, purse: Purse, path: str) -> list[Discount]:
    """What changed the price of a line, or of the receipt where `item` is a line of its own; voided changes left out."""
    found = []
    for modifier in item.each("RetailPriceModifier", "Discount"):
        if modifier.flag("VoidFlag"):
            modifier.skip()
        elif (amount := modifier.child("Amount")) is not None:
            found.append(_discount(modifier, amount, purse, f"{path}/{modifier.name}"))
    return found


def tender_of(tender: Node, purse: Purse) -> tuple[TenderKind, int]:
    """A payment, what came back as change taken off; what was paid out is negative."""
    path = "/Transaction/RetailTransaction/LineItem/Tender"
    kind = (tender.attribute("TenderType") or "").replace(" ", "").lower()
    paid_out = (tender.attribute("TypeCode") or "").lower() in _PAID_OUT
    amount = tender.child("Amount")
    if amount is None:
        raise missing(f"{path}/Amount")
    cents = purse.cents(amount, f"{path}/Amount")
    change = tender.child("TenderChange")
    given_back = change.child("Amount") if change else None
    cents -= abs(purse.cents(given_back, f"{path}/TenderChange/Amount")) if given_back else 0
    return _TENDERS.get(kind, TenderKind.OTHER), -abs(cents) if paid_out else cents


def _identity(item: Node, path: str) -> tuple[str, str | None]:
    """The chain's own number of the item, else the scanned one; and the GTIN among them."""
    named = [(item.child("ItemID"), "")]
    named += [(one.child("POSItemID"), one.attribute("POSIDType") or "") for one in item.each("POSIdentity")]
    named += [(item.child("GTIN"), "GTIN")]
    codes = [(node.text.strip(), said or node.attribute("Type") or "") for node, said in named if node]
    texts = [text for text, _ in codes if text]
    gtins = [text for text, said in codes if _is_gtin(text, said)]
    return needed(texts[0] if texts else None, f"{path}/ItemID"), gtins[0] if gtins else None


def _is_gtin(text: str, said: str) -> bool:
    """A right check digit makes a GTIN of twelve digits or more; eight may be a number of the chain's own, unless said."""
    if not _GTIN.fullmatch(text) or not text.strip("0"):
        return False
    digits = [int(digit) for digit in text.zfill(14)]
    is_claimed = len(text) > _SHORT_GTIN or any(word in said.upper() for word in _GTIN_WORDS)
    return is_claimed and (3 * sum(digits[::2]) + sum(digits[1::2])) % 10 == 0


def _quantity(item: Node, path: str) -> tuple[Decimal, Unit]:
    quantity = item.child("Quantity")
    if quantity is None:
        return Decimal(1), Unit.EACH
    code = quantity.attributes.get("UnitOfMeasureCode", "").strip().upper()
    if code in _UNITS:
        quantity.attribute("UnitOfMeasureCode")
    unit, factor = _UNITS.get(code, _UNITS[""])
    units = quantity.attribute("Units")
    text = units if units and unit is not Unit.EACH else quantity.text.strip()
    return quantity_of(text, factor, f"{path}/Quantity"), unit


def _extended(item: Node, quantity: Decimal, purse: Purse, path: str) -> int:
    extended = item.child("ExtendedAmount")
    if extended is not None:
        return purse.cents(extended, f"{path}/ExtendedAmount")
    price = item.child("ActualSalesUnitPrice")
    if price is None or quantity != 1:
        raise missing(f"{path}/ExtendedAmount")
    return purse.cents(price, f"{path}/ActualSalesUnitPrice")


def _discount(modifier: Node, amount: Node, purse: Purse, path: str) -> Discount:
    cents = abs(purse.cents(amount, f"{path}/Amount"))
    said = f"{modifier.attribute('MethodCode') or ''}{modifier.attribute('TypeCode') or ''}".lower()
    adds = (amount.attribute("Action") or "").lower() == "add"
    funder = Funder.MAKER if "manufacturer" in said or "vendor" in said else Funder.RETAILER
    return Discount(-cents if adds else cents, funder)
