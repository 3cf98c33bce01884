"""What a deployment may set for this service; filled from the environment by `__main__` alone."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from libs.common.service import Positive, ServiceSettings

Cents = Annotated[int, Field(ge=0)]
Target = Annotated[float, Field(gt=0, lt=1)]


class Settings(ServiceSettings):
    """What every service has, and how this one reviews and decides."""

    review_interval_seconds: Positive = 0.25
    """Live: how often what was touched is reviewed."""
    review_batch_items: Annotated[int, Field(ge=1)] = 500
    """Items of one transaction; deciding them must take far less time than the database lets a transaction be silent."""
    review_batch_shelves: Annotated[int, Field(ge=1)] = 5_000
    """Shelves of one transaction: where an item is in many stores, it takes fewer items."""
    inbox_kept_days: Annotated[int, Field(ge=1)] = 35
    """How long event ids are remembered: longer than any topic can bring a repeat (28 days)."""

    command_log_days: Annotated[int, Field(ge=1)] = 90
    """How long the history of commands is kept, and how far back live readers and webhooks may start."""
    approval_policy_file: Path | None = None
    """Which commands wait for a person; None is the policy that comes with the service."""
    approve_everything: bool = False
    """Nothing waits for a person, whatever the policy says: for simulations and first steps."""
    live_heartbeat_seconds: Positive = 15.0
    live_readers: Annotated[int, Field(ge=1)] = 200
    """How many live readers one process serves."""

    service_fast_ratio: Target = 0.97
    """Chance of no empty shelf between two arrivals, for items that sell a piece a day or more in a store."""
    service_usual_ratio: Target = 0.95
    service_slow_ratio: Target = 0.85
    """For items that sell less than a piece a week in a store."""
    order_line_cents: Cents = 250
    """What handling one order line costs: nothing is ordered to spare less margin than this."""
    transfer_line_cents: Cents = 30
    transfer_unit_cents: Cents = 5
    transfer_hours: Annotated[int, Field(ge=1)] = 24
    """From the decision to move something until it is there."""
    hold_ratio: Target = 0.005
    """What a unit on a shelf costs a day, as a share of its price: capital, shrinkage, room."""
    lost_ratio: Target = 0.5
    """What a unit costs that was asked for and not there, as a share of its price: margin and good will."""
    close_batch_items: Annotated[int, Field(ge=1)] = 1_250
    close_batch_shelves: Annotated[int, Field(ge=1)] = 10_000
    """As for reviews; a shelf is closed much faster than it is decided on, and few large batches cost less than many."""
    close_after_minutes: Annotated[int, Field(ge=0, le=720)] = 60
    """Live: how long after the end of a UTC day it is closed, so that what comes late is still in it."""
    reroute: bool = True
    """Whether stock is moved between stores at all."""

    webhook_key_file: Path | None = None
    """The secret behind the webhooks' secrets (at least 32 bytes, the same for `api` and `worker`); without it there are no webhooks."""
    webhook_former_key_file: Path | None = None
    """The key before, until every webhook's secret was rotated."""
    webhook_hosts: tuple[str, ...] = ()
    """Hosts that webhooks may be sent to: names, or `.suffix` for all below; none given, any public one."""
    webhook_private_networks: tuple[str, ...] = ()
    """Networks that are not public and may be sent to all the same, such as `10.20.0.0/16`."""
    webhook_timeout_seconds: Positive = 10.0
    webhook_patience_hours: Positive = 72.0
    """An endpoint that fails for so long is disabled."""
