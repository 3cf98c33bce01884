"""ARTS/NRF POSLog (2, 3 and 6) as structured CloudEvents of the till; called by the API with one body.

| POSLog | Here |
| --- | --- |
| Transaction / RetailTransaction with Sale lines | `usual.pos.sale.v1` |
| the same with Return lines | `usual.pos.return.v1`; with both kinds of lines: both events |
| PostVoidTransaction, a TransactionLink that says "void", TransactionStatus PostVoided | `usual.pos.void.v1` |
| a line with VoidFlag, and the line that its ItemLink takes back | no line |
| RetailPriceModifier, Discount | the line's `discounts` |
| LoyaltyAccountID, LoyaltyID | `customer` |
| Tender, Tax, Total | `tenders`, `tax_ratio`, and a check of what was paid |
| a suspended transaction, one without a line that stands, any other kind of transaction | skipped, and said so |

Whatever else a transaction holds was not read, and is listed by path in the answer.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import tzinfo

from libs.common.card_numbers import CardNumberFound, CardNumberGuard
from libs.common.errors import InvalidInput, UsualError
from services.ingest.domain.poslog.events import event_of, receipt_of, return_of, sale_of, void_of
from services.ingest.domain.poslog.header import Header, Reference, header_of, linked_receipt, loyalty_account
from services.ingest.domain.poslog.reading import RawTransaction, XmlLimits, read_transactions
from services.ingest.domain.poslog.retail import Basket, basket_of
from services.ingest.domain.poslog.tree import Node
from services.ingest.domain.poslog.values import MISSING_CURRENCY, Purse, broken

_TRANSACTION = "Transaction"
_RETAIL = "RetailTransaction"
_POST_VOIDS = ("PostVoidTransaction", "VoidTransaction")
_SUSPENDED = frozenset({"suspended"})
_VOIDED = frozenset({"postvoided", "postvoid", "voided", "void"})
_RETURNED = frozenset({"return", "returned"})
_CANCELLED = frozenset({"canceled", "cancelled", "aborted"})
_GREATEST_PATHS = 200
_GOODS = {"POSItemID": "item_id", "ScanData": "item_id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What a deployment or a request says of tills that do not say it themselves."""

    zone: tzinfo | None = None
    currency: str | None = None


@dataclass(slots=True, kw_only=True)
class Mapped:
    """One transaction: its events, or why there are none. `raw` are its bytes, empty when it was too long."""

    kind: str
    raw: bytes
    reference: Reference | None = None
    zone_was_assumed: bool = False
    skipped: str | None = None
    fault: UsualError | None = None
    voided_lines: int = 0
    events: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class Poslog:
    """A whole body: its transactions in order, and what nobody read of it, by path."""

    transactions: list[Mapped] = field(default_factory=list)
    unmapped: Counter[str] = field(default_factory=Counter)
    unmapped_left_out: int = 0
    """How many more there were at paths that did not fit into the list."""


def read_poslog(body: bytes, limits: XmlLimits, assumed: Assumed, guard: CardNumberGuard) -> Poslog:
    """All transactions of a body. Raises XmlForbidden, InvalidXml, InvalidInput, TooLarge and CardNumberFound for the body as a whole.

    A broken transaction has a `fault` and costs its neighbours nothing. One with a card number loses its bytes too.
    """
    poslog = Poslog()

    def take(raw: RawTransaction) -> None:
        mapped = _kind_of(raw)
        poslog.transactions.append(mapped)
        try:
            _refuse_card_numbers(raw, mapped, guard)
            if raw.fault is not None:
                raise raw.fault
            _map(raw.node, mapped, assumed)
        except UsualError as error:
            mapped.fault, mapped.events = error, []
        if mapped.fault is None and mapped.skipped is None:
            _list(poslog, raw.node.unread("Transaction"))

    around = read_transactions(body, limits, take)
    if any(map(guard.is_in_text, around.texts)):
        raise CardNumberFound
    if not poslog.transactions:
        raise InvalidInput("no Transaction stands in it", slug="not-a-poslog")
    _list(poslog, around.paths.elements())
    return poslog


def _refuse_card_numbers(raw: RawTransaction, mapped: Mapped, guard: CardNumberGuard) -> None:
    found = raw.fault is not None and guard.is_in(raw.raw)
    if found or any(guard.is_in_text(text.strip(), _GOODS.get(name, name)) for name, text in raw.node.texts()):
        mapped.raw = b""
        raise CardNumberFound


def _kind_of(raw: RawTransaction) -> Mapped:
    kinds = [child.name for child in raw.node.children if child.name.endswith(_TRANSACTION)]
    return Mapped(kind=kinds[0] if kinds else _TRANSACTION, raw=raw.raw)


def _map(transaction: Node, mapped: Mapped, assumed: Assumed) -> None:
    retail = transaction.child(_RETAIL, *_POST_VOIDS)
    if retail is None:
        mapped.skipped = "unmapped-transaction"
        return
    header = header_of(transaction, assumed.zone)
    mapped.reference, mapped.zone_was_assumed = header.reference, header.zone_was_assumed
    status = (retail.attribute("TransactionStatus") or "").lower()
    if status in _SUSPENDED or transaction.flag("SuspendedFlag"):
        mapped.skipped = "suspended"
        return
    header = replace(header, cancelled=header.cancelled or status in _CANCELLED)
    purse = Purse(transaction.text_of("CurrencyCode") or _first_currency(transaction) or assumed.currency)
    link = _voiding_link(transaction, retail)
    if link is not None or retail.name in _POST_VOIDS or status in _VOIDED or transaction.flag("VoidedFlag"):
        _map_void(retail, link, header, purse, mapped)
    else:
        _map_goods(retail, header, purse, mapped)


def _map_goods(retail: Node, header: Header, purse: Purse, mapped: Mapped) -> None:
    basket = basket_of(retail, header.reference, purse, cancelled=header.cancelled)
    mapped.voided_lines = basket.voided_lines
    _name_originals(retail, basket, header.reference)
    receipt = receipt_of(header, purse.currency, loyalty_account(retail))
    if any(not line.returned for line in basket.lines):
        mapped.events.append(event_of(header, "sale", sale_of(receipt, basket)))
    if any(line.returned for line in basket.lines):
        mapped.events.append(event_of(header, "return", return_of(receipt, basket)))
    if not mapped.events:
        mapped.skipped = "empty-transaction"


def _name_originals(retail: Node, basket: Basket, own: Reference) -> None:
    """Some tills name the receipt that goods came back from once for all lines."""
    unnamed = [line for line in basket.lines if line.returned and line.original_receipt_id is None]
    links = [link for link in retail.children if link.name == "TransactionLink"] if unnamed else []
    for link in links:
        if (link.attributes.get("ReasonCode") or "Return").lower() in _RETURNED:
            link.was_read = True
            link.attribute("ReasonCode")
            original = linked_receipt(link, own, None)
            for line in unnamed:
                line.original_receipt_id = original
            return


def _map_void(retail: Node, link: Node | None, header: Header, purse: Purse, mapped: Mapped) -> None:
    voided = linked_receipt(link or retail.child("TransactionLink"), header.reference, header.reference.business_day)
    if voided is None:
        raise broken(
            "missing-link", "a void must say which transaction it voids", f"/Transaction/{retail.name}/TransactionLink"
        )
    if purse.currency is None:
        raise broken("missing-currency", MISSING_CURRENCY, "/Transaction/CurrencyCode")
    for repeated in retail.each("LineItem", "Total"):  # the voided receipt's own, taken back with it
        repeated.skip()
    receipt = receipt_of(header, purse.currency, loyalty_account(retail))
    mapped.events.append(event_of(header, "void", void_of(receipt, voided)))


def _voiding_link(transaction: Node, retail: Node) -> Node | None:
    """The link that says of itself that it voids, on the transaction or below."""
    for place in (retail, transaction):
        for link in place.children:
            said = link.attributes.get("ReasonCode", link.attributes.get("TypeCode", ""))
            if link.name == "TransactionLink" and said.strip().lower() in _VOIDED:
                link.was_read = True
                link.attribute("ReasonCode", "TypeCode")
                return link
    return None


def _first_currency(transaction: Node) -> str | None:
    return next((text.strip() for name, text in transaction.texts() if name == "Currency" and text.strip()), None)


def _list(poslog: Poslog, paths: Iterable[str]) -> None:
    for path in paths:
        if path in poslog.unmapped or len(poslog.unmapped) < _GREATEST_PATHS:
            poslog.unmapped[path] += 1
        else:
            poslog.unmapped_left_out += 1
