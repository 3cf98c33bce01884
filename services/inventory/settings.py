"""What a deployment may set for this service; filled from the environment by `__main__` alone."""

from typing import Annotated

from pydantic import Field

from libs.common.service import Positive, ServiceSettings

Cents = Annotated[int, Field(ge=0)]
Target = Annotated[float, Field(gt=0, lt=1)]


class Settings(ServiceSettings):
    """What every service has, and how this one reviews and decides."""

    review_interval_seconds: Positive = 5.0
    """Live: how often what was touched is reviewed."""
    review_batch_items: Annotated[int, Field(ge=1)] = 1_000
    inbox_kept_days: Annotated[int, Field(ge=1)] = 35
    """How long event ids are remembered: longer than any topic can bring a repeat (28 days)."""

    service_fast_ratio: Target = 0.97
    """Chance of no empty shelf between two arrivals, for items that sell a piece a day or more in a store."""
    service_usual_ratio: Target = 0.95
    service_slow_ratio: Target = 0.85
    """For items that sell less than a piece a week in a store."""
    order_line_cents: Cents = 250
    """What handling one order line costs: nothing is ordered to spare less margin than this."""
    transfer_line_cents: Cents = 30
    transfer_unit_cents: Cents = 5
