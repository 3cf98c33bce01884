"""ORDERS written, ORDRSP, DESADV and CONTRL read, CONTRL written: EDIFACT D.96A, as EANCOM uses it."""

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
from services.inventory.domain.edi.edifact_answers import DATE, TIME, despatch, response
from services.inventory.domain.edi.edifact_syntax import Header, Interchange, Message, Segment, read, segment, write

_PURPOSES = {Purpose.ORIGINAL: "9", Purpose.REPLACE: "5", Purpose.CANCEL: "1", Purpose.DUPLICATE: "7"}
_UNITS = {"each": "PCE", "kg": "KGM", "l": "LTR", "m": "MTR"}
_ACCEPTED, _REJECTED = "7", "4"
_RECEIVED = "8"
_LONGEST = 35  # of 7140 and 3039: item numbers and places
_UNKNOWN_FAULT = "12"  # 0085: invalid value


def write_orders(partner: Partner, envelope: Envelope, orders: Sequence[Order]) -> bytes:
    """One interchange, a message an order; raises EdiUnsayable."""
    messages = [_orders(partner, str(number), order) for number, order in enumerate(orders, 1)]
    return write(_header(partner, envelope), messages)


def write_receipt(partner: Partner, envelope: Envelope, received: Received) -> bytes:
    """The CONTRL for an interchange: taken, or message by message with a fault."""
    clean = all(document.fault is None for document in received.documents)
    named = [received.sender.id, received.sender.qualifier], [received.recipient.id, received.recipient.qualifier]
    lines = [segment("UCI", received.control_reference, *named, _ACCEPTED if clean else _RECEIVED)]
    for document in received.documents:
        verdict = [_ACCEPTED] if document.fault is None else [_REJECTED, _UNKNOWN_FAULT]
        lines.append(segment("UCM", document.reference, [document.kind, "D", "96A", "UN"], *verdict))
    message = Message("1", "CONTRL", tuple(lines), ("CONTRL", "D", "3", "UN", "EAN002"))
    return write(_header(partner, envelope), [message])


def read_interchange(partner: Partner, raw: bytes) -> Received:
    """What came in; raises EdiInvalid when the interchange as such is broken. A message that is not understood has a fault."""
    interchange = read(raw)
    documents = [_document(partner, interchange, message) for message in interchange.messages]
    return Received(
        sender=interchange.sender,
        recipient=interchange.recipient,
        control_reference=interchange.control_reference,
        documents=[each for each in documents if each.kind != "CONTRL"],
        is_test=interchange.is_test,
        receipts=[_receipt(message) for message in interchange.messages if message.kind == "CONTRL"],
    )


def _header(partner: Partner, envelope: Envelope) -> Header:
    at = partner.local(envelope.prepared_at)
    return Header(
        sender=partner.ours,
        recipient=partner.theirs,
        control_reference=str(envelope.control_number),
        date=f"{at:%Y%m%d}",
        time=f"{at:%H%M}",
        character_set=partner.character_set,
        is_test=partner.is_test,
    )


def _orders(partner: Partner, reference: str, order: Order) -> Message:
    ordered, due = partner.local(order.ordered_at), partner.local(order.deliver_at)
    store = partner.store_codes.get(order.store_id, order.store_id)
    lines = [
        segment("BGM", "220", order.order_number, _PURPOSES[order.purpose]),
        segment("DTM", ["137", f"{ordered:%Y%m%d%H%M}", TIME]),
        segment("DTM", ["2", f"{due:%Y%m%d}", DATE]),
        segment("NAD", "BY", _place(partner.ours.id)),
        segment("NAD", "SU", _place(partner.theirs.id)),
        segment("NAD", "DP", _place(store)),
        segment("CUX", ["2", partner.currency, "9"]),
    ]
    for line in order.lines:
        lines += _order_line(line)
    lines += [segment("UNS", "S"), segment("CNT", ["2", str(len(order.lines))])]
    return Message(reference, "ORDERS", tuple(lines), ("ORDERS", "D", "96A", "UN", "EAN008"))


def _order_line(line: OrderLine) -> list[Segment]:
    fits(line.item_id, _LONGEST, "an item number")
    amount = segment("QTY", ["21", quantity_text(line.quantity), _UNITS.get(line.unit, "PCE")])
    if is_gtin(line.item_id):
        return [segment("LIN", str(line.number), "", [line.item_id, "EN"]), amount]
    return [segment("LIN", str(line.number)), segment("PIA", "5", [line.item_id, "IN"]), amount]


def _place(code: str) -> list[str]:
    """A GLN as such (agency 9), any other code as ours (92: assigned by the buyer)."""
    fits(code, _LONGEST, "a place")
    return [code, "", "9" if is_gln(code) else "92"]


def _document(partner: Partner, interchange: Interchange, message: Message) -> Document:
    reader = {"ORDRSP": response, "DESADV": despatch}.get(message.kind)
    if message.kind == "CONTRL":
        return Document(reference=message.reference, kind=message.kind)
    if reader is None:
        fault = f"a message of the kind {message.kind[:6]!r} is not read"
        return Document(reference=message.reference, kind=message.kind, fault=fault)
    try:
        answers = list(reader(partner, interchange.decimal_mark, message))
    except EdiInvalid as error:
        return Document(reference=message.reference, kind=message.kind, fault=error.detail)
    return Document(reference=message.reference, kind=message.kind, answers=answers)


def _receipt(message: Message) -> Receipt:
    """What a CONTRL says of our interchange; a part that was rejected rejects it: somebody must look."""
    head = next((line for line in message.segments if line.tag == "UCI"), None)
    number = None if head is None else whole_number(head.at(0))
    if head is None or number is None:
        raise EdiInvalid("a CONTRL without UCI, or about an interchange that we did not write")
    parts = [line for line in message.segments if line.tag == "UCM"]
    refused = head.at(3) == _REJECTED or any(line.at(2) == _REJECTED for line in parts)
    if head.at(3) not in {_ACCEPTED, _RECEIVED, _REJECTED}:
        raise EdiInvalid(f"UCI says neither taken nor rejected: {head.at(3)[:3]!r}")
    return Receipt(control_number=number, accepted=not refused, detail=head.at(4))
