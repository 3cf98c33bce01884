"""The language of segment rules: data that anybody may write and nothing in it can run; handlers read it, folders evaluate it.

A rule is all, any or not of other rules, or one condition on what is known of a customer. Evaluating never raises: a figure that
nobody knows meets no comparison, an amount in another currency neither.
"""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from enum import StrEnum
from operator import ge, gt, le, lt
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from libs.common.contracts.consent import Channel, Purpose
from libs.common.contracts.values import Currency, Key
from services.profile.domain.figures import Figure, Figures, Tier

GREATEST_CONDITIONS = 100
GREATEST_DEPTH = 8
WEEKS_A_PERIOD = 4

SegmentId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Number = Annotated[int | float, Field(ge=-(10**12), le=10**12, allow_inf_nan=False)]
Members: TypeAlias = AbstractSet[str]
"""Segments that the customer is known to be in."""
Predicate: TypeAlias = Callable[[Figures, Members], bool]


class Comparison(StrEnum):
    """How a figure stands to a value."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    MORE_THAN = "more_than"
    LESS_THAN = "less_than"


_HOLDS: dict[Comparison, Callable[[float, float], bool]] = {
    Comparison.AT_LEAST: ge,
    Comparison.AT_MOST: le,
    Comparison.MORE_THAN: gt,
    Comparison.LESS_THAN: lt,
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FigureRule(_Part):
    """A figure against a value in the figure's own unit; an amount without a currency is in the customer's."""

    kind: Literal["figure"]
    figure: Figure
    comparison: Comparison
    value: Number
    currency: Currency | None = None

    @model_validator(mode="after")
    def _only_money_has_a_currency(self) -> Self:
        if self.currency is not None and not self.figure.is_money:
            raise ValueError("only an amount has a currency")
        return self


class CategorySpendRule(_Part):
    """What was paid in a category in the last four-week periods, the present one included; refunds are not taken off."""

    kind: Literal["category_spend"]
    category: Key
    weeks: Annotated[int, Field(ge=WEEKS_A_PERIOD, le=520, multiple_of=WEEKS_A_PERIOD)] = 52
    comparison: Comparison
    value_cents: Annotated[int, Field(ge=0, le=10**12)]
    currency: Currency | None = None


class SegmentRule(_Part):
    """Whether the customer is in another segment."""

    kind: Literal["segment"]
    segment_id: SegmentId


class ConsentRule(_Part):
    """Whether a purpose is granted on a channel, there or on any."""

    kind: Literal["consent"]
    purpose: Purpose
    channel: Channel = Channel.ANY
    granted: bool = True


class TierRule(_Part):
    """Whether the value tier is one of these."""

    kind: Literal["value_tier"]
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1, max_length=4)]


class AllRule(_Part):
    """Every one of them."""

    kind: Literal["all"]
    of: Annotated[tuple["Rule", ...], Field(min_length=1, max_length=GREATEST_CONDITIONS)]


class AnyRule(_Part):
    """One of them at least."""

    kind: Literal["any"]
    of: Annotated[tuple["Rule", ...], Field(min_length=1, max_length=GREATEST_CONDITIONS)]


class NotRule(_Part):
    """Its opposite: true also where a figure is not known."""

    kind: Literal["not"]
    of: "Rule"


Rule: TypeAlias = Annotated[
    FigureRule | CategorySpendRule | SegmentRule | ConsentRule | TierRule | AllRule | AnyRule | NotRule,
    Field(discriminator="kind"),
]
for _model in (AllRule, AnyRule, NotRule):
    _model.model_rebuild()


def parts_of(rule: Rule) -> tuple[Rule, ...]:
    """The rules that it joins; none for a condition."""
    if isinstance(rule, AllRule | AnyRule):
        return rule.of
    return (rule.of,) if isinstance(rule, NotRule) else ()


def conditions_of(rule: Rule) -> Iterator[Rule]:
    """Every condition in it."""
    below = parts_of(rule)
    if not below:
        yield rule
    for one in below:
        yield from conditions_of(one)


def depth_of(rule: Rule) -> int:
    """How deep it is nested; 1 for a condition."""
    return 1 + max((depth_of(one) for one in parts_of(rule)), default=0)


def segments_named_in(rule: Rule) -> frozenset[str]:
    """The segments that it asks for."""
    return frozenset(one.segment_id for one in conditions_of(rule) if isinstance(one, SegmentRule))


def check_size(rule: Rule) -> Rule:
    """The rule itself; raises ValueError when it is too deep or has too many conditions to be evaluated for everybody."""
    if depth_of(rule) > GREATEST_DEPTH:
        raise ValueError(f"a rule may be {GREATEST_DEPTH} deep")
    if sum(1 for _ in conditions_of(rule)) > GREATEST_CONDITIONS:
        raise ValueError(f"a rule may have {GREATEST_CONDITIONS} conditions")
    return rule


def predicate_of(rule: Rule) -> Predicate:
    """The rule as a function: read once, asked for every customer."""
    if isinstance(rule, AllRule | AnyRule):
        return _joined([predicate_of(one) for one in rule.of], all if isinstance(rule, AllRule) else any)
    if isinstance(rule, NotRule):
        inner = predicate_of(rule.of)
        return lambda figures, members: not inner(figures, members)
    return _condition(rule)


def _joined(inner: list[Predicate], join: Callable[[Iterator[bool]], bool]) -> Predicate:
    return lambda figures, members: join(holds(figures, members) for holds in inner)


def _condition(rule: Rule) -> Predicate:
    match rule:
        case FigureRule():
            return _figure(rule)
        case CategorySpendRule():
            return _category_spend(rule)
        case SegmentRule(segment_id=segment_id):
            return lambda _figures, members: segment_id in members
        case ConsentRule():
            return lambda figures, _members: figures.grants(rule.purpose, rule.channel) is rule.granted
        case TierRule(tiers=tiers):
            return lambda figures, _members: figures.tier in tiers
        case _:
            raise TypeError(f"{type(rule).__name__} is no condition")


def _figure(rule: FigureRule) -> Predicate:
    figure, holds, value, currency = rule.figure, _HOLDS[rule.comparison], rule.value, rule.currency

    def meets(figures: Figures, _members: Members) -> bool:
        known = figures.numbers.get(figure)
        return known is not None and (currency is None or currency == figures.currency) and holds(known, value)

    return meets


def _category_spend(rule: CategorySpendRule) -> Predicate:
    holds, periods = _HOLDS[rule.comparison], rule.weeks // WEEKS_A_PERIOD

    def meets(figures: Figures, _members: Members) -> bool:
        right = rule.currency is None or rule.currency == figures.currency
        return right and holds(figures.spent_in(rule.category, periods), rule.value_cents)

    return meets
