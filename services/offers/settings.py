"""What a deployment may set for this service; filled from the environment by `__main__` alone."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from libs.common.service import Positive, ServiceSettings


class Settings(ServiceSettings):
    """What every service has, and the limits of a checkout."""

    campaigns_file: Path | None = None
    """YAML with a list `campaigns`; applied by the migrate role."""
    print_policies_file: Path | None = None
    """YAML with `default` and `countries`, over those that come with the service (docs/receipts.md)."""
    voucher_key_file: Path | None = None
    """At least 32 secret bytes behind the voucher codes. Without it the migrate role keeps one in the database."""

    greatest_deadline_ms: Annotated[int, Field(ge=1)] = 2_000
    statement_seconds: Positive = 0.5
    """What a checkout's statement may take before its connection is abandoned."""
    write_deadline_seconds: Positive = 3.0
    """What a redemption may take before it is answered with 503."""
    brake_rules_file: Path | None = None
    """YAML with the bounds that stop campaigns or the chain by themselves (docs/brakes.md). Without it only a campaign's own count."""
    fraud_policy_file: Path | None = None
    """YAML with what speaks for fraud and what is done about it, instead of the policy that comes with the service (docs/fraud.md)."""
    fraud_look_seconds: Positive = 0.1
    """What a redemption waits for a look at signs of fraud; then it goes on without."""
    presentations_kept_days: Annotated[int, Field(ge=1)] = 35
    """How long presented codes are kept for such looks; longer than the policy looks back."""
    misses_per_lane: Annotated[int, Field(ge=1)] = 5
    """Codes that were not valid within `miss_window_seconds`: so many lock the lane for `miss_lock_seconds`."""
    misses_per_store: Annotated[int, Field(ge=1)] = 25
    """The same for all lanes of a store."""
    misses_per_caller: Annotated[int, Field(ge=1)] = 50
    """The same for all that one key presents."""
    miss_window_seconds: Positive = 60.0
    miss_lock_seconds: Positive = 300.0
    lease_grace_days: Annotated[float, Field(ge=0, le=90)] = 7.0
    """How long a lane's money waits for its journal after its lease is over."""
    refusal_floor_ms: Annotated[int, Field(ge=0)] = 50
    """A refusal is not told sooner to a caller that gets no reasons, so that its time gives none either."""
    checkouts_together: Annotated[int, Field(ge=1)] = 64
    checkouts_waiting: Annotated[int, Field(ge=1)] = 1_024
    """Above this, in the line for one statement, a checkout is answered at once, without a voucher."""
    checkouts_under_way: Annotated[int, Field(ge=1)] = 512
    """Above this a checkout is answered at once, without a voucher, before anything is looked up for it."""
    stores_remembered: Annotated[int, Field(ge=0)] = 5_000
    """Of so many stores, those that were asked for last, a door remembers what they have: an eighth of a byte an item and store."""
    lease_folder: Path | None = None
    """A folder of this process alone on a disk that outlives it: the journal of vouchers that are handed out while there is no
    database (docs/ladder.md). Without it there are none."""
    lease_vouchers: Annotated[int, Field(ge=0)] = 200
    """So many of each campaign are leased ahead by each process,"""
    lease_cap_ratio: Annotated[float, Field(ge=0, le=1)] = 0.01
    """and never more than this part of the campaign's cap."""
    lease_hours: Positive = 12.0
    """Without the database a lease lasts so long."""
    fresh_within_seconds: Positive = 60.0
    """How long ago the profiles may have been complete before nobody's own profile is used any more."""
    refresh_seconds: Positive = 1.0
    """How often campaigns, catalogue and model are looked at for changes."""
    expiry_seconds: Positive = 5.0
    """How often a live deployment looks for vouchers whose time is over."""
    answers_kept_days: Annotated[int, Field(ge=7)] = 7
    """How long a write with an `Idempotency-Key` is answered again with the same bytes."""
    inbox_kept_days: Annotated[int, Field(ge=1)] = 35
    """How long the id of a return or void is remembered; longer than any repeat can take."""
    returns_kept_days: Annotated[int, Field(ge=1)] = 14
    """How long goods that came back are remembered for a redemption that comes later than they did."""
