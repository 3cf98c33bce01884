"""From contracts to contacts: what a facet is told of an event, given the newest master data. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from libs.common.contracts import Event
from libs.common.contracts.feedback import (
    ComplaintMade,
    ComplaintResolved,
    ComplimentMade,
    Feedback,
    NpsAnswered,
    ServiceClosed,
    ServiceOpened,
    SurveyAnswered,
)
from libs.common.contracts.offers import VoucherIssued as VoucherIssuedEvent
from libs.common.contracts.offers import VoucherRedeemed as VoucherRedeemedEvent
from libs.common.contracts.pos import Receipt
from libs.common.contracts.values import ReceiptLine
from libs.common.contracts.web import (
    AddedToCart,
    CheckoutStarted,
    PageViewed,
    ProductViewed,
    RemovedFromCart,
    Searched,
    WebContact,
)
from services.profile.domain.contact import (
    AnyPurchase,
    Compliment,
    Contact,
    MatterKind,
    MatterMoved,
    PackedPurchase,
    ReturnedLine,
    SurveyAnswer,
    VoucherIssued,
    VoucherRedeemed,
    WebAction,
    WebView,
)
from services.profile.domain.purchases import Bought, ItemLabel, Noted
from services.profile.handlers.sales import ORDERED, SALE, bought_of, milli_of
from services.profile.ports import StoreRow

QUARTER_SECONDS, DAY_SECONDS = 900, 86_400
_EPOCH = datetime.fromtimestamp(0, UTC)
_WEB_ACTIONS: Mapping[type[WebContact], WebAction] = {
    PageViewed: "page",
    Searched: "search",
    ProductViewed: "product",
    AddedToCart: "cart",
    RemovedFromCart: "uncart",
    CheckoutStarted: "checkout",
}


@dataclass(frozen=True, slots=True)
class MasterData:
    """What is known of the items and stores of one batch."""

    labels: Mapping[str, ItemLabel]
    stores: Mapping[str, StoreRow]


def seconds_of(at: datetime) -> int:
    """Whole seconds since the epoch, rounded down."""
    since = at - _EPOCH
    return since.days * DAY_SECONDS + since.seconds


def is_purchase(event: Event) -> bool:
    """Whether something was bought: at a till or on the web."""
    return event.type == SALE or event.type == ORDERED  # noqa: PLR1714 - asked of every event


def counts(event: Event) -> bool:
    """Whether it is a real one: receipts of trainings, and cancelled ones, are none. What was read in short is one."""
    body: object = event.data
    return type(body) is Bought or not isinstance(body, Receipt) or body.counts


def purchase_of(event: Event, known: MasterData) -> PackedPurchase:
    """The receipt or web order in `event`; an item that no catalogue told of has no labels and may be ranked."""
    noted = Noted()
    note(noted, event, bought_of(event), known)
    return noted.columns(known.labels).at(0)


def note(noted: Noted, event: Event, bought: Bought, known: MasterData) -> int:
    """One more purchase, as `event` tells of it; returns its position."""
    store = known.stores.get(bought.store_id)
    at_seconds = seconds_of(event.occurred_at)
    offset = _offset_minutes_then(store.time_zone, at_seconds) if store else 0
    return noted.add(bought, event.event_id, at_seconds, "till" if event.type == SALE else "web", offset)


def contact_of(event: Event) -> tuple[str, Contact] | None:
    """Whose contact it is (an identifier's key) and what it was; None for an event that tells a facet nothing."""
    at_seconds = seconds_of(event.occurred_at)
    match event.data:
        case ProductViewed() | AddedToCart() | RemovedFromCart() as view:
            action = _WEB_ACTIONS[type(view)]
            return view.visitor.key, WebView(event.event_id, at_seconds, action, view.item_id)
        case PageViewed() | Searched() | CheckoutStarted() as view:
            return view.visitor.key, WebView(event.event_id, at_seconds, _WEB_ACTIONS[type(view)])
        case Feedback() as said:
            return said.customer.key, _said(event.event_id, at_seconds, said)
        case _:
            return None


def _said(event_id: str, at_seconds: int, said: Feedback) -> Contact:
    """What feedback means. The likelihood to recommend us is one question, whoever asks it."""
    match said:
        case SurveyAnswered(question=question, score=score):
            return SurveyAnswer(event_id, at_seconds, question, score)
        case NpsAnswered(score=score):
            return SurveyAnswer(event_id, at_seconds, "recommendation", score)
        case ComplimentMade():
            return Compliment(event_id, at_seconds)
        case _:
            return MatterMoved(event_id, at_seconds, *_matter_of(said))


def _matter_of(said: Feedback) -> tuple[MatterKind, str, bool]:
    """Kind, number, and whether it is open now."""
    match said:
        case ComplaintMade(complaint_id=matter_id):
            return "complaint", matter_id, True
        case ComplaintResolved(complaint_id=matter_id):
            return "complaint", matter_id, False
        case ServiceOpened(case_id=matter_id):
            return "service_contact", matter_id, True
        case ServiceClosed(case_id=matter_id):
            return "service_contact", matter_id, False
        case _:
            raise TypeError(f"no contact for {type(said).__name__}")


def voucher_contact_of(event: Event) -> tuple[str, Contact] | None:
    """Whose voucher it is (a customer id) and what became of it; None when it was nobody's, or returned or ran out."""
    at_seconds = seconds_of(event.occurred_at)
    match event.data:
        case VoucherIssuedEvent(customer_id=str() as customer_id):
            return customer_id, VoucherIssued(event.event_id, at_seconds)
        case VoucherRedeemedEvent(customer_id=str() as customer_id) as redeemed:
            return customer_id, VoucherRedeemed(event.event_id, at_seconds, redeemed.given_cents)
        case _:
            return None


def returned_line_of(line: ReceiptLine) -> ReturnedLine:
    """One line brought back, as the till wrote it."""
    return ReturnedLine(line.item_id, milli_of(line.quantity), line.amount_cents)


def voided_lines_of(purchase: AnyPurchase) -> tuple[ReturnedLine, ...]:
    """All lines of a receipt that is taken back."""
    return tuple(ReturnedLine(line.item_id, line.quantity_milli, line.amount_cents) for line in purchase.lines)


@lru_cache(maxsize=256)
def zone_of(name: str) -> ZoneInfo | None:
    """The zone with this IANA name, or None."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def _offset_minutes_then(time_zone: str, at_seconds: int) -> int:
    """The offset of a day when it has one, else that of the quarter of an hour: no clock is changed in the midst of one."""
    all_day = _offset_minutes_of_day(time_zone, at_seconds // DAY_SECONDS)
    return (
        _offset_minutes_at(time_zone, at_seconds // QUARTER_SECONDS * QUARTER_SECONDS) if all_day is None else all_day
    )


@lru_cache(maxsize=16_384)
def _offset_minutes_of_day(time_zone: str, day: int) -> int | None:
    """None on a day (of UTC) on which clocks are changed."""
    offsets = {
        _offset_minutes_at(time_zone, at)
        for at in range(day * DAY_SECONDS, (day + 1) * DAY_SECONDS + 1, QUARTER_SECONDS)
    }
    return offsets.pop() if len(offsets) == 1 else None


@lru_cache(maxsize=1_024)
def _offset_minutes_at(time_zone: str, at_seconds: int) -> int:
    return utc_offset_minutes(time_zone, datetime.fromtimestamp(at_seconds, UTC))


def utc_offset_minutes(time_zone: str, at: datetime) -> int:
    """How far the local clock is ahead of UTC then; 0 for an unknown zone."""
    zone = zone_of(time_zone)
    offset = at.astimezone(zone).utcoffset() if zone else None
    return int(offset.total_seconds() // 60) if offset else 0
