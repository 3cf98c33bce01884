"""A decision spelled out: every running campaign against every category, one after the other; what rosters are held against."""

from collections.abc import Mapping, Sequence

from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.campaigns.terms import Terms
from services.offers.domain.decisions.decision import OFFERED, OFFERS_WEIGHED, Chosen, Decision
from services.offers.domain.decisions.eligibility import Circumstances, commonest, eligible, holdout_ratio_of
from services.offers.domain.decisions.needs import CategoryNeed
from services.offers.domain.decisions.policy import Prior, drawn, redemption_ratio, weighed


def running(campaigns: Mapping[str, Campaign], at: Circumstances) -> list[tuple[Campaign, Terms]]:
    """The campaigns that run now in this store, by id, with what they promise there."""
    here = ((campaigns[name], campaigns[name].in_store(at.store_id, at.currency)) for name in sorted(campaigns))
    return [(campaign, terms) for campaign, terms in here if terms is not None and campaign.runs_at(at.now)]


def decided_plainly(
    campaigns: Mapping[str, Campaign],
    needs: Sequence[CategoryNeed],
    at: Circumstances,
    *,
    slots: int,
    seed: str,
    prior: Prior,
) -> Decision:
    """What `decide` must say."""
    here = running(campaigns, at)
    found = eligible(here, needs, at, prior)
    alternatives = weighed(found.offers, prior, OFFERS_WEIGHED)
    chosen = tuple(
        Chosen(
            choice=choice,
            terms=found.terms[choice.offer.key],
            need=found.needs[choice.offer.category],
            redemption_ratio=redemption_ratio(choice.offer, prior),
            claims=found.claims.get(choice.offer.campaign_id, ()),
        )
        for choice in drawn(alternatives, prior, slots=slots, seed=seed, room=found.room)
    )
    held_out = any(holdout_ratio_of(at.holdout_key) < campaign.holdout_ratio for campaign, _ in here)
    return Decision(
        group="holdout" if held_out else "treated",
        reason=OFFERED if chosen else commonest(found.refusals),
        chosen=chosen,
        alternatives=tuple(alternatives),
        refusals=found.refusals,
    )
