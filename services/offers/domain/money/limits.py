"""Limits of a campaign beside its budget: how much for one customer, household, store, region, partner, in a day, a week, for good.

A campaign states them; a decision asks what they allow; the group commit judges by the same rules in SQL (`granted_within_limits`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field


class Per(StrEnum):
    """Whose use a limit bounds."""

    CUSTOMER = "customer"
    """A person: customers that became one count together."""
    HOUSEHOLD = "household"
    STORE = "store"
    REGION = "region"
    PARTNER = "partner"
    """Who runs the store."""
    CAMPAIGN = "campaign"
    """Everybody's use together."""


PERSONAL = frozenset({Per.CUSTOMER, Per.HOUSEHOLD})


class Period(StrEnum):
    """For how long a limit counts: by the calendar of the store that issues."""

    DAY = "day"
    WEEK = "week"
    """From Monday."""
    LIFE = "life"
    """The campaign's."""

    def starts_on(self, day: date) -> date:
        """The first day of the period that `day` lies in.

        >>> Period.WEEK.starts_on(date(2026, 3, 29)).isoformat()
        '2026-03-23'
        """
        if self is Period.LIFE:
            return _FOR_GOOD
        return day - timedelta(days=day.weekday()) if self is Period.WEEK else day


_FOR_GOOD = date(1970, 1, 1)


class Limit(BaseModel):
    """At most so many vouchers, or so much money, for each one of a kind within a period.

    It bounds what was issued and has not ended unused: vouchers; or what they may still cost and have cost.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    per: Per
    period: Period
    measure: Literal["count", "cents"]
    most: Annotated[int, Field(ge=1, le=10**12)]
    where_unknown: Literal["refuse", "pass"] = "refuse"
    """What becomes of a checkout whose customer, household, region or partner nobody knows."""

    @property
    def subject(self) -> str:
        """What it bounds, in words of its own fields."""
        return f"{self.measure} per {self.per} and {self.period}"


def contradiction(limits: Sequence[Limit], greatest_value_cents: int) -> str | None:
    """Why these limits can't stand together for vouchers of this value, or None."""
    subjects = [limit.subject for limit in limits]
    twice = next((subject for subject in subjects if subjects.count(subject) > 1), None)
    if twice:
        return f"two limits of {twice}"
    low = next((limit for limit in limits if limit.measure == "cents" and limit.most < greatest_value_cents), None)
    return f"{low.subject} is less than one voucher may cost" if low else None


def tightened(limits: Sequence[Limit], by: Sequence[Limit]) -> Sequence[Limit]:
    """`limits` with those of one store in their place. Raises ValueError where the store's would allow more."""
    stands = {limit.subject: limit for limit in limits}
    for limit in by:
        known = stands.get(limit.subject)
        if known is not None and (limit.most > known.most or (limit.where_unknown, known.where_unknown) == _LOOSER):
            raise ValueError(f"{limit.subject} may only be tightened")
        stands[limit.subject] = limit
    return tuple(stands.values())


_LOOSER = ("pass", "refuse")


@dataclass(frozen=True, slots=True)
class Counter:
    """One thing that is counted: this customer's day, that store's week."""

    per: Per
    entity: str
    """Its id; empty for the campaign itself."""
    period: Period
    starts_on: date


@dataclass(frozen=True, slots=True)
class Use:
    """What stands on a counter: vouchers, and what they may cost or have cost."""

    count: int = 0
    cents: int = 0

    def and_one_of(self, value_cents: int) -> "Use":
        """With one voucher more."""
        return Use(self.count + 1, self.cents + value_cents)


@dataclass(frozen=True, slots=True)
class Claim:
    """A voucher counts on `counter`, which may not go above these; None: no such limit."""

    counter: Counter
    most_count: int | None = None
    most_cents: int | None = None

    def allows(self, use: Use) -> bool:
        """Whether the counter may stand like this."""
        return (self.most_count is None or use.count <= self.most_count) and (
            self.most_cents is None or use.cents <= self.most_cents
        )


Uses = Mapping[tuple[str, Counter], Use]
"""By campaign and counter; what is not there was not used."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks on which day of the store's calendar, and how much is used as far as anybody knows before the commit."""

    entities: Mapping[Per, str | None]
    day: date
    uses: Uses = msgspec.field(default_factory=dict)


NOBODY_KNOWN = Standing(entities={Per.CAMPAIGN: ""}, day=_FOR_GOOD)


def claims_of(limits: Sequence[Limit], at: Standing) -> Sequence[Claim] | None:
    """What a voucher issued there counts on; None where a limit speaks of somebody unknown and does not let that pass."""
    most: dict[Counter, dict[str, int]] = {}
    for limit in limits:
        entity = at.entities.get(limit.per)
        if entity is None:
            if limit.where_unknown == "refuse":
                return None
            continue
        counter = Counter(limit.per, entity, limit.period, limit.period.starts_on(at.day))
        most.setdefault(counter, {})[limit.measure] = limit.most
    return tuple(Claim(counter, each.get("count"), each.get("cents")) for counter, each in most.items())


def room(campaign_id: str, claims: Sequence[Claim], uses: Uses, value_cents: int) -> int | None:
    """How many vouchers more, of this value each, fit all of them; None where nothing is limited."""
    rooms = []
    for claim in claims:
        use = uses.get((campaign_id, claim.counter), Use())
        if claim.most_count is not None:
            rooms.append(claim.most_count - use.count)
        if claim.most_cents is not None:
            rooms.append((claim.most_cents - use.cents) // value_cents)
    return max(0, min(rooms)) if rooms else None


def room_for_one(campaign_id: str, claims: Sequence[Claim], uses: Uses, value_cents: int) -> bool:
    """Whether one voucher more fits all of them."""
    return all(claim.allows(uses.get((campaign_id, claim.counter), Use()).and_one_of(value_cents)) for claim in claims)
