"""One decision: from campaigns, needs and circumstances to what is offered, with the chance of everything that could have been."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from services.offers.domain.campaign import Campaign, Terms
from services.offers.domain.eligibility import Circumstances, Refusal, eligible, is_held_out, running
from services.offers.domain.limits import Claim
from services.offers.domain.needs import CategoryNeed
from services.offers.domain.policy import Choice, Prior, drawn, redemption_ratio, weighed

OFFERS_WEIGHED = 24
OFFERED = "offered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """An offer that is made, with its terms and the need that it answers."""

    choice: Choice
    terms: Terms
    need: CategoryNeed
    redemption_ratio: float
    claims: Sequence[Claim] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided. `alternatives` are all offers that could have been made; their propensities sum to one."""

    group: Literal["treated", "holdout"]
    reason: str
    chosen: tuple[Chosen, ...]
    alternatives: tuple[Choice, ...]
    refusals: Counter[Refusal]


def decide(
    campaigns: Mapping[str, Campaign],
    needs: Sequence[CategoryNeed],
    at: Circumstances,
    *,
    slots: int,
    seed: str,
    prior: Prior,
) -> Decision:
    """The decision; neither the order of `campaigns` nor that of `needs` matters, and the same seed chooses the same."""
    here = running(campaigns, at)
    found = eligible(here, needs, at, prior)
    alternatives = weighed(found.offers, prior, OFFERS_WEIGHED)
    chosen = [
        Chosen(
            choice=choice,
            terms=found.terms[choice.offer.key],
            need=found.needs[choice.offer.category],
            redemption_ratio=redemption_ratio(choice.offer, prior),
            claims=found.claims[choice.offer.campaign_id],
        )
        for choice in drawn(alternatives, prior, slots=slots, seed=seed)
    ]
    return Decision(
        group="holdout" if is_held_out(at.holdout_key, [campaign for campaign, _ in here]) else "treated",
        reason=OFFERED if chosen else found.main_refusal,
        chosen=tuple(chosen),
        alternatives=tuple(alternatives),
        refusals=found.refusals,
    )
