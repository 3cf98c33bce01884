"""What is promised, asked and dated, word for word in every language; money in every currency to the last unit."""

from datetime import date
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.common.money import minor_digits
from services.offers.domain.receipts.wording import Phrases, Voice, Wording
from tests.support.offers_printing import WORDING

NB = "\u00a0"
DAY = date(2026, 3, 24)

# country, language: percent, amount, up to, day
PROMISES = {
    ("US", "en"): ("10% off Fresh Milk", "€1.50 off Fresh Milk", "up to €1.50", "Good through March 24, 2026"),
    ("GB", "en"): ("10% off Fresh Milk", "€1.50 off Fresh Milk", "up to €1.50", "Good through 24 March 2026"),
    ("DE", "de"): (
        "10 % Rabatt auf Fresh Milk",
        "1,50 € Rabatt auf Fresh Milk",
        "höchstens 1,50 €",
        "Gültig bis einschließlich 24. März 2026",
    ),
    ("FR", "fr"): (
        "10 % de réduction sur Fresh milk",
        "1,50 € de réduction sur Fresh milk",
        "dans la limite de 1,50 €",
        "Valable jusqu'au 24 mars 2026 inclus",
    ),
    ("ES", "es"): (
        "10 % de descuento en Fresh milk",
        "1,50 € de descuento en Fresh milk",
        "hasta 1,50 €",
        "Válido hasta el 24 de marzo de 2026 inclusive",
    ),
    ("PT", "pt"): (
        "10% de desconto em Fresh milk",
        "1,50 € de desconto em Fresh milk",
        "até 1,50 €",
        "Válido até 24 de março de 2026, inclusive",
    ),
    ("IT", "it"): (
        "10% di sconto su Fresh milk",
        "1,50 € di sconto su Fresh milk",
        "fino a 1,50 €",
        "Ultimo giorno: 24 marzo 2026",
    ),
    ("NL", "nl"): (
        "10% korting op Fresh milk",
        "€ 1,50 korting op Fresh milk",
        "maximaal € 1,50",
        "Geldig tot en met 24 maart 2026",
    ),
    ("PL", "pl"): (
        "10% rabatu na: Fresh milk",
        "1,50 € rabatu na: Fresh milk",
        "nie więcej niż 1,50 €",
        "Ważny do 24 marca 2026 włącznie",
    ),
    ("CZ", "cs"): (
        "Sleva 10 %: Fresh milk",
        "Sleva 1,50 €: Fresh milk",
        "nejvýše 1,50 €",
        "Platí do 24. března 2026 včetně",
    ),
    ("SE", "sv"): (
        "10 % rabatt på Fresh milk",
        "1,50 € rabatt på Fresh milk",
        "högst 1,50 €",
        "Gäller till och med 24 mars 2026",
    ),
}

QUESTIONS = {
    "en": ("Would you like your voucher printed?", "Would you like your 3 vouchers printed?"),
    "de": ("Sollen wir Ihren Gutschein drucken?", "Sollen wir Ihre 3 Gutscheine drucken?"),
    "fr": ("Souhaitez-vous imprimer votre bon ?", "Souhaitez-vous imprimer vos 3 bons ?"),
    "es": ("¿Desea imprimir su cupón?", "¿Desea imprimir sus 3 cupones?"),
    "pt": ("Deseja imprimir o seu vale?", "Deseja imprimir os seus 3 vales?"),
    "it": ("Desidera stampare il suo buono?", "Desidera stampare i suoi 3 buoni?"),
    "nl": ("Wilt u uw bon laten afdrukken?", "Wilt u uw 3 bonnen laten afdrukken?"),
    "pl": ("Czy wydrukować kupon?", "Czy wydrukować 3 kupony?"),
    "cs": ("Přejete si vytisknout kupon?", "Přejete si vytisknout 3 kupony?"),
    "sv": ("Vill du ha din kupong utskriven?", "Vill du ha dina 3 kuponger utskrivna?"),
}


@pytest.mark.parametrize("spoken", PROMISES, ids="-".join)
def test_promises_and_days_word_for_word(spoken: tuple[str, str]) -> None:
    country, language = spoken
    voice = WORDING.voice(None, country)
    percent, amount, up_to, day = PROMISES[spoken]
    assert voice.language == language
    promised = voice.promise(percent=10, greatest_value_cents=150, currency="EUR", category="FRESH MILK")
    assert tuple(text.replace(NB, " ") for text in promised) == (percent, up_to)
    promised = voice.promise(percent=None, greatest_value_cents=150, currency="EUR", category="FRESH MILK")
    assert tuple(text.replace(NB, " ") for text in promised) == (amount, "")
    assert voice.valid_through(DAY).replace(NB, " ") == day


@pytest.mark.parametrize("language", QUESTIONS)
def test_questions_word_for_word(language: str) -> None:
    voice = WORDING.voice(language, "XX")
    assert (voice.question(1), voice.question(3)) == QUESTIONS[language]


def test_every_language_is_held_word_for_word() -> None:
    assert {language for _, language in PROMISES} == set(QUESTIONS) == WORDING.languages


def test_plurals_follow_the_language() -> None:
    polish = WORDING.voice("pl", "PL")
    assert [polish.elsewhere(count) for count in (1, 2, 5, 22, 25)] == [
        "Jeszcze 1 kupon w e-paragonie",
        "Jeszcze 2 kupony w e-paragonie",
        "Jeszcze 5 kuponów w e-paragonie",
        "Jeszcze 22 kupony w e-paragonie",
        "Jeszcze 25 kuponów w e-paragonie",
    ]


@pytest.mark.parametrize(
    ("asked", "country", "language", "locale"),
    [
        ("de", "US", "de", "de"),
        ("de", "CH", "de", "de_CH"),
        ("pt-BR", "PT", "pt", "pt_BR"),
        ("DE-at", "FR", "de", "de_AT"),
        (None, "AT", "de", "de_AT"),
        ("xx", "FR", "fr", "fr_FR"),
        (None, "JP", "en", "en"),
        (None, "", "en", "en"),
    ],
)
def test_the_customers_language_then_the_countrys_then_english(
    asked: str | None, country: str, language: str, locale: str
) -> None:
    voice = WORDING.voice(asked, country)
    assert (voice.language, voice.locale) == (language, locale)


@pytest.mark.parametrize(
    ("country", "currency", "cents", "shown"),
    [
        ("US", "USD", 5, "$0.05"),
        ("US", "USD", 123_456, "$1,234.56"),
        ("US", "JPY", 150, "¥150"),
        ("US", "KWD", 1_500, "KWD 1.500"),
        ("US", "ALL", 150, "ALL 1.50"),
        ("CH", "CHF", 150, "CHF 1.50"),
        ("DE", "EUR", 12_345, "123,45 €"),
        ("PL", "PLN", 199, "1,99 zł"),
        ("CZ", "CZK", 4_990, "49,90 Kč"),
        ("SE", "SEK", 1_000, "10,00 kr"),
        ("BR", "BRL", 990, "R$ 9,90"),
        ("GB", "GBP", 75, "£0.75"),
    ],
)
def test_money_is_shown_as_its_country_does(country: str, currency: str, cents: int, shown: str) -> None:
    assert WORDING.voice(None, country).money(currency, cents).replace(NB, " ") == shown


@given(
    language=st.sampled_from(sorted(WORDING.languages)),
    currency=st.sampled_from(
        ["EUR", "USD", "JPY", "KWD", "ALL", "IDR", "HUF", "CLF", "ISK", "TND", "PLN", "UZS", "XXX"]
    ),
    cents=st.integers(1, 10**12),
)
def test_no_unit_of_money_is_lost_or_rounded(language: str, currency: str, cents: int) -> None:
    shown = WORDING.voice(language, "XX").money(currency, cents)
    digits = "".join(sign for sign in shown if sign.isdigit())
    assert Decimal(digits).scaleb(-minor_digits(currency)) == Decimal(cents).scaleb(-minor_digits(currency))
    assert " " not in shown, "never broken over two lines"


@pytest.mark.parametrize(
    ("category", "said"),
    [
        ("FLUID MILK", "Fluid Milk"),
        ("BABY'S FOOD", "Baby's Food"),
        ("pwdr/crystl drnk mx", "Pwdr/Crystl Drnk Mx"),
        ("iPhone Covers", "iPhone Covers"),
        ("x" * 100, "X" + "x" * 56 + "..."),
    ],
)
def test_a_categorys_name_is_set_for_a_sentence(category: str, said: str) -> None:
    assert WORDING.voice("en", "US").name_of(category) == said


def phrases(**changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "language": "en",
        "countries": ["US"],
        "names": "title",
        "code_pages": ["CP1252"],
        "percent_off": "{percent} off {category}",
        "amount_off": "{amount} off {category}",
        "up_to": "up to {amount}",
        "fixed_price": "{goods} for {amount}",
        "fixed_price_each": "{goods} for {amount} each",
        "free_item": "{goods} free",
        "buy_get_free": "Buy {buy} {goods}, get {get}",
        "buy_get_percent": "Buy {buy} {goods}, get {get} at {percent} off",
        "bundle": "{goods} for {amount}",
        "saves_up_to": "saves {amount}",
        "such_as": "{names}",
        "valid_through": "{day}",
        "ask": {"one": "Print?", "other": "Print {count}?"},
        "elsewhere": {"one": "one more", "other": "{count} more"},
    }
    return plain | changes


@pytest.mark.parametrize(
    "changes",
    [
        {"percent_off": "{percent} off"},
        {"up_to": "up to {amount} of {category}"},
        {"valid_through": "soon"},
        {"buy_get_free": "{goods} {buy} + 1"},
        {"bundle": "{category} for {amount}"},
        {"ask": {"other": "Print?"}},
        {"ask": {"one": "Print?", "other": "Print {amount}?"}},
        {"language": "pl"},
        {"code_pages": ["UTF-8"]},
        {"more": "x"},
    ],
)
def test_a_catalogue_that_would_leave_something_unsaid_is_refused(changes: dict[str, Any]) -> None:
    Phrases.model_validate(phrases())
    with pytest.raises(ValidationError):
        Phrases.model_validate(phrases(**changes))


def test_a_catalogue_has_english() -> None:
    with pytest.raises(ValueError, match="default language"):
        Wording([])


def test_a_voice_that_has_spoken_before_says_what_a_fresh_one_says() -> None:
    voice = WORDING.voice("de", "DE")
    for percent, value, currency, category in product((None, 5, 10), (100, 150), ("EUR", "CHF"), ("MILK", "BREAD")):
        asked: dict[str, Any] = {"percent": percent, "currency": currency, "category": category}
        for _ in range(2):
            fresh = Voice(voice.phrases, voice.locale).promise(greatest_value_cents=value, **asked)
            assert voice.promise(greatest_value_cents=value, **asked) == fresh
