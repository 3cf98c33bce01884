"""The offer policy: which of the eligible offers to make, with which chance. Pure: the same inputs give the same choice.

Nothing is learned from redemptions yet. That a customer buys what a voucher named is coincidence as long as it is not
compared with the holdout, so the effect of a voucher is a stated prior (`Prior`), the same for everybody.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

MODEL_ID = "offer-prior-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What is assumed of a voucher's effect until experiments say better."""

    lift_ratio: float = 0.3
    """How far a voucher moves those who are undecided: added chance = lift x chance x (1 - chance)."""
    discovery_lift_ratio: float = 0.5
    """The same for a category that is new to the customer."""
    margin_ratio: float = 0.3
    """Of an item's price, what is earned on it."""
    price_cents: int = 300
    """Where no price is known."""
    trip_margin_cents: int = 250
    """What an added purchase earns besides: it brings the customer in, and the rest of a basket with it."""
    temperature_cents: float = 4.0
    """How many cents of expected margin make an offer e times as likely to be chosen."""


class Offer(msgspec.Struct, frozen=True):
    """One offer that could be made."""

    campaign_id: str
    category: str
    chance_ratio: float
    known: bool
    price_cents: int
    discount_cents: int
    """What it would take off one such item."""
    exploration_ratio: float

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the others."""
        return self.campaign_id, self.category


class Choice(msgspec.Struct, frozen=True):
    """An offer with its score in cents and the chance that the policy gave it at its draw."""

    offer: Offer
    score_cents: float
    propensity_ratio: float


Scored: TypeAlias = tuple[Offer, float]


def incremental_margin_cents(offer: Offer, prior: Prior) -> float:
    """Expected margin with the voucher less without it: bought because of it, less what is given away anyway.

    So neither what is bought for certain nor what is never wanted pays; what the customer is undecided about does.

    >>> sure = Offer(campaign_id="c", category="milk", chance_ratio=0.99, known=True, price_cents=300,
    ...              discount_cents=30, exploration_ratio=0)
    >>> incremental_margin_cents(sure, Prior()) < 0
    True
    """
    lift = prior.lift_ratio if offer.known else prior.discovery_lift_ratio
    added_ratio = lift * offer.chance_ratio * (1.0 - offer.chance_ratio)
    earned_cents = prior.margin_ratio * (offer.price_cents or prior.price_cents)
    gained_cents = earned_cents + prior.trip_margin_cents - offer.discount_cents
    return added_ratio * gained_cents - offer.chance_ratio * offer.discount_cents


def redemption_ratio(offer: Offer, prior: Prior) -> float:
    """The chance that it is redeemed, for who has to have the goods there."""
    lift = prior.lift_ratio if offer.known else prior.discovery_lift_ratio
    return offer.chance_ratio + lift * offer.chance_ratio * (1.0 - offer.chance_ratio)


def distribution(offers: Sequence[Offer], prior: Prior) -> list[Choice]:
    """Every offer with its chance, ordered by key; the chances sum to one.

    Softmax over expected incremental margin, mixed with a floor for each offer: its campaign's exploration ratio by
    the number of offers. So each offer's propensity is known, and none is zero where its campaign explores.
    """
    return chances(scored(offers, prior), prior)


def scored(offers: Sequence[Offer], prior: Prior) -> list[Scored]:
    """Every offer with its expected incremental margin, ordered by key."""
    return [(offer, incremental_margin_cents(offer, prior)) for offer in sorted(offers, key=_key)]


def weighed(offers: Sequence[Offer], prior: Prior, most: int) -> list[Choice]:
    """As `distribution`, of the strongest offers only: a bound on the log, by score and then by key."""
    strongest = scored(offers, prior)
    if len(strongest) > most:
        strongest = sorted(strongest, key=lambda one: -one[1])[:most]  # which keeps equals in the order of keys
        strongest.sort(key=lambda one: one[0].key)
    return chances(strongest, prior)


def choose(offers: Sequence[Offer], prior: Prior, *, slots: int, seed: str) -> list[Choice]:
    """Up to `slots` offers, no two for one category, drawn one after the other without putting back.

    A propensity is that of the offer's own draw, given the draws before it. The order of `offers` does not matter.
    """
    return drawn(distribution(offers, prior), prior, slots=slots, seed=seed)


def drawn(
    choices: Sequence[Choice], prior: Prior, *, slots: int, seed: str, room: Mapping[str, int] | None = None
) -> list[Choice]:
    """The same from a distribution that is known already; of campaigns in `room` so many at most."""
    left, rest = choices, dict(room or {})
    chosen: list[Choice] = []
    while left and len(chosen) < slots:
        draw = _draw(left, _uniform(seed, len(chosen)))
        chosen.append(draw)
        if len(chosen) < slots:
            if draw.offer.campaign_id in rest:
                rest[draw.offer.campaign_id] -= 1
            others = [
                (one.offer, one.score_cents)
                for one in left
                if one.offer.category != draw.offer.category and rest.get(one.offer.campaign_id, 1) > 0
            ]
            left = chances(others, prior)
    return chosen


def chances(ordered: Sequence[Scored], prior: Prior) -> list[Choice]:
    """Offers that are scored, and ordered by key, with their chances as `distribution` says."""
    if not ordered:
        return []
    best = max(score for _, score in ordered)
    weights = [math.exp((score - best) / prior.temperature_cents) for _, score in ordered]
    whole = math.fsum(weights)
    floors = [offer.exploration_ratio / len(ordered) for offer, _ in ordered]
    greedy_ratio = 1.0 - math.fsum(floors)
    return [
        Choice(offer, score, floor + greedy_ratio * weight / whole)
        for (offer, score), weight, floor in zip(ordered, weights, floors, strict=True)
    ]


def _key(offer: Offer) -> tuple[str, str]:
    return offer.campaign_id, offer.category


def stable_ratio(*parts: str) -> float:
    """A number in [0, 1) that depends on nothing but `parts`."""
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2.0**53


def _uniform(seed: str, draw: int) -> float:
    return stable_ratio("draw", seed, str(draw))


def _draw(choices: Sequence[Choice], at: float) -> Choice:
    passed = 0.0
    for choice in choices:
        passed += choice.propensity_ratio
        if at < passed:
            return choice
    return choices[-1]
