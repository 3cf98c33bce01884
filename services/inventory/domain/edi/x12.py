"""850 written, 855, 856 and 997 read, 997 written: X12 004010."""

from collections.abc import Sequence

from services.inventory.domain.edi.documents import (
    Document,
    EdiInvalid,
    Envelope,
    Order,
    OrderLine,
    Partner,
    Purpose,
    Receipt,
    Received,
    fits,
    is_gln,
    is_gtin,
    quantity_text,
    whole_number,
)
from services.inventory.domain.edi.x12_answers import despatch, response
from services.inventory.domain.edi.x12_syntax import Group, Header, Segment, Transaction, read, segment, write

_PURPOSES = {Purpose.ORIGINAL: "00", Purpose.REPLACE: "05", Purpose.CANCEL: "01", Purpose.DUPLICATE: "07"}
_UNITS = {"each": "EA", "kg": "KG", "l": "LT", "m": "MR"}
_GTINS = {8: "EN", 12: "UP", 13: "EN", 14: "UK"}
_LONGEST_ITEM, _LONGEST_PLACE = 48, 80  # elements 234 and 67
_ORDER, _RECEIPT = "PO", "FA"
_READ = {"855": response, "856": despatch}
_ACCEPTED, _WITH_ERRORS, _PARTLY, _REJECTED = "A", "E", "P", "R"


def write_orders(partner: Partner, envelope: Envelope, orders: Sequence[Order]) -> bytes:
    """One interchange, a transaction an order; raises EdiUnsayable."""
    transactions = [
        Transaction("850", f"{number:04d}", tuple(_order(partner, order))) for number, order in enumerate(orders, 1)
    ]
    return write(_header(partner, envelope, _ORDER), transactions)


def write_receipt(partner: Partner, envelope: Envelope, received: Received) -> bytes:
    """The 997 for an interchange: taken, or transaction by transaction with a fault."""
    clean = [document for document in received.documents if document.fault is None]
    lines = [segment("AK1", received.group_kind, received.group_reference)]
    for document in received.documents:
        lines.append(segment("AK2", document.kind, document.reference))
        lines.append(segment("AK5", *([_ACCEPTED] if document.fault is None else [_REJECTED, "5"])))
    count, taken = len(received.documents), len(clean)
    verdict = _ACCEPTED if taken == count else _PARTLY if taken else _REJECTED
    lines.append(segment("AK9", verdict, str(count), str(count), str(taken)))
    return write(_header(partner, envelope, _RECEIPT), [Transaction("997", "0001", tuple(lines))])


def read_interchange(partner: Partner, raw: bytes) -> Received:
    """What came in; raises EdiInvalid when the interchange as such is broken. A transaction that is not understood has a fault.

    One group of answers an interchange, as the 997 that is written speaks of one; groups of receipts may stand beside it.
    """
    interchange = read(raw)
    answering = [group for group in interchange.groups if group.kind != _RECEIPT]
    if len(answering) > 1:
        raise EdiInvalid("more than one group of answers in an interchange is not read")
    documents = [_document(partner, one) for group in answering for one in group.transactions]
    receiving = [group for group in interchange.groups if group.kind == _RECEIPT]
    return Received(
        sender=interchange.sender,
        recipient=interchange.recipient,
        control_reference=interchange.control_number,
        documents=documents,
        receipts=[_receipt(one) for group in receiving for one in group.transactions],
        is_test=interchange.is_test,
        group_reference=answering[0].control_number if answering else "",
        group_kind=_kind(answering),
    )


def _kind(answering: Sequence[Group]) -> str:
    return answering[0].kind if answering else ""


def _header(partner: Partner, envelope: Envelope, kind: str) -> Header:
    at = partner.local(envelope.prepared_at)
    return Header(
        sender=partner.ours,
        recipient=partner.theirs,
        control_number=envelope.control_number,
        date=f"{at:%Y%m%d}",
        time=f"{at:%H%M}",
        group_kind=kind,
        is_test=partner.is_test,
    )


def _order(partner: Partner, order: Order) -> list[Segment]:
    ordered, due = partner.local(order.ordered_at), partner.local(order.deliver_at)
    store = partner.store_codes.get(order.store_id, order.store_id)
    fits(store, _LONGEST_PLACE, "a place")
    lines = [
        segment("BEG", _PURPOSES[order.purpose], "SA", order.order_number, "", f"{ordered:%Y%m%d}"),
        segment("CUR", "BY", partner.currency),
        segment("DTM", "002", f"{due:%Y%m%d}"),
        segment("N1", "ST", "", *(("UL", store) if is_gln(store) else ("92", store))),
    ]
    lines += [_line(line) for line in order.lines]
    return [*lines, segment("CTT", str(len(order.lines)))]


def _line(line: OrderLine) -> Segment:
    fits(line.item_id, _LONGEST_ITEM, "an item number")
    named = (_GTINS[len(line.item_id)], line.item_id) if is_gtin(line.item_id) else ("IN", line.item_id)
    amount = (quantity_text(line.quantity), _UNITS.get(line.unit, "EA"))
    return segment("PO1", str(line.number), *amount, "", "", *named)


def _document(partner: Partner, transaction: Transaction) -> Document:
    reader, reference = _READ.get(transaction.kind), transaction.control_number
    if reader is None:
        fault = f"a transaction of the kind {transaction.kind[:3]!r} is not read"
        return Document(reference=reference, kind=transaction.kind, fault=fault)
    try:
        answers = list(reader(partner, transaction))
    except EdiInvalid as error:
        return Document(reference=reference, kind=transaction.kind, fault=error.detail)
    return Document(reference=reference, kind=transaction.kind, answers=answers)


def _receipt(transaction: Transaction) -> Receipt:
    head = next((line for line in transaction.segments if line.tag == "AK1"), None)
    end = next((line for line in transaction.segments if line.tag == "AK9"), None)
    number = None if head is None else whole_number(head.at(2))
    if head is None or end is None or number is None:
        raise EdiInvalid("a 997 without AK1 and AK9, or about a group that we did not write")
    if end.at(1) not in {_ACCEPTED, _WITH_ERRORS, _PARTLY, _REJECTED}:
        raise EdiInvalid(f"AK9 says neither taken nor rejected: {end.at(1)[:2]!r}")
    return Receipt(control_number=number, accepted=end.at(1) in {_ACCEPTED, _WITH_ERRORS}, detail=end.at(5))
