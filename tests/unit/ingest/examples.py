"""One valid event of every type that may come in, callers, and fakes of the door's ports."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry

from docs.examples import EXAMPLES
from libs.common.clock import FixedClock
from libs.common.contracts import TOPIC_OF_TYPE, decode
from libs.common.errors import UsualError
from libs.common.http.credentials import Credential
from libs.common.http.rate_limits import RateLimits, Rates
from libs.common.persistence import Message
from libs.common.sealing import KeyEncryptionKey
from services.ingest.domain.admission import Rules
from services.ingest.domain.clocks import ClockTally
from services.ingest.domain.duplicates import Window
from services.ingest.domain.field_policy import FieldPolicy
from services.ingest.domain.personal import Treatments
from services.ingest.handlers import FrontDoor, Mender, Protection, Quarantine, SealedEvents, Sealing, Timekeeping
from services.ingest.handlers.sealing import KeyRules
from services.ingest.metrics import IngestMetrics
from tests.support.secrets import PSEUDONYMS, SECRET_FILE
from tests.unit.ingest.in_memory_person_keys import InMemoryPersonKeys
from tests.unit.ingest.in_memory_quarantine import InMemoryQuarantine

KEK = KeyEncryptionKey.read(SECRET_FILE, "SECRET_FILE")
SALE = "usual.pos.sale.v1"
TICK = "usual.play.tick.v1"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATIENCE_SECONDS = 2.0
"""Longer than a busy machine keeps a test waiting: only what hangs is meant to miss it."""
CARD = {"kind": "loyalty_card", "value": "7"}
LINE = {"line_no": 1, "item_id": "milk", "quantity": "1.5", "unit": "kg", "amount_cents": 199}
RECEIPT = {"receipt_id": "r1", "store_id": "7", "currency": "USD", "customer": CARD}
BASKET = {"lines": [LINE], "total_cents": 199}
STOCK = {"store_id": "7", "item_id": "milk"}
VISITOR = {"kind": "web_visitor", "value": "v1"}

DATA: Mapping[str, Mapping[str, Any]] = {
    **{name: body for name, body in EXAMPLES.items() if TOPIC_OF_TYPE[name].owner == "ingest" and name != TICK},
    "usual.pos.sale.v1": {**RECEIPT, **BASKET},
    "usual.pos.return.v1": {**RECEIPT, **BASKET, "original_receipt_id": "r0"},
    "usual.pos.void.v1": {**RECEIPT, "voided_receipt_id": "r0"},
    "usual.web.page_viewed.v1": {"visitor": VISITOR, "url_path": "/milk"},
    "usual.web.searched.v1": {"visitor": VISITOR, "query": "oat milk", "results_count": 0},
    "usual.web.product_viewed.v1": {"visitor": VISITOR, "item_id": "milk"},
    "usual.web.added_to_cart.v1": {"visitor": VISITOR, "item_id": "milk", "quantity": "2"},
    "usual.web.ordered.v1": {"visitor": VISITOR, "order_id": "o1", "currency": "USD", **BASKET},
    "usual.feedback.survey_answered.v1": {"customer": CARD, "survey_id": "s1", "question": "value", "score": 9},
    "usual.stock.counted.v1": {**STOCK, "on_hand": "12"},
    "usual.stock.delivered.v1": {**STOCK, "quantity": "24"},
    "usual.stock.moved.v1": {**STOCK, "change": "-2", "reason": "waste"},
    "usual.catalog.item.v1": {
        "item_id": "milk",
        "name": "Milk",
        "category": "milk",
        "item_type": "grocery",
        "department": "dairy",
        "currency": "USD",
    },
    "usual.catalog.store.v1": {
        "store_id": "7",
        "name": "Seven",
        "time_zone": "America/New_York",
        "country": "US",
        "currency": "USD",
    },
    "usual.catalog.lane.v1": {"lane_id": "l1", "supplier_id": "s1", "store_id": "7", "lead_time_hours": 24},
    "usual.consent.changed.v1": {"customer": CARD, "purpose": "personal_offers", "granted": True},
    "usual.identity.linked.v1": {"first": CARD, "second": VISITOR},
}


def an_event(event_type: str = SALE, *, data: Mapping[str, Any] | None = None, **envelope: Any) -> dict[str, Any]:
    """A valid structured CloudEvent; `data` replaces members of its body, None deletes an envelope member."""
    body = {**DATA.get(event_type, {"reached_at": NOON.isoformat()}), **(data or {})}
    event = {
        "specversion": "1.0",
        "id": "e1",
        "source": "till-1",
        "type": event_type,
        "time": NOON.isoformat(),
        "data": body,
        **envelope,
    }
    return {name: content for name, content in event.items() if content is not None}


def raw(event: object) -> bytes:
    """As it comes over HTTP, white space included."""
    return json.dumps(event).encode()


def a_key(*scopes: str, store_id: str = "*") -> Credential:
    """A caller with these scopes, `events:write` unless told."""
    return Credential(key_id="k1", secret_sha256="", scopes=frozenset(scopes or {"events:write"}), store_id=store_id)


@dataclass
class InMemoryPublisher:
    """Acknowledges everything, unless told to fail, to hang, or to fail what has a certain key."""

    failure: UsualError | None = None
    failing_keys: frozenset[bytes] = frozenset()
    hangs: bool = False
    published: list[Message] = field(default_factory=list)

    async def publish(self, messages: Sequence[Message]) -> Sequence[UsualError | None]:
        if self.hangs:
            await asyncio.Event().wait()
        outcomes = [self.failure if not self.failing_keys or m.key in self.failing_keys else None for m in messages]
        self.published += [message for message, outcome in zip(messages, outcomes, strict=True) if outcome is None]
        return outcomes

    @property
    def ids(self) -> list[str]:
        return [decode(message.headers, message.value).id for message in self.published]


@dataclass
class Door:
    """A front door on fakes."""

    publisher: InMemoryPublisher = field(default_factory=InMemoryPublisher)
    quarantine: InMemoryQuarantine = field(default_factory=InMemoryQuarantine)
    person_keys: InMemoryPersonKeys = field(default_factory=InMemoryPersonKeys)
    policy: FieldPolicy = field(default_factory=FieldPolicy)
    rules: Rules = field(default_factory=Rules)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    rates: Rates = field(default_factory=lambda: Rates(key_per_second=0, store_per_second=0, burst_seconds=1))
    window: Window = field(default_factory=lambda: Window(events=100, seconds=600.0))

    def __post_init__(self) -> None:
        metrics = IngestMetrics(self.registry, taken_bytes=lambda: 0)
        self.clock = FixedClock(NOON)
        keys = KeyRules(deadline_seconds=PATIENCE_SECONDS)
        self.sealing = Sealing(self.person_keys, KEK, self.clock, keys)
        self.events = SealedEvents(self.sealing, PSEUDONYMS)
        self.front = FrontDoor(
            publisher=self.publisher,
            protection=Protection(Treatments(self.policy, PSEUDONYMS), self.sealing),
            quarantine=Quarantine(
                store=self.quarantine, events=self.events, metrics=metrics, deadline_seconds=PATIENCE_SECONDS
            ),
            rates=RateLimits(self.rates, self.clock, self.registry),
            window=self.window,
            timekeeping=Timekeeping(ClockTally(terminals=10), metrics, self.rules.play_mode),
            clock=self.clock,
            rules=self.rules,
            metrics=metrics,
            publish_deadline_seconds=PATIENCE_SECONDS,
        )
        self.mender = Mender(self.quarantine, self.events, self.front, self.clock)

    async def raw_of(self, quarantine_id: str) -> bytes:
        """What came in, opened."""
        return (await self.events.opened(self.quarantine.kept[quarantine_id])).raw

    def wait(self, step: timedelta) -> None:
        self.clock.move(step)

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"ingest_{name}_total", labels) or 0.0
