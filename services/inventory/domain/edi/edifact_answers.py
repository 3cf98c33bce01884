"""What an ORDRSP or a DESADV says of our orders, line by line; called by edifact.py."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
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
from services.inventory.domain.edi.edifact_syntax import Message, Segment

_WHOLE = {"29": Meaning.ACKNOWLEDGED, "27": Meaning.REJECTED, "4": None, "9": None, "": None}
"""BGM 1225 of a response: what it says of all lines; None: the lines say it."""
_LINES = {
    "5": Meaning.ACKNOWLEDGED,
    "6": Meaning.AMENDED,
    "3": Meaning.AMENDED,
    "7": Meaning.REJECTED,
    "2": Meaning.REJECTED,
    "10": Meaning.REJECTED,
}
"""LIN 1229: accepted; accepted with amendment; changed; not accepted; deleted; not found."""
_COMING = ("113", "12", "21")
"""QTY of a response: to be delivered, despatched, ordered; the first that is there counts."""
_WHEN = ("69", "67", "17", "35", "2")
"""DTM that say when goods come: promised, scheduled, estimated, actual, requested."""
DATE, TIME, _SECONDS = "102", "203", "204"
"""Forms of DTM."""
_NOON = time(12)
_UNITS = {"PCE": "each", "EA": "each", "C62": "each", "NAR": "each", "KGM": "kg", "LTR": "l", "MTR": "m", "": None}
"""QTY 6411; what is not here is in a unit of its own."""


def response(partner: Partner, mark: str, message: Message) -> Iterator[LineAnswer]:
    """The lines of an ORDRSP; raises EdiInvalid. `mark` is the decimal mark that is in force."""
    head, groups = _groups(message)
    begin = next((line for line in head if line.tag == "BGM"), None)
    verdict = begin.at(2) if begin else ""
    if begin is None or begin.at(0) != "231" or verdict not in _WHOLE:
        raise EdiInvalid(f"BGM says neither accepted, changed nor refused: {verdict[:3]!r}")
    whole, order_number, due = _WHOLE[verdict], _order_number(head), _when(partner, head)
    if not groups:
        if whole is None or order_number is None:
            raise EdiInvalid("a response without lines names its order and says accepted (29) or not accepted (27)")
        yield LineAnswer(order_number=order_number, meaning=whole, expected_at=due, reason=_reason(whole, verdict))
    for group in groups:
        action = group[0].at(1)
        meaning = _LINES.get(action) or (whole if action == "" else None)
        if meaning is None:
            raise EdiInvalid(f"LIN {group[0].at(0)[:6]!r} does not say what becomes of it: {action[:3]!r}")
        yield _line(_order_number(group) or order_number, group, meaning, _when(partner, group) or due, mark)


def despatch(partner: Partner, mark: str, message: Message) -> Iterator[LineAnswer]:
    """The lines of a DESADV; raises EdiInvalid."""
    head, groups = _groups(message)
    begin = next((line for line in head if line.tag == "BGM"), None)
    if begin is None or begin.at(0) != "351":
        raise EdiInvalid("BGM does not begin a despatch advice (351)")
    if begin.at(2) not in {"9", ""}:
        raise EdiInvalid(f"a despatch advice that is no original: {begin.at(2)[:3]!r}")
    if not groups:
        raise EdiInvalid("a despatch advice without lines")
    order_number, due = _order_number(head), _when(partner, head)
    for group in groups:
        one = _line(_order_number(group) or order_number, group, Meaning.SHIPPED, _when(partner, group) or due, mark)
        yield replace(one, line=_ordered_line(group, head))


def _ordered_line(group: Sequence[Segment], head: Sequence[Segment]) -> int | None:
    """Which line of its order is shipped: a despatch advice counts lines of its own, over all its orders.

    So but for the first its number says nothing of the order, unless RFF+ON names the line too.
    """
    stated = next((line.at(0, 2) for line in (*group, *head) if line.tag == "RFF" and line.at(0) == "ON"), "")
    number = whole_number(stated or group[0].at(0))
    return number if stated or number == 1 else None


def _line(
    order_number: str | None, group: Sequence[Segment], meaning: Meaning, due: datetime | None, mark: str
) -> LineAnswer:
    if order_number is None:
        raise EdiInvalid("no RFF+ON says which order this answers")
    quantity, unit = _coming(group, meaning, mark)
    if meaning is Meaning.AMENDED and quantity is None:
        raise EdiInvalid("an amended line says how much will come (QTY)")
    if meaning in {Meaning.AMENDED, Meaning.SHIPPED} and quantity == 0:
        meaning = Meaning.REJECTED
    number = group[0].at(0)
    return LineAnswer(
        order_number=order_number,
        meaning=meaning,
        line=whole_number(number) or None,
        item_id=_item(group),
        quantity=None if meaning in {Meaning.REJECTED, Meaning.ACKNOWLEDGED} else quantity,
        unit=None if meaning in {Meaning.REJECTED, Meaning.ACKNOWLEDGED} else unit,
        expected_at=None if meaning is Meaning.REJECTED else due,
        reason=_reason(meaning, group[0].at(1)),
    )


def _reason(meaning: Meaning, code: str) -> str | None:
    return f"edifact-{code or 'none'}" if meaning in {Meaning.REJECTED, Meaning.AMENDED} else None


def _coming(group: Sequence[Segment], meaning: Meaning, mark: str) -> tuple[Decimal | None, str | None]:
    """How much, and in which unit."""
    found = {line.at(0): line for line in group if line.tag == "QTY"}
    wanted = ("12",) if meaning is Meaning.SHIPPED else _COMING
    line = next((found[code] for code in wanted if code in found), None)
    if line is None and meaning is Meaning.SHIPPED:
        raise EdiInvalid("a despatched line says how much (QTY+12)")
    if line is None:
        return None, None
    code = line.at(0, 2)
    return quantity_of(line.at(0, 1), mark), _UNITS.get(code, code)


def _item(group: Sequence[Segment]) -> str | None:
    """Our own number where it is stated, else the GTIN."""
    for line in group:
        if line.tag == "PIA":
            for element in line.elements[1:]:
                if len(element) > 1 and element[1] == "IN" and element[0]:
                    return element[0]
    return group[0].at(2) or None


def _groups(message: Message) -> tuple[Sequence[Segment], Sequence[Sequence[Segment]]]:
    """What stands before the first LIN, and the lines with what belongs to each; the summary belongs to none."""
    head: list[Segment] = []
    groups: list[list[Segment]] = []
    for line in message.segments:
        if line.tag in {"UNS", "CNT"}:
            break
        if line.tag == "LIN":
            groups.append([])
        (groups[-1] if groups else head).append(line)
    return head, groups


def _order_number(lines: Sequence[Segment]) -> str | None:
    return next((line.at(0, 1) for line in lines if line.tag == "RFF" and line.at(0) == "ON" and line.at(0, 1)), None)


def _when(partner: Partner, lines: Sequence[Segment]) -> datetime | None:
    found = {line.at(0): line for line in lines if line.tag == "DTM"}
    line = next((found[code] for code in _WHEN if code in found), None)
    if line is None:
        return None
    text, form = line.at(0, 1), line.at(0, 2) or DATE
    length = {DATE: 8, TIME: 12, _SECONDS: 14}.get(form)
    if length is None or len(text) != length:
        raise EdiInvalid(f"not a date of the form {form[:3]!r}: {text[:14]!r}")
    day = day_of(text[:8])
    if form == DATE:
        return partner.moment(day, _NOON)
    hour, minute = whole_number(text[8:10]), whole_number(text[10:12])
    if hour is None or minute is None or hour > 23 or minute > 59:  # noqa: PLR2004 - a clock's
        raise EdiInvalid(f"no such time: {text!r}")
    return partner.moment(day, time(hour, minute))
