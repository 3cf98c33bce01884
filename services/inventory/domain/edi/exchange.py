"""A trading partner's format chosen, commands as orders, and answers as what they mean for commands; called by the EDI handlers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from services.inventory.domain.commands.command import Command
from services.inventory.domain.edi import edifact, x12
from services.inventory.domain.edi.documents import (
    GREATEST_QUANTITY,
    EdiInvalid,
    Envelope,
    Format,
    LineAnswer,
    Meaning,
    Order,
    OrderLine,
    Partner,
    Party,
    Purpose,
    Received,
    order_number_of,
)
from services.inventory.domain.measure import from_milli

_LINE = 1
"""One command is one order of one line: its answer is the command's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedItem:
    """What an order of ours was about."""

    order_number: str
    item_id: str
    unit: str = "each"


def write_orders(partner: Partner, envelope: Envelope, orders: Sequence[Order]) -> bytes:
    """One interchange; raises EdiUnsayable."""
    write = edifact.write_orders if partner.format is Format.EDIFACT else x12.write_orders
    return write(partner, envelope, orders)


def write_receipt(partner: Partner, envelope: Envelope, received: Received) -> bytes:
    """The CONTRL or 997 for what came in."""
    write = edifact.write_receipt if partner.format is Format.EDIFACT else x12.write_receipt
    return write(partner, envelope, received)


def read_interchange(partner: Partner, raw: bytes) -> Received:
    """What came in from this partner; raises EdiInvalid, also for an interchange of somebody else, or a test in earnest."""
    read = edifact.read_interchange if partner.format is Format.EDIFACT else x12.read_interchange
    received = read(partner, raw)
    for said, known, who in (
        (received.sender, partner.theirs, "sender"),
        (received.recipient, partner.ours, "recipient"),
    ):
        if not _is_same(said, known):
            raise EdiInvalid(f"its {who} is {said.id[:35]!r} {said.qualifier[:4]!r}, not as agreed with this partner")
    if received.is_test != partner.is_test:
        raise EdiInvalid("a test interchange in earnest, or the other way round")
    return received


def order_of(command: Command, purpose: Purpose, unit: str) -> Order:
    """A reorder as a purchase order."""
    line = OrderLine(number=_LINE, item_id=command.item_id, quantity=from_milli(command.quantity_milli), unit=unit)
    return Order(
        order_number=order_number_of(command.command_id),
        purpose=purpose,
        ordered_at=command.decided_at,
        deliver_at=command.needed_at,
        store_id=command.store_id,
        lines=[line],
    )


def settled(answers: Sequence[LineAnswer], ordered: OrderedItem) -> LineAnswer:
    """All that one document says of one order as one answer; raises EdiInvalid for lines that the order has not, or another unit.

    What is shipped in several packages is one shipment; other repeats must say the same.
    """
    for answer in answers:
        if answer.line not in {None, _LINE} or (answer.line is None and answer.item_id not in {None, ordered.item_id}):
            raise EdiInvalid(
                f"order {ordered.order_number} has no such line: {answer.line}, {str(answer.item_id)[:35]!r}"
            )
        if answer.quantity is not None and answer.unit not in {None, ordered.unit}:
            raise EdiInvalid(f"order {ordered.order_number} is in {ordered.unit}, not {str(answer.unit)[:8]!r}")
    first = answers[0]
    if all(answer.meaning is Meaning.SHIPPED for answer in answers):
        total = sum((answer.quantity or Decimal(0) for answer in answers), Decimal(0))
        if total > GREATEST_QUANTITY:
            raise EdiInvalid(f"more than anybody orders: {total}")
        return replace(first, quantity=total)
    if any(replace(answer, line=first.line) != first for answer in answers[1:]):
        raise EdiInvalid(f"two answers to order {ordered.order_number} in one document")
    return first


def _is_same(said: Party, known: Party) -> bool:
    return said.id == known.id and (said.qualifier or known.qualifier) == (known.qualifier or said.qualifier)
