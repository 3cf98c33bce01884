"""What the campaign doors need."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.money.budget import Budget
from services.offers.domain.money.limits import Counter, Per, Period, Use


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionedCampaign:
    """A campaign as it stands, with its money."""

    campaign: Campaign
    version: int
    budget: Budget


class CampaignStore(Protocol):
    """Campaigns within one transaction."""

    async def newest(self, campaign_id: str) -> VersionedCampaign | None:
        """The newest version; None for an unknown id."""
        ...

    async def all(self) -> Sequence[VersionedCampaign]:
        """All campaigns, newest versions, by id."""
        ...

    async def put(self, campaign: Campaign, version: int, author: str) -> None:
        """Keep a new version and set its budget's cap; raises Conflict when reserved and spent are above the cap."""
        ...

    async def most_used(
        self, campaign_id: str, per: Per, period: Period, entity: str | None, most: int
    ) -> Sequence[tuple[Counter, Use]]:
        """Of one kind of counter those of the newest period that are used most, or that of one entity."""
        ...
