"""Who may get which offer: campaigns by categories, each either an offer or a reason why not."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from services.offers.domain.brakes.brake import NO_BRAKES, Brakes
from services.offers.domain.campaigns.campaign import Aim, Campaign
from services.offers.domain.campaigns.terms import Terms
from services.offers.domain.decisions.needs import CategoryNeed
from services.offers.domain.decisions.policy import Offer, Prior, stable_ratio
from services.offers.domain.money.limits import NOBODY_KNOWN, Claim, Standing, claims_of, room


class Refusal(StrEnum):
    """Why an offer is not made; counted, and the reason of an answer without vouchers."""

    NO_CAMPAIGN = "no-campaign"
    HOLDOUT = "holdout"
    OPEN_COMPLAINT = "open-complaint"
    TIER = "tier"
    NOT_TARGETED = "not-targeted"
    AIM = "aim"
    UNAVAILABLE = "unavailable"
    FREQUENCY = "frequency"
    NO_NEED = "no-need"
    LIMIT_REACHED = "limit-reached"
    LIMIT_UNKNOWN = "limit-unknown"
    STOPPED = "stopped"


class PastVoucher(msgspec.Struct, frozen=True, kw_only=True):
    """A voucher that the customer got before."""

    campaign_id: str
    category: str
    issued_at: datetime
    open: bool


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, when and where."""

    customer_id: str | None
    """None where the answer must not be personal."""
    holdout_key: str
    """What the holdout is drawn by: the customer, else this checkout."""
    store_id: str
    currency: str
    tier: int
    now: datetime
    open_complaint: bool = False
    past: Sequence[PastVoucher] = ()
    standing: Standing = NOBODY_KNOWN
    """What limits are judged by."""
    brakes: Brakes = NO_BRAKES


@dataclass(slots=True)
class Eligible:
    """What may be offered, and what may not for which reasons."""

    offers: list[Offer] = field(default_factory=list)
    terms: dict[tuple[str, str], Terms] = field(default_factory=dict)
    needs: dict[str, CategoryNeed] = field(default_factory=dict)
    refusals: Counter[Refusal] = field(default_factory=Counter)
    claims: dict[str, Sequence[Claim]] = field(default_factory=dict)
    """By campaign that has limits: the counters that a voucher would stand on."""
    room: dict[str, int] = field(default_factory=dict)
    """By campaign that has limits: how many vouchers they leave."""


def commonest(refusals: Mapping[Refusal, int]) -> Refusal:
    """The commonest reason; of equals the first by name."""
    if not refusals:
        return Refusal.NO_NEED
    return min(refusals, key=lambda reason: (-refusals[reason], reason))


def holdout_ratio_of(key: str) -> float:
    """Where a customer stands on the one scale of all holdouts: below a campaign's ratio it is held out, for good."""
    return stable_ratio("holdout", key)


def eligible(
    campaigns: Sequence[tuple[Campaign, Terms]], needs: Sequence[CategoryNeed], at: Circumstances, prior: Prior
) -> Eligible:
    """Every running campaign against every category."""
    result = Eligible(needs={need.category: need for need in needs})
    if not campaigns:
        result.refusals[Refusal.NO_CAMPAIGN] += 1
    holdout_ratio = holdout_ratio_of(at.holdout_key)
    past: defaultdict[str, list[PastVoucher]] = defaultdict(list)
    for voucher in at.past:
        past[voucher.campaign_id].append(voucher)
    for campaign, terms in campaigns:
        whole = whole_refusal(campaign, terms, at, holdout_ratio, past.get(campaign.campaign_id, ()), result)
        if whole is not None:
            result.refusals[whole] += max(1, len(needs))
            continue
        targeted = _targeted(campaign, result.needs)
        if len(targeted) < len(needs):
            result.refusals[Refusal.NOT_TARGETED] += len(needs) - len(targeted)
        for need in targeted:
            refusal = _category_refusal(campaign, need)
            if refusal is not None:
                result.refusals[refusal] += 1
                continue
            offer = _offer(campaign, terms, need, prior)
            result.offers.append(offer)
            result.terms[offer.key] = terms
    return result


def whole_refusal(
    campaign: Campaign,
    terms: Terms,
    at: Circumstances,
    holdout_ratio: float,
    mine: Sequence[PastVoucher],
    result: Eligible,
) -> Refusal | None:
    """Why the campaign may offer nothing here, whatever the category; `mine` are the customer's vouchers of it.

    Notes in `result` claims and room of a campaign that has limits and may.
    """
    return _campaign_refusal(campaign, at, holdout_ratio, mine) or _limit_refusal(campaign, terms, at, result)


def _campaign_refusal(
    campaign: Campaign, at: Circumstances, holdout_ratio: float, mine: Sequence[PastVoucher]
) -> Refusal | None:
    """`mine` are the customer's vouchers of this campaign."""
    if at.brakes.stops(campaign.campaign_id, at.store_id):
        return Refusal.STOPPED
    if at.open_complaint:
        return Refusal.OPEN_COMPLAINT
    if at.tier not in campaign.tiers:
        return Refusal.TIER
    if holdout_ratio < campaign.holdout_ratio:
        return Refusal.HOLDOUT
    if not mine:
        return None  # the rails allow at least one
    rails = campaign.guard_rails
    since = at.now - timedelta(days=rails.issued_within_days)
    lately = sum(past.issued_at > since for past in mine)
    still_open = sum(past.open for past in mine)
    too_often = still_open >= rails.open_per_customer or lately >= rails.issued_per_customer
    return Refusal.FREQUENCY if too_often else None


def _targeted(campaign: Campaign, needs: Mapping[str, CategoryNeed]) -> Collection[CategoryNeed]:
    """The needs that it may answer. A campaign names few categories where a customer needs many, or all of them."""
    if campaign.targeted is None:
        return needs.values()
    return [needs[category] for category in campaign.targeted if category in needs]


def _limit_refusal(campaign: Campaign, terms: Terms, at: Circumstances, result: Eligible) -> Refusal | None:
    """What is known before the commit, which has the last word; notes claims and room where there are limits."""
    limits = campaign.limits_in(at.store_id)
    if not limits:
        return None
    claims = claims_of(limits, at.standing)
    if claims is None:
        return Refusal.LIMIT_UNKNOWN
    left = room(campaign.campaign_id, claims, at.standing.uses, terms.greatest_value_cents)
    if left == 0:
        return Refusal.LIMIT_REACHED
    result.claims[campaign.campaign_id] = claims
    if left is not None:
        result.room[campaign.campaign_id] = left
    return None


def _category_refusal(campaign: Campaign, need: CategoryNeed) -> Refusal | None:
    if campaign.aim is not Aim.ANY and (campaign.aim is Aim.USUAL) != need.known:
        return Refusal.AIM
    return None if need.item_ids else Refusal.UNAVAILABLE


def _offer(campaign: Campaign, terms: Terms, need: CategoryNeed, prior: Prior) -> Offer:
    return Offer(
        campaign_id=campaign.campaign_id,
        category=need.category,
        chance_ratio=need.chance_ratio,
        known=need.known,
        price_cents=need.price_cents,
        discount_cents=terms.discount_cents(need.price_cents or prior.price_cents),
        exploration_ratio=campaign.exploration_ratio,
    )
