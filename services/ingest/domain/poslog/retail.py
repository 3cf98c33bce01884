"""A RetailTransaction's lines sorted by kind, voided ones taken out, amounts settled; called by the mapping."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from libs.common.contracts.values import TenderKind
from services.ingest.domain.poslog.header import Reference
from services.ingest.domain.poslog.lines import (
    RETURNS,
    SALES,
    Discount,
    Line,
    discounts_of,
    goods_of,
    line_number,
    number_in,
    taxes_of,
    tender_of,
)
from services.ingest.domain.poslog.totals import settle, spread_discount, spread_tax
from services.ingest.domain.poslog.tree import Node
from services.ingest.domain.poslog.values import Purse

_PATH = "/Transaction/RetailTransaction"
_WITHOUT_MONEY = frozenset({"SequenceNumber", "BeginDateTime", "EndDateTime", "ScanData", "LoyaltyMembership"})
_KINDS = frozenset({*SALES, *RETURNS, "Tender", "Tax", "Discount"})


@dataclass(slots=True)
class Basket:
    """What was sold, brought back and paid; `paid_cents` belong to `lines` one by one."""

    lines: list[Line] = field(default_factory=list)
    paid_cents: list[int] = field(default_factory=list)
    tenders: list[tuple[TenderKind, int]] = field(default_factory=list)
    voided_lines: int = 0


@dataclass(slots=True)
class _OnTheWhole:
    """What a receipt says of itself and not of a line."""

    discounts: list[Discount] = field(default_factory=list)
    tax_cents: int = 0
    tax_is_included: bool | None = None
    is_understood: bool = True
    """Whether no line moves money in a way that no event carries."""


def basket_of(retail: Node, own: Reference, purse: Purse, *, cancelled: bool) -> Basket:
    """The goods of a transaction, each with what was paid for it; raises InvalidMessage."""
    basket, whole = Basket(), _OnTheWhole()
    numbered = [(line_number(element, place), element) for place, element in enumerate(retail.each("LineItem"), 1)]
    taken_back = _taken_back(numbered)
    for number, element in numbered:
        if element.flag("VoidFlag") or number in taken_back:
            element.skip()
            basket.voided_lines += 1
        else:
            _add_goods(basket, element, number, purse, own)
            _add_rest(basket, whole, element, purse)
    for discount in whole.discounts:
        spread_discount(basket.lines, discount)
    spread_tax(basket.lines, whole.tax_cents, is_included=whole.tax_is_included)
    stated = _stated_totals(retail, basket.lines, purse)
    basket.paid_cents = settle(basket.lines, stated, is_whole=whole.is_understood and not cancelled)
    return basket


def _taken_back(numbered: Sequence[tuple[int, Node]]) -> frozenset[int]:
    """The lines that a later, voiding line of the same item links to: some tills write a void as a line of its own."""
    items = {number: _item_id(element) for number, element in numbered if not element.flag("VoidFlag")}
    links = [(_link(element), _item_id(element)) for _, element in numbered if element.flag("VoidFlag")]
    return frozenset(number for number, item_id in links if item_id and items.get(number) == item_id)


def _item_id(element: Node) -> str | None:
    goods = element.child(*SALES, *RETURNS)
    return goods.text_of("ItemID") if goods else None


def _link(element: Node) -> int:
    goods = element.child(*SALES, *RETURNS)
    return (goods and number_in(goods.text_of("ItemLink"))) or 0


def _add_goods(basket: Basket, element: Node, number: int, purse: Purse, own: Reference) -> None:
    for goods in element.each(*SALES, *RETURNS):
        basket.lines.append(goods_of(goods, number, purse, own))


def _add_rest(basket: Basket, whole: _OnTheWhole, element: Node, purse: Purse) -> None:
    basket.tenders += [tender_of(tender, purse) for tender in element.each("Tender")]
    whole.discounts += discounts_of(element, purse, f"{_PATH}/LineItem")
    tax_cents, is_included, _ = taxes_of(element, purse, f"{_PATH}/LineItem")
    whole.tax_cents += tax_cents
    whole.tax_is_included = whole.tax_is_included if is_included is None else is_included
    whole.is_understood &= all(child.name in _KINDS | _WITHOUT_MONEY for child in element.children)


def _stated_totals(retail: Node, lines: Sequence[Line], purse: Purse) -> list[int]:
    """The sums that the lines may have: what the document says, before and after rounding to coins."""
    grand: int | None = None
    rounding = 0
    for total in retail.each("Total"):
        kind = total.attribute("TotalType", "TypeCode") or ""
        if kind == "TransactionGrandAmount":
            grand = purse.cents(total, f"{_PATH}/Total")
        elif kind == "RoundingAmount":
            rounding = purse.cents(total, f"{_PATH}/Total")
        else:
            total.skip()  # it says what the lines say, or counts pieces
    if grand is None:
        return []
    sums = [grand, grand - rounding, grand + rounding]
    only_returned = bool(lines) and all(line.returned for line in lines)
    return [*sums, *(-cents for cents in sums)] if only_returned else sums
