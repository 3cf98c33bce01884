"""What an 855 or an 856 says of our orders, line by line; called by x12.py."""

from collections.abc import Iterator, Sequence
from datetime import datetime, time
from decimal import Decimal

from services.inventory.domain.edi.documents import (
    EdiInvalid,
    LineAnswer,
    Meaning,
    Partner,
    day_of,
    quantity_of,
    whole_number,
)
from services.inventory.domain.edi.x12_syntax import Segment, Transaction

_WHOLE = {
    "AK": Meaning.ACKNOWLEDGED,
    "AT": Meaning.ACKNOWLEDGED,
    "RJ": Meaning.REJECTED,
    "RD": Meaning.REJECTED,
    "AC": None,
    "AD": None,
    "AE": None,
}
"""BAK02: what it says of all lines; None: the lines say it."""
_LINES = {
    "IA": Meaning.ACKNOWLEDGED,
    "AC": Meaning.ACKNOWLEDGED,
    "AR": Meaning.ACKNOWLEDGED,
    "DR": Meaning.ACKNOWLEDGED,
    "IP": Meaning.ACKNOWLEDGED,
    "IC": Meaning.AMENDED,
    "IQ": Meaning.AMENDED,
    "BP": Meaning.AMENDED,
    "IB": Meaning.REJECTED,
    "ID": Meaning.REJECTED,
    "IR": Meaning.REJECTED,
    "R1": Meaning.REJECTED,
    "R2": Meaning.REJECTED,
    "R3": Meaning.REJECTED,
    "R4": Meaning.REJECTED,
}
"""ACK01. A back order without a promise (IB) is a no: another source is asked."""
_WHEN = ("067", "017", "069", "002", "068")
"""DTM that say when goods come: delivery as scheduled, estimated, promised, requested; shipment as scheduled."""
_NUMBERS = ("IN", "BP", "SK", "EN", "UP", "UK", "UI")
"""Qualifiers of item numbers, our own first."""
_NOON = time(12)
_UNITS = {"EA": "each", "PC": "each", "UN": "each", "KG": "kg", "LT": "l", "MR": "m", "": None}
"""Element 355; what is not here is in a unit of its own."""


def response(partner: Partner, transaction: Transaction) -> Iterator[LineAnswer]:
    """The lines of an 855; raises EdiInvalid."""
    head, groups = _groups(transaction, "PO1")
    begin = next((line for line in head if line.tag == "BAK"), None)
    if begin is None or begin.at(2) not in _WHOLE or begin.at(3) == "":
        raise EdiInvalid("BAK names no order, or says neither accepted, changed nor refused")
    whole, due = _WHOLE[begin.at(2)], _when(partner, head)
    if not groups:
        if whole is None:
            raise EdiInvalid("an acknowledgement without lines says accepted (AK) or refused (RJ)")
        yield LineAnswer(order_number=begin.at(3), meaning=whole, expected_at=due, reason=_reason(whole, begin.at(2)))
    for group in groups:
        yield _answer(partner, begin.at(3), group, whole, due)


def despatch(partner: Partner, transaction: Transaction) -> Iterator[LineAnswer]:
    """The items of an 856; raises EdiInvalid."""
    begin = next((line for line in transaction.segments if line.tag == "BSN"), None)
    if begin is None or begin.at(1) != "00":
        raise EdiInvalid("BSN does not begin an original ship notice (00)")
    _, levels = _groups(transaction, "HL")
    order_number: str | None = None
    due: datetime | None = None
    found = 0
    for level in levels:
        due = _when(partner, level) or due
        order_number = next((line.at(1) for line in level if line.tag == "PRF"), order_number)
        shipped = next((line for line in level if line.tag == "SN1"), None)
        if level[0].at(3) != "I":
            continue
        if shipped is None or not order_number:
            raise EdiInvalid("an item without how much (SN1), or under no order (PRF)")
        found += 1
        quantity, number = quantity_of(shipped.at(2)), whole_number(shipped.at(1))
        yield LineAnswer(
            order_number=order_number,
            meaning=Meaning.SHIPPED if quantity else Meaning.REJECTED,
            line=number if number == 1 else None,  # many count through the notice; an order of ours has one line
            item_id=_item(next((line for line in level if line.tag == "LIN"), None), 2),
            quantity=quantity or None,
            unit=_UNITS.get(shipped.at(3), shipped.at(3)) if quantity else None,
            expected_at=due if quantity else None,
            reason=None if quantity else "x12-nothing-shipped",
        )
    if not found:
        raise EdiInvalid("a ship notice without items")


def _answer(
    partner: Partner, order_number: str, group: Sequence[Segment], whole: Meaning | None, due: datetime | None
) -> LineAnswer:
    said = [line for line in group if line.tag == "ACK"]
    meaning, quantity, codes = _said(said, whole)
    return LineAnswer(
        order_number=order_number,
        meaning=meaning,
        line=whole_number(group[0].at(1)) or None,
        item_id=_item(group[0], 6),
        quantity=quantity if meaning is Meaning.AMENDED else None,
        unit=_unit(said) if meaning is Meaning.AMENDED else None,
        expected_at=None if meaning is Meaning.REJECTED else _ack_date(partner, said) or _when(partner, group) or due,
        reason=_reason(meaning, codes),
    )


def _said(said: Sequence[Segment], whole: Meaning | None) -> tuple[Meaning, Decimal | None, str]:
    """What all ACK of a line come to: what is refused or waits does not come, of the rest the sum does."""
    if not said:
        if whole is None:
            raise EdiInvalid("a line without ACK, and BAK does not speak for it")
        return whole, None, ""
    codes = "-".join(line.at(1) for line in said)
    if strange := [line.at(1) for line in said if line.at(1) not in _LINES]:
        raise EdiInvalid(f"ACK does not say what becomes of the line: {strange[0][:3]!r}")
    meanings = {_LINES[line.at(1)] for line in said}
    coming = [line for line in said if _LINES[line.at(1)] is not Meaning.REJECTED]
    if not coming:
        return Meaning.REJECTED, None, codes
    if meanings == {Meaning.ACKNOWLEDGED}:
        return Meaning.ACKNOWLEDGED, None, codes
    quantity = sum((quantity_of(line.at(2)) for line in coming), Decimal(0))
    return (Meaning.AMENDED, quantity, codes) if quantity else (Meaning.REJECTED, None, codes)


def _unit(said: Sequence[Segment]) -> str | None:
    """The unit of what comes; raises EdiInvalid for several."""
    codes = {line.at(3) for line in said if _LINES[line.at(1)] is not Meaning.REJECTED} - {""}
    units = {_UNITS.get(code, code) for code in codes}
    if len(units) > 1:
        raise EdiInvalid("ACK of one line in several units")
    return next(iter(units), None)


def _ack_date(partner: Partner, said: Sequence[Segment]) -> datetime | None:
    return next((_moment(partner, line.at(5)) for line in said if line.at(4) in _WHEN and line.at(5)), None)


def _reason(meaning: Meaning, codes: str) -> str | None:
    return f"x12-{codes or 'none'}"[:100] if meaning in {Meaning.REJECTED, Meaning.AMENDED} else None


def _item(line: Segment | None, first: int) -> str | None:
    """The item number of pairs (qualifier, number) from element `first`; our own where it is stated."""
    if line is None:
        return None
    pairs = {line.at(place): line.at(place + 1) for place in range(first, len(line.elements) + 1, 2)}
    return next((pairs[kind] for kind in _NUMBERS if pairs.get(kind)), None)


def _groups(transaction: Transaction, begin: str) -> tuple[Sequence[Segment], Sequence[Sequence[Segment]]]:
    head: list[Segment] = []
    groups: list[list[Segment]] = []
    for line in transaction.segments:
        if line.tag == "CTT":
            break
        if line.tag == begin:
            groups.append([])
        (groups[-1] if groups else head).append(line)
    return head, groups


def _when(partner: Partner, lines: Sequence[Segment]) -> datetime | None:
    found = {line.at(1): line.at(2) for line in lines if line.tag == "DTM"}
    text = next((found[code] for code in _WHEN if found.get(code)), None)
    return None if text is None else _moment(partner, text)


def _moment(partner: Partner, text: str) -> datetime:
    return partner.moment(day_of(text), _NOON)
