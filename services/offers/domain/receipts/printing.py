"""Whether coupons are printed, and how much of them: the law and the chain's wish per country, as data with a date."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache, partial
from typing import Annotated, Literal, Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.offers.domain.receipts.code_pages import USUAL_PAGES, spelled
from services.offers.domain.receipts.sheet import (
    ELSEWHERE_LINES,
    Block,
    Columns,
    Spell,
    greatest_dots,
    laid,
    length_dots,
)
from services.offers.domain.receipts.symbols import Symbols
from services.offers.domain.receipts.template import Coupon
from services.offers.domain.receipts.wording import Voice

How = Literal["print", "ask", "never"]


class PrintPolicy(BaseModel):
    """What holds from a local day on; without `since` from ever."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: date = date.min
    how: How
    greatest_mm: Annotated[int, Field(ge=1)] | None = None
    """Of paper for the coupons of one basket; the others are in the e-receipt alone."""
    symbols: Symbols = "both"


class PrintPolicies(BaseModel):
    """The policies of all countries; what a country does not say, `default` does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    default: Annotated[tuple[PrintPolicy, ...], Field(min_length=1)]
    countries: Mapping[str, tuple[PrintPolicy, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _begins_at_once(self) -> Self:
        for country, policies in {"default": self.default, **self.countries}.items():
            days = [policy.since for policy in policies]
            if days[:1] != [date.min] or days != sorted(set(days)):
                raise ValueError(f"{country}: the first holds from ever, the others later, in order")
        return self

    def on(self, day: date, country: str) -> PrintPolicy:
        """What holds in a country on a day of its own calendar."""
        policies = self.countries.get(country, self.default)
        return next(policy for policy in reversed(policies) if policy.since <= day)

    def changed_by(self, other: "PrintPolicies | None") -> "PrintPolicies":
        """These with what `other` says of its own: a deployment's file over ours."""
        if other is None:
            return self
        return PrintPolicies(default=other.default, countries={**self.countries, **other.countries})


class Printing(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a decision's coupons are printed, stored with it: a repeat is printed by the same rules, in the same words.

    What is as the defaults say is not stored, so they stay as they are.
    """

    how: How = "print"
    greatest_mm: int | None = None
    symbols: Symbols = "both"
    language: str = "en"
    code_pages: tuple[str, ...] = USUAL_PAGES
    questions: tuple[str, ...] = ()
    """What the till asks before it prints 1, 2, ... coupons."""
    elsewhere: tuple[str, ...] = ()
    """What is said on paper when 1, 2, ... more are not on it."""

    @classmethod
    def of(cls, policy: PrintPolicy, voice: Voice, slots: int) -> Self:
        """For a decision of so many coupons at most."""
        counts = range(1, slots + 1)
        return cls(
            how=policy.how,
            greatest_mm=policy.greatest_mm,
            symbols=policy.symbols,
            language=voice.language,
            code_pages=voice.phrases.code_pages,
            questions=tuple(map(voice.question, counts)) if policy.how == "ask" else (),
            elsewhere=tuple(map(voice.elsewhere, counts)) if policy.greatest_mm else (),
        )


class Fitted(msgspec.Struct, frozen=True):
    """What goes on paper, laid in signs that the printer has, and what everything together would have taken."""

    on_paper: tuple[Coupon, ...]
    blocks: tuple[Block, ...]
    symbols: Symbols
    elsewhere: str
    paper_dots: int
    whole_dots: int


def fitted(coupons: Sequence[Coupon], columns: Columns, printing: Printing) -> Fitted:
    """The coupons that the paper budget lets through, in order: with all symbols, else with one each, else fewer coupons."""
    spell = _speller(printing.code_pages)
    wished = [laid(coupon, columns, printing.symbols, spell) for coupon in coupons]
    whole_dots = length_dots(wished)
    if printing.how == "never":
        return Fitted((), (), printing.symbols, "", 0, whole_dots)
    if printing.greatest_mm is None or whole_dots <= greatest_dots(printing.greatest_mm):
        return Fitted(tuple(coupons), tuple(wished), printing.symbols, "", whole_dots, whole_dots)
    blocks = [laid(coupon, columns, "one", spell) for coupon in coupons]
    kept = _within(blocks, greatest_dots(printing.greatest_mm))
    if not kept:
        return Fitted((), (), "one", "", 0, whole_dots)
    left_off = len(coupons) - len(kept)
    return Fitted(
        tuple(coupons[place] for place in kept),
        tuple(blocks[place] for place in kept),
        "one",
        printing.elsewhere[left_off - 1] if 0 < left_off <= len(printing.elsewhere) else "",
        length_dots([blocks[place] for place in kept], ELSEWHERE_LINES if left_off else 0),
        whole_dots,
    )


@lru_cache(maxsize=64)
def _speller(pages: tuple[str, ...]) -> Spell:
    """The same for the same pages: what was laid by it is known again."""
    return partial(spelled, pages=pages)


def _within(blocks: Sequence[Block], dots: int) -> list[int]:
    """The places of those that fit together, the first first; room is kept for saying that there are more."""
    if length_dots(blocks) <= dots:
        return list(range(len(blocks)))
    kept: list[int] = []
    for place in range(len(blocks)):
        if length_dots([blocks[each] for each in [*kept, place]], ELSEWHERE_LINES) <= dots:
            kept.append(place)
    return kept
