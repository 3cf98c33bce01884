"""What each kind of voucher says, word for word in every language."""

import pytest

from services.offers.domain.campaigns.terms import (
    AmountOff,
    Bundle,
    BundlePart,
    BuyGet,
    FixedPrice,
    FreeItem,
    PercentOff,
    Promise,
    Terms,
)
from services.offers.domain.receipts.promises import said
from tests.support.offers_printing import WORDING

MENU = Bundle(parts=(BundlePart(category="Fresh milk", pieces=2), BundlePart(category="Bread")), price_cents=300)
KINDS: tuple[Promise, ...] = (
    FixedPrice(price_cents=99),
    FixedPrice(price_cents=99, pieces=2),
    FreeItem(),
    BuyGet(buy=2, get=1),
    BuyGet(buy=1, get=1, percent=50),
    MENU,
)

# country: fixed price, of two, free, buy two get one, one at half price, bundle; and the note of all of them
SAID = {
    "US": (
        "Fresh milk for €0.99",
        "2 x Fresh milk for €0.99 each",
        "Fresh milk for free",
        "Buy 2 Fresh milk, get 1 free",
        "Buy 1 Fresh milk, get 1 at 50% off",
        "2 x Fresh milk + 1 x Bread: together €3.00",
        "saves up to €1.50",
    ),
    "DE": (
        "Fresh milk für 0,99 €",
        "2 x Fresh milk für je 0,99 €",
        "Fresh milk gratis",
        "Fresh milk: 2 kaufen, 1 gratis dazu",
        "Fresh milk: 1 kaufen, 1 mit 50 % Rabatt dazu",
        "2 x Fresh milk + 1 x Bread: zusammen 3,00 €",
        "Ersparnis höchstens 1,50 €",
    ),
    "FR": (
        "Fresh milk à 0,99 €",
        "2 x Fresh milk à 0,99 € pièce",
        "Fresh milk : offert",
        "Fresh milk : pour 2 au prix normal, 1 offert",
        "Fresh milk : pour 1 au prix normal, 1 à -50 %",
        "2 x Fresh milk + 1 x Bread : ensemble 3,00 €",
        "économie maximale 1,50 €",
    ),
    "ES": (
        "Fresh milk por 0,99 €",
        "2 x Fresh milk por 0,99 € cada uno",
        "Fresh milk gratis",
        "Fresh milk: compre 2 y llévese 1 gratis",
        "Fresh milk: compre 1 y llévese 1 con 50 % de descuento",
        "2 x Fresh milk + 1 x Bread: todo por 3,00 €",
        "ahorro máximo 1,50 €",
    ),
    "PT": (
        "Fresh milk por 0,99 €",
        "2 x Fresh milk por 0,99 € cada",
        "Fresh milk grátis",
        "Fresh milk: compre 2 e leve 1 grátis",
        "Fresh milk: compre 1 e leve 1 com 50% de desconto",
        "2 x Fresh milk + 1 x Bread: em conjunto por 3,00 €",
        "poupança máxima 1,50 €",
    ),
    "IT": (
        "Fresh milk a 0,99 €",
        "2 x Fresh milk a 0,99 € ciascuno",
        "Fresh milk in omaggio",
        "Fresh milk: acquistane 2, 1 in omaggio",
        "Fresh milk: acquistane 1, 1 con 50% di sconto",
        "2 x Fresh milk + 1 x Bread: insieme a 3,00 €",
        "risparmio massimo 1,50 €",
    ),
    "NL": (
        "Fresh milk voor € 0,99",
        "2 x Fresh milk voor € 0,99 per stuk",
        "Fresh milk gratis",
        "Fresh milk: bij 2 nog 1 gratis",
        "Fresh milk: bij 1 nog 1 met 50% korting",
        "2 x Fresh milk + 1 x Bread: samen € 3,00",
        "voordeel maximaal € 1,50",
    ),
    "PL": (
        "Fresh milk za 0,99 €",
        "2 x Fresh milk po 0,99 €",
        "Fresh milk gratis",
        "Fresh milk: kup 2, 1 gratis",
        "Fresh milk: kup 1, 1 z rabatem 50%",
        "2 x Fresh milk + 1 x Bread: razem 3,00 €",
        "oszczędność do 1,50 €",
    ),
    "CZ": (
        "Fresh milk za 0,99 €",
        "2 x Fresh milk po 0,99 €",
        "Fresh milk zdarma",
        "Fresh milk: při koupi 2 získáte 1 zdarma",
        "Fresh milk: při koupi 1 získáte 1 se slevou 50 %",
        "2 x Fresh milk + 1 x Bread: dohromady za 3,00 €",
        "úspora nejvýše 1,50 €",
    ),
    "SE": (
        "Fresh milk för 0,99 €",
        "2 x Fresh milk för 0,99 € styck",
        "Fresh milk gratis",
        "Fresh milk: köp 2, få 1 gratis",
        "Fresh milk: köp 1, få 1 med 50 % rabatt",
        "2 x Fresh milk + 1 x Bread: tillsammans 3,00 €",
        "spara högst 1,50 €",
    ),
}


def words(promise: Promise, country: str) -> tuple[str, str]:
    terms = Terms(promise=promise, greatest_value_cents=150)
    headline, note = said(terms, WORDING.voice(None, country), "EUR", "Fresh milk")
    return headline.replace("\u00a0", " "), note.replace("\u00a0", " ")


@pytest.mark.parametrize("country", SAID)
def test_each_kind_says_what_it_promises_word_for_word(country: str) -> None:
    *headlines, note = SAID[country]
    assert [words(promise, country) for promise in KINDS] == [(headline, note) for headline in headlines]


def test_every_language_is_held_word_for_word() -> None:
    assert {WORDING.voice(None, country).language for country in SAID} == WORDING.languages


def test_amounts_and_percentages_say_what_they_always_said() -> None:
    assert words(AmountOff(amount_cents=150), "US") == ("€1.50 off Fresh milk", "")
    assert words(PercentOff(percent=10), "US") == ("10% off Fresh milk", "up to €1.50")
