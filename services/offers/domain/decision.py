"""One decision: from campaigns, needs and circumstances to what is offered, with the chance of everything that could have been."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from services.offers.domain.campaign import Campaign
from services.offers.domain.eligibility import Circumstances, Eligible, Refusal, eligible, is_held_out, running
from services.offers.domain.needs import CategoryNeed
from services.offers.domain.policy import Choice, Prior, choose, distribution, redemption_ratio
from services.offers.domain.terms import Terms

OFFERS_WEIGHED = 24
OFFERED = "offered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """An offer that is made, with its terms and the need that it answers."""

    choice: Choice
    terms: Terms
    need: CategoryNeed
    redemption_ratio: float


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
    weighed = [choice.offer for choice in _strongest(found, prior)]
    chosen = [
        Chosen(
            choice=choice,
            terms=found.terms[choice.offer.key],
            need=found.needs[choice.offer.category],
            redemption_ratio=redemption_ratio(choice.offer, prior),
        )
        for choice in choose(weighed, prior, slots=slots, seed=seed)
    ]
    return Decision(
        group="holdout" if is_held_out(at.holdout_key, [campaign for campaign, _ in here]) else "treated",
        reason=OFFERED if chosen else found.main_refusal,
        chosen=tuple(chosen),
        alternatives=tuple(distribution(weighed, prior)),
        refusals=found.refusals,
    )


def _strongest(found: Eligible, prior: Prior) -> list[Choice]:
    """The offers that are weighed against each other: a bound on the log, by score and then by key."""
    choices = distribution(found.offers, prior)
    if len(choices) <= OFFERS_WEIGHED:
        return choices
    return sorted(choices, key=lambda choice: (-choice.score_cents, choice.offer.key))[:OFFERS_WEIGHED]
