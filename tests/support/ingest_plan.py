"""What a client of the front door sends, from a seed: valid events, invalid neighbours of many classes, repeats. Pure."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec

from tests.support.ingest_journal import Offered

SALE = "usual.pos.sale.v1"
PAGE = "usual.web.page_viewed.v1"
ANSWER = "usual.feedback.survey_answered.v1"
REPEATABLE = 300
"""How far back a client repeats itself."""
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Planned:
    """One event as it will be sent, each time with the same content."""

    offered: Offered
    event: Mapping[str, Any]
    raw: bytes
    """In structured mode."""
    alone: bool = False
    """Never in a batch: it is no JSON and would take its neighbours along, or it is sent in binary mode each time."""
    binary: bool = False
    """In binary mode each time: bytes in quarantine differ by mode, and so do their names there."""

    @property
    def valid(self) -> bool:
        """Whether it must enter."""
        return self.offered.fault is None


def _wrong_data(event: dict[str, Any]) -> bytes:
    return _encode({**event, "data": {**event["data"], "currency": "usd"}})


def _without_data(event: dict[str, Any]) -> bytes:
    return _encode({**event, "data": {}})


def _too_old(event: dict[str, Any]) -> bytes:
    return _encode({**event, "time": "2019-03-01T12:00:00Z"})


def _too_large(event: dict[str, Any]) -> bytes:
    return _encode({**event, "data": {**event["data"], "note": "x" * 70_000}})


def _another(**attributes: Any) -> Callable[[dict[str, Any]], bytes]:
    return lambda event: _encode({**event, **attributes})


FAULTS: Mapping[str, Callable[[dict[str, Any]], bytes]] = {
    "contract-violation": _wrong_data,
    "missing-field": _without_data,
    "clock-wrong": _too_old,
    "invalid-envelope": _another(specversion="0.3"),
    "unknown-type": _another(type="usual.pos.nonsense.v1"),
    "unknown-major": _another(type="usual.pos.sale.v9"),
    "internal-type": _another(type="usual.offers.voucher_issued.v1"),
    "not-in-play-mode": _another(type="usual.play.tick.v1"),
    "event-too-large": _too_large,
    "invalid-json": lambda event: _encode(event)[:-9],
    "not-a-number": lambda event: _encode(event).replace(b'"amount_cents":', b'"amount_cents":NaN,"was":', 1),
}
"""How an event of a sale is spoilt, by class; most are quarantined, some refused for good."""
_NOT_JSON = frozenset({"invalid-json", "not-a-number"})


@dataclass(slots=True)
class Plan:
    """One client's endless supply. A till has `only_sales`."""

    client: str
    random: Random
    invalid_ratio: float = 0.15
    repeat_ratio: float = 0.1
    binary_ratio: float = 0.1
    """Of the invalid ones; the valid ones go now this way, now that."""
    greatest_turn: int = 12
    only_sales: bool = False
    customers: int = 30
    _made: int = 0
    _sent: deque[Planned] = field(default_factory=lambda: deque(maxlen=REPEATABLE))

    def turn(self, now: datetime) -> list[Planned]:
        """The next events to be sent together; some are repeats of earlier ones."""
        return [self._next(now) for _ in range(self.random.randint(1, self.greatest_turn))]

    def settled(self, turn: list[Planned]) -> None:
        """These may be repeated from now on."""
        self._sent.extend(turn)

    def _next(self, now: datetime) -> Planned:
        if self._sent and self.random.random() < self.repeat_ratio:
            return self.random.choice(self._sent)
        at = now - timedelta(seconds=self.random.randint(0, 7200))
        if self.random.random() < self.invalid_ratio:
            return self._spoilt(self.random.choice(sorted(FAULTS)), self._sale(at))
        kinds = [self._sale] if self.only_sales else [self._sale, self._sale, self._page, self._answer]
        return self._planned(self.random.choice(kinds)(at))

    def _spoilt(self, fault: str, event: dict[str, Any]) -> Planned:
        offered, raw = Offered(event["source"], event["id"], event["type"], fault=fault), FAULTS[fault](event)
        if fault in _NOT_JSON:
            return Planned(offered, event, raw, alone=True)
        binary = self.random.random() < self.binary_ratio
        return Planned(offered, msgspec.json.decode(raw), raw, alone=binary, binary=binary)

    def _planned(self, event: dict[str, Any]) -> Planned:
        body = event["data"]
        holder = body.get("customer") or body["visitor"]
        offered = Offered(
            event["source"],
            event["id"],
            event["type"],
            customer=f"{holder['kind']}:{holder['value']}",
            receipts=int(event["type"] == SALE),
            amount_cents=body.get("total_cents", 0),
        )
        return Planned(offered, event, _encode(event))

    def _event(self, event_type: str, at: datetime, body: dict[str, Any]) -> dict[str, Any]:
        self._made += 1
        return {
            "specversion": "1.0",
            "id": f"{self._made}-{self.random.getrandbits(48):x}",
            "source": f"urn:client:{self.client}",
            "type": event_type,
            "time": at.isoformat(),
            "data": body,
        }

    def _holder(self, kind: str) -> dict[str, str]:
        return {"kind": kind, "value": f"{self.client}-{self.random.randrange(self.customers)}"}

    def _sale(self, at: datetime) -> dict[str, Any]:
        cents = [self.random.randint(1, 9_999) for _ in range(self.random.randint(1, 5))]
        lines = [
            {"line_no": place, "item_id": f"item-{self.random.randrange(50)}", "amount_cents": amount}
            for place, amount in enumerate(cents, 1)
        ]
        body = {"store_id": "7", "currency": "USD", "lines": lines, "total_cents": sum(cents)}
        receipt_id = f"{self.client}-{self._made + 1}"
        return self._event(SALE, at, {"receipt_id": receipt_id, "customer": self._holder("loyalty_card"), **body})

    def _page(self, at: datetime) -> dict[str, Any]:
        return self._event(PAGE, at, {"visitor": self._holder("web_visitor"), "url_path": "/milk"})

    def _answer(self, at: datetime) -> dict[str, Any]:
        body = {"survey_id": "s1", "question": "value", "score": self.random.randint(0, 10)}
        return self._event(ANSWER, at, {"customer": self._holder("loyalty_card"), **body})
