"""What a voucher promises, in a customer's words: headline and note for every kind, asked by handlers/decisions/drafting.py."""

from services.offers.domain.campaigns.terms import (
    WHOLE_PERCENT,
    AmountOff,
    Bundle,
    BuyGet,
    FixedPrice,
    FreeItem,
    PercentOff,
    Terms,
)
from services.offers.domain.receipts.lines import NO_BREAK
from services.offers.domain.receipts.wording import Voice

_GREATEST_PART = 20
"""Characters of a part's name in a bundle: three parts and a price never outgrow a headline."""


def said(terms: Terms, voice: Voice, currency: str, category: str) -> tuple[str, str]:
    """Headline and note; the note says what it saves at most where the headline does not."""
    promise, phrases = terms.promise, voice.phrases
    if isinstance(promise, AmountOff | PercentOff):
        return voice.promise(
            percent=terms.percent, greatest_value_cents=terms.greatest_value_cents, currency=currency, category=category
        )
    goods = voice.name_of(category)
    match promise:
        case FixedPrice():
            amount = voice.money(currency, promise.price_cents)
            pattern = phrases.fixed_price if promise.pieces == 1 else phrases.fixed_price_each
            headline = pattern.format(goods=_counted(promise.pieces, goods), amount=amount)
        case FreeItem():
            headline = phrases.free_item.format(goods=_counted(promise.pieces, goods))
        case BuyGet() if promise.percent == WHOLE_PERCENT:
            headline = phrases.buy_get_free.format(buy=promise.buy, get=promise.get, goods=goods)
        case BuyGet():
            percent = voice.percent(promise.percent)
            headline = phrases.buy_get_percent.format(buy=promise.buy, get=promise.get, goods=goods, percent=percent)
        case Bundle():
            parts = [_counted(part.pieces, _cut(voice.name_of(part.category)), always=True) for part in promise.parts]
            amount = voice.money(currency, promise.price_cents)
            headline = phrases.bundle.format(goods=" + ".join(parts), amount=amount)
    return headline, phrases.saves_up_to.format(amount=voice.money(currency, terms.greatest_value_cents))


def _counted(pieces: int, name: str, *, always: bool = False) -> str:
    return f"{pieces}{NO_BREAK}x{NO_BREAK}{name}" if always or pieces > 1 else name


def _cut(name: str) -> str:
    return name if len(name) <= _GREATEST_PART else f"{name[: _GREATEST_PART - 3]}..."
