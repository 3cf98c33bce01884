"""Campaigns: what may be promised to whom, within guard rails that a store's override cannot leave.

The same form is read from YAML, from the API and from the database.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from libs.common.contracts.values import Currency, Funder, Key, Moment
from services.offers.domain.campaigns.brake_bounds import CampaignBounds
from services.offers.domain.campaigns.offline_policy import OfflinePolicy
from services.offers.domain.campaigns.stacking_rules import BelowMinimum, Stacking
from services.offers.domain.campaigns.terms import AmountOff, Cents, Percent, Promising, Terms
from services.offers.domain.codes.numbers import Numbered
from services.offers.domain.money.limits import Limit, contradiction, tightened

ANY_CATEGORY = "*"

Days = Annotated[int, Field(ge=0, le=366)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=60)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Limits = Annotated[tuple[Limit, ...], Field(max_length=8)]
OverIssue = Annotated[float, Field(ge=1, le=10)]


class Aim(StrEnum):
    """Whom a campaign speaks to."""

    USUAL = "usual"
    """Categories that the customer already buys."""
    DISCOVER = "discover"
    """Categories that the customer has not bought yet."""
    ANY = "any"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GuardRails(_Part):
    """What no store may exceed.

    What a customer may hold and get is judged by what was known as the checkout began: those of one customer at once may each
    get what only one should. A `limit` per customer is exact.
    """

    greatest_value_cents: Cents
    greatest_percent: Percent = 50
    greatest_validity_days: Days = 60
    open_per_customer: Annotated[int, Field(ge=1, le=100)] = 1
    """Vouchers of this campaign that one customer may hold unused at a time."""
    issued_per_customer: Annotated[int, Field(ge=1, le=1000)] = 4
    """Vouchers of this campaign that one customer may get within `issued_within_days`."""
    issued_within_days: Annotated[int, Field(ge=1, le=366)] = 28
    greatest_over_issue_ratio: OverIssue = 1.0


class StoreOverride(_Part):
    """What one store changes; what it leaves out stays as head office set it."""

    active: bool = True
    percent: Percent | None = None
    amount_cents: Cents | None = None
    greatest_value_cents: Cents | None = None
    validity_days: Days | None = None
    limits: Limits = ()
    """In place of the campaign's of the same kind, and beside the others: they may only be tighter."""


_AS_IT_IS = StoreOverride()


class Campaign(Promising):
    """One campaign of head office. `greatest_value_cents` is what a voucher may cost at most: so much is reserved at issue."""

    campaign_id: Key
    title: Title
    titles: Mapping[Language, Title] = Field(default_factory=dict)
    """In other languages than the one that `title` is in."""
    aim: Aim = Aim.ANY
    greatest_value_cents: Cents
    currency: Currency
    categories: tuple[Key, ...] = (ANY_CATEGORY,)
    tiers: tuple[Literal[0, 1], ...] = (0, 1)
    """0: with what is known of the customer; 1: on the prior of all customers."""
    funder: Funder = Funder.RETAILER
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    validity_days: Days = 14
    validity_counts: Literal["days", "opening_days"] = "days"
    """Whether days on which the store is closed count."""
    cap_cents: Annotated[int, Field(ge=0, le=10**12)]
    """The budget: reserved and spent together never exceed it."""
    holdout_ratio: Share = 0.05
    """Customers who never get it, so that there is something to compare with."""
    exploration_ratio: Share = 0.1
    """How much of the policy's choice is by lot."""
    guard_rails: GuardRails
    signed: Literal["store", "chain"] | None = None
    """Whether tills without a network can check its vouchers, for the store that printed them or for every store."""
    legacy_codes: bool | None = None
    """Whether codes of another system may be imported for it. Then tills can't tell a typing error from a guess."""
    numbered: Numbered | None = None
    """Numbers for scanners that read digits only, beside the code."""
    stores: Mapping[Key, StoreOverride] = Field(default_factory=dict)
    offline: OfflinePolicy | None = None
    """Whether lanes without a network take its vouchers, which must be signed; None: they do not."""
    limits: Limits = ()
    """For one customer, household, store, region, partner; in a day, a week, for good."""
    over_issue_ratio: OverIssue = 1.0
    """Vouchers may be worth so many times the budget, since many are never used."""
    backing_cents: Annotated[int, Field(ge=0, le=10**12)] = 0
    """Money of its own that covers what the budget does not if all are used after all."""
    stacking: Stacking = Stacking()
    """How its vouchers go together with others (docs/stacking.md)."""
    minimum_basket_cents: Cents | None = None
    """What a receipt comes to at least, before any voucher, for its vouchers to give."""
    below_minimum: BelowMinimum = BelowMinimum.KEEP
    """What becomes of the discount when goods return and the receipt no longer comes to that (docs/stacking.md)."""
    brake: CampaignBounds | None = None
    """What stops it by itself, over what head office sets for all."""

    @model_validator(mode="after")
    def _keeps_its_own_rules(self) -> Self:
        if self.kind == "amount" and self.greatest_value_cents != self.amount_cents:
            raise ValueError("the greatest value of an amount is the amount")
        if self.signed and self.kind not in ("amount", "percent"):
            raise ValueError(f"a signature has no room for {self.kind}: only an amount or a percentage can be signed")
        if self.bundle and not self.bundle.categories.issuperset(self.categories):
            raise ValueError("the categories of a bundle's campaign are among those of its parts")
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValueError("it ends before it starts")
        if self.offline and not self.signed:
            raise ValueError("a till without a network can check signed vouchers only")
        for store_id in ("", *self.stores):
            broken = self._broken_rail(self._terms(self.stores.get(store_id)))
            if broken:
                raise ValueError(
                    f"{f'store {store_id}' if store_id else 'the campaign'} leaves its guard rails: {broken}"
                )
        return self

    @model_validator(mode="after")
    def _keeps_its_limits(self) -> Self:
        for store_id in ("", *self.stores):
            where = f"store {store_id}" if store_id else "the campaign"
            try:
                limits = self.limits_in(store_id)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from error
            value_cents = self._terms(self.stores.get(store_id)).greatest_value_cents
            own = self.stores[store_id].limits if store_id else ()
            wrong = contradiction(own, value_cents) or contradiction(limits, value_cents)
            if wrong:
                raise ValueError(f"{where}: {wrong}")
        return self

    @model_validator(mode="after")
    def _backs_what_it_over_issues(self) -> Self:
        if self.over_issue_ratio > self.guard_rails.greatest_over_issue_ratio:
            raise ValueError("the campaign leaves its guard rails: greatest_over_issue_ratio")
        if self.backing_cents < self.over_issue_cents:
            raise ValueError(
                f"over_issue_ratio {self.over_issue_ratio} needs backing_cents of at least {self.over_issue_cents}"
            )
        return self

    @property
    def over_issue_cents(self) -> int:
        """What vouchers may be worth beyond the budget."""
        return int(self.cap_cents * (Decimal(str(self.over_issue_ratio)) - 1))

    def limits_in(self, store_id: str) -> Sequence[Limit]:
        """Its limits there."""
        override = self.stores.get(store_id)
        return tightened(self.limits, override.limits) if override and override.limits else self.limits

    def in_store(self, store_id: str, currency: str) -> Terms | None:
        """What it promises there, or None where it does not run."""
        override = self.stores.get(store_id)
        if currency != self.currency or (override is not None and not override.active):
            return None
        return self._terms(override) if override is not None else self.terms

    @cached_property
    def terms(self) -> Terms:
        """What it promises where no store changed it."""
        return self._terms(None)

    def title_in(self, language: str) -> str:
        """Its title for customers of this language."""
        return self.titles.get(language, self.title)

    def runs_at(self, now: datetime) -> bool:
        """Whether `now` lies within its time."""
        return (self.starts_at is None or self.starts_at <= now) and (self.ends_at is None or now < self.ends_at)

    def calendar_days(self, validity_days: int) -> int:
        """How many days of the calendar so many days of validity take at most."""
        return validity_days if self.validity_counts == "days" else 2 * validity_days + 7

    @property
    def remembered_days(self) -> int:
        """So many days back lie the vouchers that count against its rails: issued lately, or unused and still good."""
        return max(self.guard_rails.issued_within_days, self.calendar_days(self.guard_rails.greatest_validity_days) + 1)

    @cached_property
    def targeted(self) -> frozenset[str] | None:
        """The categories that it may be given for; None for all."""
        return None if ANY_CATEGORY in self.categories else frozenset(self.categories)

    def targets(self, category: str) -> bool:
        """Whether it may be given for this category."""
        return self.targeted is None or category in self.targeted

    def _terms(self, override: StoreOverride | None) -> Terms:
        changed = override or _AS_IT_IS
        promise = self.promised(percent=changed.percent, amount_cents=changed.amount_cents)
        amount_cents = promise.amount_cents if isinstance(promise, AmountOff) else None
        return Terms(
            promise=promise,
            greatest_value_cents=amount_cents or changed.greatest_value_cents or self.greatest_value_cents,
            validity_days=self.validity_days if changed.validity_days is None else changed.validity_days,
        )

    def _broken_rail(self, terms: Terms) -> str | None:
        rails = self.guard_rails
        if terms.greatest_value_cents > rails.greatest_value_cents:
            return "greatest_value_cents"
        if (terms.percent or 0) > rails.greatest_percent:
            return "greatest_percent"
        return "greatest_validity_days" if terms.validity_days > rails.greatest_validity_days else None
