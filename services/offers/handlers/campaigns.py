"""Campaigns: put a new version, look them up, apply a file of them."""

from collections.abc import Sequence

from libs.common.errors import Conflict, NotFound
from services.offers.domain.campaign import Campaign
from services.offers.ports.campaigns import CampaignStore, VersionedCampaign


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
    if known is not None and known.budget.exposure_cents > campaign.cap_cents:
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


async def apply_campaigns(store: CampaignStore, campaigns: Sequence[Campaign], author: str) -> int:
    """Put all of them; returns how many changed."""
    changed = 0
    for campaign in sorted(campaigns, key=lambda campaign: campaign.campaign_id):
        known = await store.newest(campaign.campaign_id)
        after = await put_campaign(store, campaign, author)
        changed += known is None or after.version != known.version
    return changed
