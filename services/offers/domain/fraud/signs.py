"""Signs of fraud in a redemption: each a count within a time, with points; the points decide what is done. Bounds are data."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Signal(StrEnum):
    """What speaks for fraud."""

    CUSTOMER_VELOCITY = "customer-velocity"
    """On so many receipts vouchers of this customer were redeemed: many on one receipt are how people save them up."""
    LANE_VELOCITY = "lane-velocity"
    """So many vouchers were redeemed at this lane."""
    STORE_VELOCITY = "store-velocity"
    """So many vouchers were redeemed in this store."""
    BATCH_VELOCITY = "batch-velocity"
    """So many codes of this voucher's batch were redeemed."""
    CASHIER_IS_CUSTOMER = "cashier-is-customer"
    """The cashier's own card is the one that the voucher was issued to."""
    CASHIER_VELOCITY = "cashier-velocity"
    """So many vouchers were redeemed by this cashier."""
    CASHIER_AND_CUSTOMER = "cashier-and-customer"
    """On so many receipts vouchers of this customer were redeemed by this one cashier."""
    REFUND_LOOP = "refund-loop"
    """So many redemptions of this customer's vouchers were taken back, or their goods returned."""
    FAR_STORES = "far-stores"
    """Vouchers of this customer were redeemed in so many other stores."""
    SPLIT_BASKET = "split-basket"
    """Vouchers of this customer were redeemed on so many other receipts in this store."""
    COPIED_CODE = "copied-code"
    """This voucher was presented at so many other lanes after it was used."""


class Action(StrEnum):
    """What is done."""

    ALLOW = "allow"
    STEP_UP = "step-up"
    """The till asks a supervisor."""
    BLOCK = "block"
    CONFIRMED = "confirmed"
    """A supervisor said yes where one had to be asked."""
    NOTED = "noted"
    """It was refused for another reason: nothing had to be done."""
    UNWATCHED = "unwatched"
    """Nobody could look in time: allowed."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bound(_Part):
    """From `at_least` within `within_seconds` on a signal says `points`."""

    at_least: Annotated[int, Field(ge=1, le=200)]
    within_seconds: Annotated[int, Field(ge=1, le=30 * 86_400)]
    points: Annotated[int, Field(ge=0, le=1000)]


class FraudPolicy(_Part):
    """How much each signal says, and from how many points on what is done. A signal that is left out says nothing."""

    step_up_points: Annotated[int, Field(ge=1)]
    block_points: Annotated[int, Field(ge=1)]
    signals: Mapping[Signal, Bound]

    @model_validator(mode="after")
    def _asks_before_it_blocks(self) -> Self:
        if self.block_points < self.step_up_points:
            raise ValueError("block_points is at least step_up_points")
        return self

    def seconds(self, signal: Signal) -> int:
        """The time that a signal looks back; 0 for one that says nothing."""
        bound = self.signals.get(signal)
        return bound.within_seconds if bound else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """What is known of one presentation: a count for each signal, this presentation itself among them."""

    counts: Mapping[Signal, int]

    @classmethod
    def of(cls, **counts: int) -> Self:
        """From counts by the signals' names, with underscores."""
        return cls(counts={Signal(name.replace("_", "-")): count for name, count in counts.items()})


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is done and why. `signals` in the order of their points, the heaviest first."""

    action: Action
    points: int = 0
    signals: tuple[Signal, ...] = ()


UNWATCHED = Assessment(Action.UNWATCHED)


def assess(presented: Presented, policy: FraudPolicy, *, gives: bool, confirmed: bool) -> Assessment:
    """What to do about a presentation. `gives`: it would be redeemed otherwise; `confirmed`: a supervisor stands behind it.

    Points of signals add up. A supervisor's word lifts a step-up and never a block.
    """
    fired = [
        (bound.points, signal)
        for signal, bound in policy.signals.items()
        if bound.points and presented.counts.get(signal, 0) >= bound.at_least
    ]
    points = sum(each for each, _ in fired)
    signals = tuple(signal for _, signal in sorted(fired, key=lambda each: (-each[0], each[1])))
    return Assessment(_action(points, policy, gives=gives, confirmed=confirmed), points, signals)


def _action(points: int, policy: FraudPolicy, *, gives: bool, confirmed: bool) -> Action:
    if not gives:
        return Action.NOTED if points else Action.ALLOW
    if points >= policy.block_points:
        return Action.BLOCK
    if points >= policy.step_up_points:
        return Action.CONFIRMED if confirmed else Action.STEP_UP
    return Action.ALLOW
