"""One decision: from campaigns, needs and circumstances to what is offered, with the chance of everything that could have been."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from services.offers.domain.campaigns.terms import Terms
from services.offers.domain.decisions.eligibility import Circumstances, Eligible, Refusal, commonest, holdout_ratio_of
from services.offers.domain.decisions.needs import CategoryNeed
from services.offers.domain.decisions.policy import Choice, Prior, chances, drawn, redemption_ratio
from services.offers.domain.decisions.roster import Roster
from services.offers.domain.money.limits import Claim

OFFERS_WEIGHED = 24
OFFERED = "offered"


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """An offer that is made, with its terms and the need that it answers."""

    choice: Choice
    terms: Terms
    need: CategoryNeed
    redemption_ratio: float
    claims: Sequence[Claim] = ()


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided. `alternatives` are all offers that could have been made; their propensities sum to one."""

    group: Literal["treated", "holdout"]
    reason: str
    chosen: tuple[Chosen, ...]
    alternatives: tuple[Choice, ...]
    refusals: Mapping[Refusal, int]


def decide(
    here: Roster, needs: Sequence[CategoryNeed], at: Circumstances, *, slots: int, seed: str, prior: Prior
) -> Decision:
    """The decision of the campaigns that run here. The order of `needs`, of which each has its own category, does not matter.

    The same seed chooses the same.
    """
    holdout_ratio, found = holdout_ratio_of(at.holdout_key), Eligible()
    refused = here.whole_refusals(at, holdout_ratio, found)
    strongest, counted = here.strongest(needs, at, prior, refused, OFFERS_WEIGHED)
    alternatives = chances(strongest, prior)
    chosen = [
        _chosen(choice, here, needs, found, prior)
        for choice in drawn(alternatives, prior, slots=slots, seed=seed, room=found.room)
    ]
    refusals = counted if here.campaigns else {Refusal.NO_CAMPAIGN: 1}
    for refusal in refused.values():
        refusals[refusal] = refusals.get(refusal, 0) + max(1, len(needs))
    return Decision(
        group="holdout" if holdout_ratio < here.greatest_holdout_ratio else "treated",
        reason=OFFERED if chosen else commonest(refusals),
        chosen=tuple(chosen),
        alternatives=tuple(alternatives),
        refusals=refusals,
    )


def _chosen(choice: Choice, here: Roster, needs: Sequence[CategoryNeed], found: Eligible, prior: Prior) -> Chosen:
    offer = choice.offer
    return Chosen(
        choice=choice,
        terms=here.terms[here.number_of[offer.campaign_id]],
        need=next(need for need in needs if need.category == offer.category),
        redemption_ratio=redemption_ratio(offer, prior),
        claims=found.claims.get(offer.campaign_id, ()),
    )
