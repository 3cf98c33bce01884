"""What the doors open onto, put together by bootstrap, and what they all ask of a caller and of the database."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from libs.common.clock import Clock
from libs.common.errors import Forbidden, RetryableError
from libs.common.http.credentials import Credential
from libs.common.pseudonyms import Pseudonyms
from services.offers.handlers.checkout.desk import CheckoutDesk
from services.offers.handlers.codes import SigningRing
from services.offers.handlers.lanes.reconciling import Reconciler
from services.offers.handlers.money.clock import MoneyClock
from services.offers.handlers.receipts.reprinting import Reprinter
from services.offers.handlers.redemption.desk import RedemptionDesk
from services.offers.metrics import OffersMetrics
from services.offers.ports.batches import BatchStores
from services.offers.ports.brakes import BrakeStore
from services.offers.ports.campaigns.stacking_rules import RulesStore
from services.offers.ports.campaigns.versions import CampaignStore
from services.offers.ports.codes import SigningKeyStore
from services.offers.ports.lanes.journals import LaneStores
from services.offers.ports.lanes.leases import LeaseStore
from services.offers.ports.money import LedgerStore
from services.offers.ports.privacy import PrivacyStore
from services.offers.ports.receipts import ReceiptStore
from services.offers.ports.redemption.till import TillStores
from services.offers.ports.revocation import RevocationStore


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


@asynccontextmanager
async def in_time(doors: Doors) -> AsyncIterator[None]:
    """A deadline of our own around a transaction: a server that is stopped never ends its own statements."""
    try:
        async with asyncio.timeout(doors.write_deadline_seconds):
            yield
    except TimeoutError as error:
        raise RetryableError("the database did not answer in time; ask again with the same id") from error
