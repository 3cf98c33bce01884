"""The simulated ERP, a process of its own (`python -m libs.laptop.erp`): takes commands, answers them, delivers. SYNTHETIC.

It reads the commands' topic as any inventory system may, answers some by HTTP, many in a request or one, and some by topic, and delivers through the
front door when event time has passed the lead time; sometimes late, short, or not at all.
"""

import argparse
import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import uvloop
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from pydantic import AwareDatetime, BaseModel

from libs.common.contracts import decode, new_event
from libs.common.contracts.inventory import Acknowledged, Command, CommandWithdrawn
from libs.common.contracts.play import PlayTicked
from libs.common.contracts.topics import INGEST_PLAY, INVENTORY_ACKNOWLEDGEMENTS, INVENTORY_COMMANDS
from libs.common.errors import RetryableError
from libs.common.http.server import make_server
from libs.common.http.service_app import create_service_app
from libs.common.ids import derived_id
from libs.common.observability.health import Health
from libs.common.observability.logs import configure_logs
from libs.common.persistence import OutboxMessage
from libs.common.streaming import Producer, StreamSettings
from libs.common.streaming.reader import TopicReader, TopicRecord
from libs.laptop.doors import Doors
from libs.laptop.erp_book import Book
from libs.laptop.journal import ERP_JOURNAL, Journal
from libs.laptop.launch import Keys
from libs.laptop.state_folder import StateFolder
from libs.laptop.supply import SOURCE, Channel, Plan
from libs.laptop.wire import entry

TOPICS = (INVENTORY_COMMANDS.name, INGEST_PLAY.name)
BOOK = "erp.jsonl"
SEED = 20
_AT_ONCE = 8
_REST_SECONDS = 0.1
"""After work, so that the next is some work too: what comes meanwhile is answered and delivered together."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Erp:
    """Takes commands from the log and sees them through. `held`: it delivers only when asked (`deliver`)."""

    reader: TopicReader
    doors: Doors
    producer: Producer
    book: Book
    held: bool = False
    _reached_at: datetime | None = None
    _delivered_until: datetime | None = None
    _handled: Mapping[tuple[str, int], int] = field(default_factory=dict)
    _delivering: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        """Work until cancelled; what is away is waited for."""
        while True:
            try:
                if await self.step() and not self.held:
                    await asyncio.sleep(_REST_SECONDS)
            except RetryableError as error:
                _log.warning("tries again: %s", error.detail)
                await asyncio.sleep(1.0)

    async def step(self) -> bool:
        """Handle what the log holds next; whether that was anything.

        Raises RetryableError, and then the same work is done by the next call.
        """
        records = await self.reader.read()
        for record in records:
            self._take(record)
        await self._answer(self.book.unanswered())
        if self._reached_at is not None and not self.held and self._reached_at != self._delivered_until:
            await self.deliver(self._reached_at)
        self._handled = self.reader.positions()
        return bool(records)

    async def deliver(self, until: datetime) -> None:
        """Deliver what is due by `until` of event time; raises RetryableError."""
        async with self._delivering:
            plans = self.book.due(until)
            events = [event for plan in plans for event in plan.deliveries()]
            if not await self.doors.send_events(events, [entry(event) for event in events]):
                raise RetryableError("the front door gave no answer")
            await self._send(plans, received=True)
            self.book.delivered(plans)
            self._delivered_until = until

    def state(self) -> dict[str, object]:
        """What was handled, as `topic/partition: next offset`, and the book's counts."""
        positions = {f"{topic}/{partition}": offset for (topic, partition), offset in self._handled.items()}
        return {"positions": positions, "held": self.held, **self.book.counts()}

    def _take(self, record: TopicRecord) -> None:
        event = decode(record.headers, record.value)
        if isinstance(event.data, PlayTicked):
            self._reached_at = max(self._reached_at or event.data.reached_at, event.data.reached_at)
        elif isinstance(event.data, Command):
            self.book.take(event)
        elif isinstance(event.data, CommandWithdrawn):
            self.book.withdraw(event.data.command_id, event.data.version)

    async def _answer(self, plans: Sequence[Plan]) -> None:
        if plans:
            await self._send(plans, received=False)
            self.book.answered(plans)

    async def _send(self, plans: Sequence[Plan], *, received: bool) -> None:
        by_topic = [plan for plan in plans if plan.channel is Channel.TOPIC]
        outcomes = await self.producer.send_many([_message(plan, received=received) for plan in by_topic])
        for failure in outcomes:
            if failure is not None:
                raise failure
        by_http = [_content(plan, received=received) for plan in plans if plan.channel is Channel.HTTP]
        if not await self.doors.acknowledge_all(by_http):
            raise RetryableError("inventory gave no answer")
        limit = asyncio.Semaphore(_AT_ONCE)

        async def alone(plan: Plan) -> None:
            async with limit:
                if not await self.doors.acknowledge(_content(plan, received=received)):
                    raise RetryableError("inventory gave no answer")

        await asyncio.gather(*(alone(plan) for plan in plans if plan.channel is Channel.ALONE))


def _content(plan: Plan, *, received: bool) -> dict[str, Any]:
    return plan.receipt() if received else plan.acknowledgement()


def _message(plan: Plan, *, received: bool) -> OutboxMessage:
    content = _content(plan, received=received)
    command_id, version = plan.name
    event = new_event(
        Acknowledged.model_validate(content),
        event_id=derived_id("acknowledged", command_id, str(version), content["status"]),
        source=SOURCE,
        occurred_at=(plan.delivers_at if received else None) or plan.issued_at,
    )
    return OutboxMessage.of(event, INVENTORY_ACKNOWLEDGEMENTS)


class Until(BaseModel):
    """Up to which event time to deliver."""

    until: AwareDatetime


def make_app(erp: Erp, health: Health) -> FastAPI:
    """The ERP's own door, for the play and its checks."""
    app = create_service_app(
        "The Usual: simulated ERP", description=__doc__ or "", health=health, metrics=CollectorRegistry()
    )

    @app.get("/state")
    async def state() -> dict[str, object]:
        return erp.state()

    @app.post("/hold")
    async def hold() -> dict[str, object]:
        erp.held = True
        return erp.state()

    @app.post("/release")
    async def release() -> dict[str, object]:
        erp.held = False
        return erp.state()

    @app.post("/deliver")
    async def deliver(wanted: Until) -> dict[str, object]:
        await erp.deliver(wanted.until)
        return erp.state()

    return app


async def run(state: StateFolder, port: int, seed: int) -> None:
    """Run the ERP of a state folder until it is told to stop; raises RuntimeError when no system runs there."""
    found = state.read_run()
    if found is None:
        raise RuntimeError(f"nothing runs in {state.path}")
    settings = StreamSettings(bootstrap=found.addresses["broker"], client_id="erp", idempotence=False)
    producer = Producer(settings)
    with Journal(state.path / ERP_JOURNAL) as journal:
        doors = Doors(found.addresses, Keys(state.path).key("erp"), journal, connections=_AT_ONCE)
        async with TopicReader(settings, TOPICS) as reader:
            erp = Erp(reader, doors, producer, Book.read(state.path / BOOK, seed))
            health = Health()
            server = make_server(make_app(erp, health), host="127.0.0.1", port=port, health=health)
            working = asyncio.create_task(erp.run())
            working.add_done_callback(lambda _: setattr(server, "should_exit", True))
            await server.serve()
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
        await producer.stop()
        await doors.close()


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m libs.laptop.erp", description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, default=SEED)
    chosen = parser.parse_args()
    configure_logs("erp", "simulated")
    uvloop.run(run(StateFolder(chosen.state), chosen.port, chosen.seed))


if __name__ == "__main__":
    main()
