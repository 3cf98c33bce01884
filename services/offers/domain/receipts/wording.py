"""What a receipt says in a customer's language: patterns that are data, money and days as that language writes them.

The catalogue lies beside the service (`wording/`); bootstrap reads it, handlers ask it once per decision.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from string import Formatter
from typing import Literal, Self

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_percent, parse_pattern
from pydantic import BaseModel, ConfigDict, model_validator

from libs.common.money import minor_digits
from services.offers.domain.receipts.code_pages import page_number
from services.offers.domain.receipts.lines import NO_BREAK

DEFAULT_LANGUAGE = "en"
_GREATEST_CATEGORY = 60
_GREATEST_PROMISES = 4_096
_OTHER = "other"
_WORD_BEGINS = re.compile(r"(?<=[\s/(-])\w")


class Phrases(BaseModel):
    """One language's patterns. `ask` and `elsewhere` have one for each of the language's plural categories."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: str
    countries: tuple[str, ...]
    """Whose stores speak it when a customer's language is not known."""
    names: Literal["title", "sentence"]
    """How a category that the catalogue writes in capitals, or small, is set."""
    code_pages: tuple[str, ...]
    """Of printers, the first for most of its signs."""
    percent_off: str
    amount_off: str
    up_to: str
    fixed_price: str
    fixed_price_each: str
    free_item: str
    buy_get_free: str
    buy_get_percent: str
    bundle: str
    saves_up_to: str
    such_as: str
    valid_through: str
    ask: Mapping[str, str]
    elsewhere: Mapping[str, str]

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        for name, wanted in {
            "percent_off": {"percent", "category"},
            "amount_off": {"amount", "category"},
            "up_to": {"amount"},
            "fixed_price": {"goods", "amount"},
            "fixed_price_each": {"goods", "amount"},
            "free_item": {"goods"},
            "buy_get_free": {"buy", "get", "goods"},
            "buy_get_percent": {"buy", "get", "goods", "percent"},
            "bundle": {"goods", "amount"},
            "saves_up_to": {"amount"},
            "such_as": {"names"},
            "valid_through": {"day"},
        }.items():
            if _placeholders(getattr(self, name)) != wanted:
                raise ValueError(f"{self.language}.{name} must hold {sorted(wanted)}")
        categories = {*Locale.parse(self.language).plural_form.rules, _OTHER}
        for name, forms in {"ask": self.ask, "elsewhere": self.elsewhere}.items():
            if set(forms) != categories or any(_placeholders(form) - {"count"} for form in forms.values()):
                raise ValueError(f"{self.language}.{name} must have {sorted(categories)}, with count alone")
        for page in self.code_pages:
            page_number(page)
        return self


@dataclass(frozen=True, slots=True)
class Voice:
    """A language as it is written in one country."""

    phrases: Phrases
    locale: str
    _promised: dict[tuple[int | None, int, str, str], tuple[str, str]] = field(
        default_factory=dict, compare=False, repr=False
    )

    @property
    def language(self) -> str:
        """Its code, of ISO 639."""
        return self.phrases.language

    def promise(
        self, *, percent: int | None, greatest_value_cents: int, currency: str, category: str
    ) -> tuple[str, str]:
        """What a voucher promises: headline and note; said once, while it is said again and again."""
        key = (percent, greatest_value_cents, currency, category)
        found = self._promised.get(key)
        if found is None:
            if len(self._promised) >= _GREATEST_PROMISES:
                self._promised.clear()
            found = self._promised[key] = self._promise(percent, greatest_value_cents, currency, category)
        return found

    def _promise(self, percent: int | None, greatest_value_cents: int, currency: str, category: str) -> tuple[str, str]:
        name, value = self.name_of(category), self.money(currency, greatest_value_cents)
        if percent is None:
            return self.phrases.amount_off.format(amount=value, category=name), ""
        return (
            self.phrases.percent_off.format(percent=self.percent(percent), category=name),
            self.phrases.up_to.format(amount=value),
        )

    def name_of(self, category: str) -> str:
        """A category's name as it stands in a sentence; a very long one is cut."""
        if category.isupper() or category.islower():
            category = category.capitalize()
            if self.phrases.names == "title":
                category = _WORD_BEGINS.sub(lambda found: found[0].upper(), category)
        return category if len(category) <= _GREATEST_CATEGORY else f"{category[: _GREATEST_CATEGORY - 3]}..."

    def money(self, currency: str, amount_cents: int) -> str:
        """An amount as a receipt shows it, never broken over two lines."""
        return _money(currency, amount_cents, self.locale)

    def percent(self, percent: int) -> str:
        """A percentage as a receipt shows it."""
        return _percent(percent, self.locale)

    def such_as(self, names: Iterable[str]) -> str:
        """Examples; nothing without names."""
        joined = ", ".join(names)
        return self.phrases.such_as.format(names=joined) if joined else ""

    def valid_through(self, day: date) -> str:
        """Until when it is good, that day included."""
        return self.phrases.valid_through.format(day=_day(day, self.locale))

    def question(self, count: int) -> str:
        """What a till asks before it prints so many."""
        return self._counted(self.phrases.ask, count)

    def elsewhere(self, count: int) -> str:
        """That so many more are not on paper."""
        return self._counted(self.phrases.elsewhere, count)

    def _counted(self, forms: Mapping[str, str], count: int) -> str:
        return forms[_plural(count, self.language)].format(count=count)


class Wording:
    """The catalogue. Raises ValueError when it lacks English."""

    def __init__(self, phrases: Iterable[Phrases]) -> None:
        self._phrases = {each.language: each for each in phrases}
        if DEFAULT_LANGUAGE not in self._phrases:
            raise ValueError("the default language is missing")
        self._spoken_in = {country: each.language for each in self._phrases.values() for country in each.countries}
        self._voices: dict[tuple[str | None, str], Voice] = {}

    @property
    def languages(self) -> frozenset[str]:
        """Those that it has."""
        return frozenset(self._phrases)

    def voice(self, asked: str | None, country: str) -> Voice:
        """How to speak to a customer: in the language asked for (`de`, `de-CH`), else in the country's, else in English."""
        language, _, region = (asked or "").partition("-")
        key = (language.lower() if language.lower() in self._phrases else None, region.upper() or country)
        found = self._voices.get(key)
        if found is None:
            phrases = self._phrases[key[0] or self._spoken_in.get(country, DEFAULT_LANGUAGE)]
            found = Voice(phrases, _locale(phrases.language, key[1]))
            if len(self._voices) < _GREATEST_VOICES:
                self._voices[key] = found
        return found


_GREATEST_VOICES = 1_000


def _placeholders(pattern: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(pattern) if name is not None}


def _locale(language: str, country: str) -> str:
    try:
        return str(Locale(language, country))
    except (UnknownLocaleError, ValueError):
        return language


@lru_cache(maxsize=64)
def _parsed(locale: str) -> Locale:
    return Locale.parse(locale)


@lru_cache(maxsize=4096)
def _money(currency: str, amount_cents: int, locale: str) -> str:
    digits = minor_digits(currency)
    pattern = parse_pattern(_parsed(locale).currency_formats["standard"].pattern)
    pattern.frac_prec = (digits, digits)  # the library's own digits are for cash: some currencies lose their cents
    shown = pattern.apply(Decimal(amount_cents).scaleb(-digits), _parsed(locale), currency, currency_digits=False)
    # A code of letters stands apart from its number, which the locale's pattern leaves to a rule that the library lacks.
    apart = [
        f"{sign}{NO_BREAK}" if sign.isalpha() and after.isdigit() else sign
        for sign, after in zip(shown, f"{shown[1:]} ", strict=True)
    ]
    return "".join(apart).replace("\u202f", NO_BREAK)


@lru_cache(maxsize=256)
def _percent(percent: int, locale: str) -> str:
    return str(format_percent(Decimal(percent).scaleb(-2), locale=_parsed(locale))).replace("\u202f", NO_BREAK)


@lru_cache(maxsize=1024)
def _day(day: date, locale: str) -> str:
    return str(format_date(day, "long", _parsed(locale))).replace(" ", NO_BREAK)


def _plural(count: int, language: str) -> str:
    return str(_parsed(language).plural_form(count))
