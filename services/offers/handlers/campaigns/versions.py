"""Campaigns: put a new version, look them up, apply a file of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from libs.common.errors import Conflict, NotFound
from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.money.limits import PERSONAL, Limit, Per
from services.offers.ports.campaigns.versions import CampaignStore, VersionedCampaign

LIMITS_SHOWN = 50
COUNTERS_SHOWN = 20


async def put_campaign(store: CampaignStore, campaign: Campaign, author: str) -> VersionedCampaign:
    """The campaign as it stands afterwards; the same content again makes no new version.

    Raises Conflict when its budget holds another currency, or has more reserved and spent than the new cap, and when it asks more
    of a basket than before: vouchers that were printed promise what they promised.
    """
    known = await store.newest(campaign.campaign_id)
    if known is not None and known.campaign == campaign:
        return known
    if known is not None and known.campaign.currency != campaign.currency:
        raise Conflict("a campaign keeps its currency; make another campaign", slug="currency-change")
    if known is not None and known.budget.exposure_cents > campaign.cap_cents + campaign.over_issue_cents:
        raise Conflict(
            "more is reserved and spent than the new cap",
            slug="cap-below-exposure",
            context={"exposure_cents": known.budget.exposure_cents},
        )
    if known is not None and _asks_more(campaign, known.campaign):
        raise Conflict("a minimum basket is never raised; make another campaign", slug="minimum-raised")
    await store.put(campaign, (known.version if known else 0) + 1, author)
    return await get_campaign(store, campaign.campaign_id)


def _asks_more(after: Campaign, before: Campaign) -> bool:
    return (after.minimum_basket_cents or 0) > (before.minimum_basket_cents or 0)


async def get_campaign(store: CampaignStore, campaign_id: str) -> VersionedCampaign:
    """The newest version; raises NotFound."""
    known = await store.newest(campaign_id)
    if known is None:
        raise NotFound(f"no campaign {campaign_id!r}")
    return known


@dataclass(frozen=True, slots=True)
class LimitNow:
    """A limit with what is used of it: entity, first day, vouchers or cents; None where that is told to nobody."""

    limit: Limit
    store_id: str | None
    uses: Sequence[tuple[str, date, int]] | None


async def limits_now(store: CampaignStore, campaign_id: str) -> tuple[VersionedCampaign, Sequence[LimitNow]]:
    """The campaign with all its limits, and the counters of their newest periods that are used most; raises NotFound."""
    found = await get_campaign(store, campaign_id)
    stated: list[tuple[str | None, Limit]] = [(None, limit) for limit in found.campaign.limits]
    stated += [(store_id, limit) for store_id, own in found.campaign.stores.items() for limit in own.limits]
    return found, [await _limit_now(store, campaign_id, *each) for each in stated[:LIMITS_SHOWN]]


async def _limit_now(store: CampaignStore, campaign_id: str, store_id: str | None, limit: Limit) -> LimitNow:
    if limit.per in PERSONAL:
        return LimitNow(limit, store_id, None)
    only = store_id if limit.per is Per.STORE else None
    uses = await store.most_used(campaign_id, limit.per, limit.period, only, COUNTERS_SHOWN)
    return LimitNow(
        limit,
        store_id,
        [(c.entity, c.starts_on, use.count if limit.measure == "count" else use.cents) for c, use in uses],
    )


async def apply_campaigns(store: CampaignStore, campaigns: Sequence[Campaign], author: str) -> int:
    """Put all of them; returns how many changed."""
    changed = 0
    for campaign in sorted(campaigns, key=lambda campaign: campaign.campaign_id):
        known = await store.newest(campaign.campaign_id)
        after = await put_campaign(store, campaign, author)
        changed += known is None or after.version != known.version
    return changed
