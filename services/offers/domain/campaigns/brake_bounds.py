"""What trips brakes, as data: the bounds that head office and each campaign state. The same form is read from YAML and from the API."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from libs.common.contracts.values import Currency

CentsPerMinute = Annotated[int, Field(ge=1, le=10**12)]
Ratio = Annotated[float, Field(gt=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MoneyBounds(_Part):
    """How much money may move in a minute; None: any."""

    promised_cents_per_minute: CentsPerMinute | None = None
    """By vouchers that are issued, at what they may cost at most."""
    given_cents_per_minute: CentsPerMinute | None = None
    """By redemptions."""


class CampaignBounds(MoneyBounds):
    """What trips the brake of one campaign. What a campaign leaves out is as head office set it for all."""

    refused_ratio: Ratio | None = None
    """Of the attempts to redeem its vouchers, the share refused for a fault of the campaign."""
    least_attempts: Annotated[int, Field(ge=1)] | None = None
    """So many attempts within the window before a share of them says anything."""

    def over(self, general: "CampaignBounds") -> "CampaignBounds":
        """This one's bounds where it states them, else the general ones."""
        return CampaignBounds.model_validate(general.model_dump() | self.model_dump(exclude_none=True))


class ChainBounds(_Part):
    """What trips the brake of the chain."""

    money: Mapping[Currency, MoneyBounds] = Field(default_factory=dict)
    """Of all campaigns together, by currency."""
    lost_ratio: Ratio | None = None
    """Of the checkouts answered, the share whose vouchers may exist without anybody having them: too late, or the outcome unknown."""
    least_answered: Annotated[int, Field(ge=1)] = 100
    """So many answers within the window before a share of them says anything."""


class BrakeRules(_Part):
    """The bounds of a deployment. Where none is stated nothing trips."""

    window_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    campaigns: CampaignBounds = CampaignBounds()
    chain: ChainBounds = ChainBounds()
