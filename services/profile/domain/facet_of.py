"""The facet of a single contact, and so how a facet grows: `apply` is `merge` with it; handlers call it for each event."""

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce

from libs.ranking.state import DAY_SECONDS, PastVisit
from services.profile.domain.contact import (
    AnyPurchase,
    Compliment,
    Contact,
    MatterMoved,
    PackedPurchase,
    Purchase,
    PurchaseLine,
    Return,
    SurveyAnswer,
    VoucherIssued,
    VoucherRedeemed,
    WebView,
    tie_of,
)
from services.profile.domain.facet import (
    NEVER_FIRST,
    NEVER_LAST,
    AnswerTally,
    Facet,
    ItemTally,
    Matter,
    PeriodKey,
    PeriodTally,
    Visit,
    VisitKey,
    WebTally,
    WeekTally,
    merge,
)

NOTHING_BOUGHT = ItemTally(0, 0, 0, 0, 0, 0, NEVER_FIRST, NEVER_LAST, (NEVER_LAST, 0, "", ""), rankable=False)


def apply(facet: Facet, contact: Contact) -> Facet:
    """`facet` after one more contact; contacts may come in any order."""
    return merge(facet, of(contact))


def apply_all(facet: Facet, contacts: Iterable[Contact]) -> Facet:
    """`facet` after many contacts: one small fold, then one merge."""
    return merge(facet, reduce(apply, contacts, Facet()))


def of(contact: Contact) -> Facet:
    """The facet of an identifier that has had this one contact."""
    match contact:
        case Purchase() | PackedPurchase():
            return _of_purchase(contact)
        case Return():
            return _of_return(contact)
        case WebView():
            return _of_web_view(contact)
        case MatterMoved():
            return _of_matter(contact)
        case SurveyAnswer():
            answer = AnswerTally(1, contact.score, contact.score**2, contact.occurred_at_seconds)
            return _at(contact, Facet(answers={contact.question: answer}))
        case _:
            return _at(contact, Facet(counts=_counts_of(contact)))


def _counts_of(contact: Compliment | VoucherIssued | VoucherRedeemed) -> dict[str, int]:
    """What is only counted."""
    match contact:
        case Compliment():
            return {"compliments": 1}
        case VoucherIssued():
            return {"vouchers_issued": 1}
        case VoucherRedeemed():
            return {"vouchers_redeemed": 1, "voucher_discount_cents": contact.discount_cents}


def week_of(at_seconds: int, utc_offset_minutes: int = 0) -> int:
    """The number of the week, from Monday to Sunday on the local clock.

    >>> week_of(0), week_of(4 * DAY_SECONDS - 1), week_of(4 * DAY_SECONDS)
    (0, 0, 1)
    """
    return ((at_seconds + 60 * utc_offset_minutes) // DAY_SECONDS + 3) // 7


def rankable_items(purchase: AnyPurchase) -> tuple[str, ...]:
    """The distinct items of a purchase that can be a need, ascending."""
    return tuple(sorted({line.item_id for line in purchase.lines if line.rankable}))


def visit_of(purchase: AnyPurchase) -> PastVisit:
    """The purchase as rankers see a trip."""
    return PastVisit(
        purchase.occurred_at_seconds, purchase.utc_offset_minutes, purchase.store_id, rankable_items(purchase)
    )


def _at(contact: Contact, facet: Facet) -> Facet:
    at = contact.occurred_at_seconds
    return replace(facet, first_at_seconds=at, last_at_seconds=at)


def _of_purchase(purchase: AnyPurchase) -> Facet:
    at = purchase.occurred_at_seconds
    key = VisitKey(at, tie_of(purchase.event_id))
    items: dict[str, ItemTally] = {}
    periods: dict[PeriodKey, PeriodTally] = {}
    week = week_of(at, purchase.utc_offset_minutes)
    amount = discount = 0
    for line in purchase.lines:
        items[line.item_id] = _item_tally(items.get(line.item_id), line, key)
        period = PeriodKey(week // 4, line.category)
        lines, spent = periods.get(period, (0, 0))
        periods[period] = PeriodTally(lines + 1, spent + line.amount_cents)
        amount += line.amount_cents
        discount += line.discount_cents
    counts = {"visits": 1, f"channel:{purchase.channel}": 1}
    if purchase.coupon_cents:
        counts |= {"coupon_receipts": 1, "coupon_cents": purchase.coupon_cents}
    rankable = rankable_items(purchase)
    visit = Visit(purchase.store_id, purchase.utc_offset_minutes, amount, rankable)
    return Facet(
        visits={key: visit} if rankable else {},
        items=items,
        weeks={week: WeekTally(1, len(purchase.lines), amount, discount, 0)},
        periods=periods,
        counts=counts,
        first_at_seconds=at,
        last_at_seconds=at,
    )


def _item_tally(mine: ItemTally | None, line: PurchaseLine, key: VisitKey) -> ItemTally:
    label = (*key, line.category, line.type)
    if mine is None:
        amounts = (line.quantity_milli, line.amount_cents, line.discount_cents)
        return ItemTally(1, *amounts, 0, 0, key.at_seconds, key.at_seconds, label, line.rankable)
    return mine._replace(  # a second line of the same item in one basket
        quantity_milli=mine.quantity_milli + line.quantity_milli,
        amount_cents=mine.amount_cents + line.amount_cents,
        discount_cents=mine.discount_cents + line.discount_cents,
        label=max(mine.label, label),
        rankable=mine.rankable or line.rankable,
    )


def _of_return(returned: Return) -> Facet:
    items: dict[str, ItemTally] = {}
    for line in returned.lines:
        mine = items.get(line.item_id)
        quantity, refund = (mine.returned_milli, mine.refund_cents) if mine else (0, 0)
        items[line.item_id] = NOTHING_BOUGHT._replace(
            returned_milli=quantity + line.quantity_milli, refund_cents=refund + line.refund_cents
        )
    refund = sum(line.refund_cents for line in returned.lines)
    week = week_of(returned.occurred_at_seconds)
    return _at(returned, Facet(items=items, weeks={week: WeekTally(0, 0, 0, 0, refund)}, counts={"returns": 1}))


def _of_web_view(view: WebView) -> Facet:
    seen = int(view.action != "uncart")
    tally = WebTally(seen, int(view.action == "cart"), view.occurred_at_seconds)
    web_items = {view.item_id: tally} if view.item_id else {}
    return _at(view, Facet(web_items=web_items, counts={f"web:{view.action}": 1}))


def _of_matter(moved: MatterMoved) -> Facet:
    at = moved.occurred_at_seconds
    matter = Matter(opened_at_seconds=at) if moved.opened else Matter(settled_at_seconds=at)
    counts = {f"{moved.kind}s_{'opened' if moved.opened else 'settled'}": 1}
    return _at(moved, Facet(matters={f"{moved.kind}:{moved.matter_id}": matter}, counts=counts))
