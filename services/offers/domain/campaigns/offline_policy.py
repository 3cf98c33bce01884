"""What lanes without a network may do with a campaign's vouchers: a part of the campaign."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_Cents = Annotated[int, Field(ge=1, le=10**9)]


class OfflinePolicy(BaseModel):
    """A campaign without one has none of its vouchers accepted offline."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accept_up_to_cents: _Cents
    """What one voucher may give there; one that would give more is refused until there is a network."""
    lane_cents: _Cents
    """What one lane is lent at most: so much a lane may cost the chain, whatever happens to it."""
    chain_cents: _Cents
    """What all lanes together are lent at most, of what the budget has left."""
