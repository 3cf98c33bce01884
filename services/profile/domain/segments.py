"""Segments: documents that say what a segment is for and who is in it, and the rules in force; folders assign them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from libs.common.contracts.values import Currency, Key
from services.profile.domain.figures import Figure, Figures, objects_to_profiling
from services.profile.domain.segment_rules import (
    Comparison,
    Number,
    Predicate,
    Rule,
    SegmentId,
    check_size,
    predicate_of,
    segments_named_in,
)

GREATEST_SEGMENTS = 200
"""In force at once: every fold evaluates all of them."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Goal(_Part):
    """What the owner wants to reach: the number of members, or the mean of a figure over them."""

    figure: Figure | Literal["members_count"]
    comparison: Comparison = Comparison.AT_LEAST
    target: Number
    currency: Currency | None = None
    by: date | None = None

    @model_validator(mode="after")
    def _money_has_a_currency(self) -> Self:
        is_money = isinstance(self.figure, Figure) and self.figure.is_money
        if is_money != (self.currency is not None):
            raise ValueError("an amount has a currency, and nothing else has one")
        return self


class Budget(_Part):
    """What may be spent on the segment's members in a period."""

    amount_cents: Annotated[int, Field(ge=0, le=10**12)]
    currency: Currency
    period: Literal["month", "quarter", "year"] = "year"


class SegmentDocument(_Part):
    """What a segment's owner writes. An archived one has no members; it is never deleted."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    description: Annotated[str, StringConstraints(max_length=1_000)] = ""
    owner: Key
    """The team that answers for it."""
    rule: Annotated[Rule, AfterValidator(check_size)]
    goals: Annotated[tuple[Goal, ...], Field(max_length=20)] = ()
    budget: Budget | None = None
    archived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A document under its id, in one version."""

    segment_id: SegmentId
    version: int
    document: SegmentDocument


def versions_in_force(segments: Iterable[Segment]) -> Mapping[str, int]:
    """The versions of those that are not archived, by id."""
    return {one.segment_id: one.version for one in segments if not one.document.archived}


class RulesInForce:
    """The rules of all segments that are not archived, ready to be asked. `number` rises with every save of any segment."""

    def __init__(self, number: int, segments: Iterable[Segment]) -> None:
        self.number = number
        known = list(segments)
        self.versions = versions_in_force(known)
        rules = {one.segment_id: one.document.rule for one in known if one.segment_id in self.versions}
        self._predicates: Sequence[tuple[str, Predicate]] = [
            (name, predicate_of(rules[name])) for name in in_order(rules)
        ]

    def segments_of(self, figures: Figures) -> tuple[str, ...]:
        """The ids of all segments that the customer is in, in their own order. Who objects to profiling is in none."""
        if objects_to_profiling(figures.consents):
            return ()
        members: set[str] = set()
        for name, holds in self._predicates:
            if holds(figures, members):
                members.add(name)
        return tuple(sorted(members))


def in_order(rules: Mapping[str, Rule]) -> Sequence[str]:
    """Ids so that a segment comes after those that its rule asks for. Of a circle (none is ever saved) any order."""
    found: dict[str, None] = {}

    def visit(name: str, above: frozenset[str]) -> None:
        if name in found or name in above or name not in rules:
            return
        for other in sorted(segments_named_in(rules[name])):
            visit(other, above | {name})
        found[name] = None

    for name in sorted(rules):
        visit(name, frozenset())
    return list(found)


def circle_through(name: str, rules: Mapping[str, Rule]) -> bool:
    """Whether the rule of a segment asks, directly or through others, for the segment itself."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        for other in segments_named_in(rules[waiting.pop()]) - seen:
            if other == name:
                return True
            if other in rules:
                seen.add(other)
                waiting.append(other)
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """A customer who came into a segment, or went out of it."""

    segment_id: str
    entered: bool


def crossings(before: AbstractSet[str], after: AbstractSet[str]) -> Iterator[Crossing]:
    """What happened between two memberships: those left first, each in the order of ids."""
    for segment_id in sorted(before - after):
        yield Crossing(segment_id=segment_id, entered=False)
    for segment_id in sorted(after - before):
        yield Crossing(segment_id=segment_id, entered=True)
