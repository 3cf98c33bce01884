"""Two trading partners and an order for each, and answers to them as partners write them."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from services.inventory.domain.edi.documents import Envelope, Format, Order, OrderLine, Partner, Party, Purpose

GOLDEN = Path(__file__).parents[1] / "golden" / "edi"
AT = datetime(2031, 12, 7, 11, 30, tzinfo=UTC)
DUE = datetime(2031, 12, 9, 6, 0, tzinfo=UTC)
EDIFACT = Partner(
    partner_id="molkerei",
    supplier_id="dairy",
    format=Format.EDIFACT,
    ours=Party("4012345000009", "14"),
    theirs=Party("4098765000010", "14"),
    time_zone="Europe/Berlin",
    store_codes={"s1": "4012345000160"},
)
X12 = Partner(
    partner_id="midwest",
    supplier_id="dry-goods",
    format=Format.X12,
    ours=Party("THEUSUAL", "ZZ"),
    theirs=Party("6123456789", "12"),
    currency="USD",
    time_zone="America/Chicago",
)
ENVELOPE = Envelope(control_number=42, prepared_at=AT)


def an_order(number: str = "PO1", *, purpose: Purpose = Purpose.ORIGINAL, item_id: str = "milk") -> Order:
    line = OrderLine(number=1, item_id=item_id, quantity=Decimal(24))
    return Order(order_number=number, purpose=purpose, ordered_at=AT, deliver_at=DUE, store_id="s1", lines=[line])


def edifact(*messages: list[str], reference: str = "7001", sender: str = "4098765000010:14") -> bytes:
    """An interchange of a partner, its counts right. A message is its kind and its segments."""
    body: list[str] = []
    for number, (kind, *segments) in enumerate(messages, 1):
        body += [f"UNH+{number}+{kind}:D:96A:UN:EAN005", *segments, f"UNT+{len(segments) + 2}+{number}"]
    lines = [
        f"UNB+UNOC:3+{sender}+4012345000009:14+311207:1402+{reference}",
        *body,
        f"UNZ+{len(messages)}+{reference}",
    ]
    return "".join(line + "'" for line in lines).encode("latin-1")


def x12(kind: str, *transactions: list[str], number: int = 301, sender: str = "6123456789     ") -> bytes:
    """An interchange of a partner with one group, its counts right. A transaction is its kind and its segments."""
    body: list[str] = []
    for place, (code, *segments) in enumerate(transactions, 1):
        body += [f"ST*{code}*{place:04d}", *segments, f"SE*{len(segments) + 2}*{place:04d}"]
    isa = f"ISA*00*          *00*          *12*{sender}*ZZ*THEUSUAL       *311207*0802*U*00401*{number:09d}*0*P*>"
    lines = [
        isa,
        f"GS*{kind}*6123456789*THEUSUAL*20311207*0802*{number}*X*004010",
        *body,
        f"GE*{len(transactions)}*{number}",
        f"IEA*1*{number:09d}",
    ]
    return "".join(line + "~" for line in lines).encode()


def accepted(order: str = "PO1") -> list[str]:
    return ["ORDRSP", "BGM+231+R1+29", f"RFF+ON:{order}", "DTM+69:203112090800:203", "UNS+S"]


def changed(order: str = "PO1", quantity: str = "18") -> list[str]:
    return [
        *("ORDRSP", "BGM+231+R2+4", "DTM+137:20311207:102", f"RFF+ON:{order}"),
        *("LIN+1+3+4006381333931:EN", "PIA+5+milk:IN", f"QTY+113:{quantity}:PCE", "DTM+67:20311210:102", "UNS+S"),
    ]


def refused(order: str = "PO1") -> list[str]:
    return ["ORDRSP", "BGM+231+R3+27", f"RFF+ON:{order}", "UNS+S"]


def despatched(order: str = "PO1", quantity: str = "18") -> list[str]:
    return [
        *("DESADV", "BGM+351+D1+9", "DTM+11:203112081900:203", "DTM+17:20311210:102", f"RFF+ON:{order}"),
        *("CPS+1", "LIN+1++milk:IN", f"QTY+12:{quantity}:PCE", "CNT+2:1"),
    ]
