"""Contacts made of a few bytes each: laws are held against ten thousand histories in the time that hundreds of written-out ones take."""

from collections.abc import Callable

from hypothesis import strategies as st

from libs.ranking.state import DAY_SECONDS
from services.profile.domain.contact import (
    Compliment,
    Contact,
    MatterKind,
    MatterMoved,
    PackedPurchase,
    Purchase,
    PurchaseLine,
    Return,
    ReturnedLine,
    SurveyAnswer,
    VoucherIssued,
    VoucherRedeemed,
    WebAction,
    WebView,
    packed,
)
from tests.support.shopping import START_SECONDS

BYTES_A_CONTACT = 6
ITEMS = ("", "a", "b", "c", "d", "e", "fé", "ab")
CATEGORIES = ("", "x", "y", "a")
ACTIONS: tuple[WebAction, ...] = ("page", "search", "product", "cart", "uncart", "checkout")
QUESTIONS = ("satisfaction", "recommendation", "a")


class Numbers:
    """One number, taken apart: each call gives the next digit, to a base of its own."""

    def __init__(self, content: bytes) -> None:
        self._rest = int.from_bytes(content, "big")

    def below(self, base: int) -> int:
        self._rest, digit = divmod(self._rest, base)
        return digit


Makers = tuple[Callable[[Numbers, str, int], Contact], ...]


def _line(numbers: Numbers) -> PurchaseLine:
    item, category = ITEMS[numbers.below(len(ITEMS))], CATEGORIES[numbers.below(len(CATEGORIES))]
    number = numbers.below(8)
    return PurchaseLine(
        item_id=item,
        category=category,
        type=CATEGORIES[number % 4],
        quantity_milli=1000 if number < 6 else 355,
        amount_cents=(0, 1, 99, 12_345)[number % 4],
        discount_cents=(0, 50)[number % 2],
        rankable=number != 3,
    )


def _purchase(numbers: Numbers, event_id: str, at: int) -> Purchase:
    return Purchase(
        event_id=event_id,
        receipt_id=event_id,
        occurred_at_seconds=at,
        store_id=("s1", "s2", "web")[numbers.below(3)],
        utc_offset_minutes=(0, 60, -300)[numbers.below(3)],
        channel=("till", "web")[numbers.below(2)],
        coupon_cents=(0, 0, 75)[numbers.below(3)],
        lines=tuple(_line(numbers) for _ in range(1 + numbers.below(3))),
    )


def _packed(numbers: Numbers, event_id: str, at: int) -> PackedPurchase:
    return packed(_purchase(numbers, event_id, at))


def _return(numbers: Numbers, event_id: str, at: int) -> Return:
    lines = [ReturnedLine(ITEMS[numbers.below(8)], 1000, numbers.below(300)) for _ in range(1 + numbers.below(2))]
    return Return(event_id, at, tuple(lines))


def _view(numbers: Numbers, event_id: str, at: int) -> WebView:
    action = ACTIONS[numbers.below(len(ACTIONS))]
    about = action in {"product", "cart", "uncart"}
    return WebView(event_id, at, action, ITEMS[numbers.below(8)] if about else "")


def _answer(numbers: Numbers, event_id: str, at: int) -> SurveyAnswer:
    return SurveyAnswer(event_id, at, QUESTIONS[numbers.below(3)], numbers.below(11))


def _matter(numbers: Numbers, event_id: str, at: int) -> MatterMoved:
    kind: MatterKind = "complaint" if numbers.below(2) else "service_contact"
    return MatterMoved(event_id, at, kind, f"m{numbers.below(3)}", opened=bool(numbers.below(2)))


def _said(numbers: Numbers, event_id: str, at: int) -> Contact:
    match numbers.below(3):
        case 0:
            return Compliment(event_id, at)
        case 1:
            return VoucherIssued(event_id, at)
        case _:
            return VoucherRedeemed(event_id, at, numbers.below(500))


MATTERS: Makers = (_matter,)
ON_THE_WEB: Makers = (_view,)
PURCHASES: Makers = (_purchase, _packed)
EVERYTHING: Makers = (*PURCHASES, *PURCHASES, _return, _view, _answer, _matter, _said)
BOUGHT = (Purchase, PackedPurchase)


def contact_of(content: bytes, makers: Makers = EVERYTHING) -> Contact:
    """The contact that these bytes stand for: times of a few weeks and years, so that they meet, tie and part; few names."""
    numbers = Numbers(content)
    make = makers[numbers.below(len(makers))]
    day = (0, 1, 2, 7, 8, 30, 400, 1_100)[numbers.below(8)]
    at = START_SECONDS + day * DAY_SECONDS + (0, 1, 7_200)[numbers.below(3)]
    return make(numbers, content.hex(), at)


def contacts_of(content: bytes, makers: Makers = EVERYTHING) -> list[Contact]:
    """As many contacts as the bytes are enough for; no event comes twice, as behind an inbox."""
    ends = range(BYTES_A_CONTACT, len(content) + 1, BYTES_A_CONTACT)
    parts = dict.fromkeys(content[end - BYTES_A_CONTACT : end] for end in ends)
    return [contact_of(part, makers) for part in parts]


def histories(most: int = 8, makers: Makers = EVERYTHING) -> st.SearchStrategy[list[Contact]]:
    """Up to so many contacts of these kinds."""
    sizes = st.integers(0, most).map(BYTES_A_CONTACT.__mul__)
    contents = sizes.flatmap(lambda size: st.binary(min_size=size, max_size=size))
    return contents.map(lambda content: contacts_of(content, makers))
