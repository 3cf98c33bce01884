"""What the doors open onto, put together by bootstrap, and what they all check of a caller."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from libs.common.clock import Clock
from libs.common.errors import Forbidden
from libs.common.http.credentials import Credential
from libs.common.pseudonyms import Pseudonyms
from services.offers.handlers.checkout import CheckoutDesk
from services.offers.handlers.money_clock import MoneyClock
from services.offers.handlers.reconciling import Reconciler
from services.offers.handlers.redemption import RedemptionDesk
from services.offers.handlers.reprinting import Reprinter
from services.offers.handlers.signing import SigningRing
from services.offers.metrics import OffersMetrics
from services.offers.ports.batches import BatchStores
from services.offers.ports.brakes import BrakeStore
from services.offers.ports.campaigns import CampaignStore
from services.offers.ports.guessing import TillStores
from services.offers.ports.lane_leasing import LeaseStore
from services.offers.ports.ledger import LedgerStore
from services.offers.ports.offline import LaneStores
from services.offers.ports.privacy import PrivacyStore
from services.offers.ports.receipts import ReceiptStore
from services.offers.ports.revoking import RevocationStore
from services.offers.ports.signing import SigningKeyStore
from services.offers.ports.stacking import RulesStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """The parts behind the doors. `redemptions`, `campaigns`, `privacy`, `receipts` and `ledger` begin one transaction each."""

    desk: CheckoutDesk
    reprinter: Reprinter
    redemption_desk: RedemptionDesk
    redemptions: Callable[[], AbstractAsyncContextManager[TillStores]]
    campaigns: Callable[[], AbstractAsyncContextManager[CampaignStore]]
    signing: SigningRing
    signing_keys: Callable[[], AbstractAsyncContextManager[SigningKeyStore]]
    revocations: Callable[[], AbstractAsyncContextManager[RevocationStore]]
    privacy: Callable[[], AbstractAsyncContextManager[PrivacyStore]]
    receipts: Callable[[], AbstractAsyncContextManager[ReceiptStore]]
    ledger: Callable[[], AbstractAsyncContextManager[LedgerStore]]
    stacking_rules: Callable[[], AbstractAsyncContextManager[RulesStore]]
    brakes: Callable[[], AbstractAsyncContextManager[BrakeStore]]
    pseudonyms: Pseudonyms
    clock: Clock
    metrics: OffersMetrics
    money_clock: MoneyClock
    greatest_deadline_ms: int
    write_deadline_seconds: float
    refusal_floor_seconds: float
    batches: Callable[[], AbstractAsyncContextManager[BatchStores]]
    reconciler: Reconciler
    lane_leases: Callable[[], AbstractAsyncContextManager[LeaseStore]]
    lanes: Callable[[], AbstractAsyncContextManager[LaneStores]]
    lease_grace: timedelta

    def event_time(self, caller: Credential, occurred_at: datetime | None) -> datetime | None:
        """The time that a caller states, where it may; raises Forbidden: no till moves the clock of a live deployment."""
        if occurred_at is None:
            return None
        if not (self.money_clock.play_mode and caller.allows("play")):
            raise Forbidden("occurred_at needs play mode and the scope play", slug="play-only")
        return occurred_at


def check_store(caller: Credential, store_id: str) -> None:
    """Raise Forbidden when a till speaks for another store than its own."""
    if not caller.may_act_for(store_id):
        raise Forbidden("this key belongs to another store", slug="other-store")


def documented(answer: type[msgspec.Struct], description: str) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` for a handler that answers with ready bytes of this struct."""
    (schema,), parts = msgspec.json.schema_components((answer,), ref_template="{name}")
    return {
        200: {"description": description, "content": {"application/json": {"schema": _inlined(schema, parts)}}},
    }


def _inlined(schema: Any, parts: Mapping[str, Any]) -> Any:
    """The schema without references: a response has no components of its own to refer to."""
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            return _inlined(parts[schema["$ref"]], parts)
        return {name: _inlined(value, parts) for name, value in schema.items()}
    return [_inlined(value, parts) for value in schema] if isinstance(schema, list) else schema
