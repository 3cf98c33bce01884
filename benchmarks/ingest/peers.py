"""What the door is measured against, and the door without a broker: `python -m benchmarks.ingest.peers NAME --port N ...`."""

import argparse
import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from typing import Any

import uvicorn
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI
from pydantic import AwareDatetime, BaseModel

from libs.common.contracts.pos import Sale
from libs.common.errors import InvalidInput, UsualError
from libs.common.http.credentials import Credential
from libs.common.persistence import Message
from services.ingest.app import create_app
from services.ingest.bootstrap import assemble
from services.ingest.domain.admission import Accepted, admit
from services.ingest.domain.documents import Document
from services.ingest.handlers import EventResult, FrontDoor
from services.ingest.settings import Settings


class SaleEvent(BaseModel):
    """The event as an application declares it to FastAPI."""

    specversion: str
    id: str
    source: str
    type: str
    time: AwareDatetime
    data: Sale


class Ack(BaseModel):
    """What a default route answers."""

    accepted: int


def fastapi_to_kafka(arguments: argparse.Namespace) -> FastAPI:
    """FastAPI as its documentation teaches it: models in and out, one awaited send an event."""
    producers: list[Any] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AIOKafkaProducer(bootstrap_servers=arguments.bootstrap, acks="all") as producer:
            producers.append(producer)
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/events", status_code=202)
    async def take(event: SaleEvent) -> Ack:
        key = event.data.partition_key.encode()
        await producers[0].send_and_wait(arguments.topic, event.model_dump_json().encode(), key=key)
        return Ack(accepted=1)

    return app


def fastapi_alone(_arguments: argparse.Namespace) -> FastAPI:
    """The same route without the broker."""
    app = FastAPI()

    @app.post("/events", status_code=202)
    async def take(event: SaleEvent) -> Ack:
        return Ack(accepted=len(event.id[:1]))

    return app


class _Acknowledging:
    """A broker that has everything at once."""

    async def publish(self, messages: Sequence[Message]) -> Sequence[UsualError | None]:
        return [None] * len(messages)


def door_alone(_arguments: argparse.Namespace) -> FastAPI:
    """The door with everything it does, on a broker that costs nothing."""
    ingest = assemble(Settings())
    return create_app(replace(ingest, door=replace(ingest.door, publisher=_Acknowledging())))


class _Judging(FrontDoor):
    """A door that goes no further than to judge."""

    async def accept_events(self, documents: Sequence[Document], caller: Credential) -> Sequence[EventResult]:  # type: ignore[override]  # the one door of this benchmark
        self.rates.take(caller, len(documents))
        now = self.clock.now()
        verdicts = [admit(document, caller, self.rules, now) for document in documents]
        accepted = [verdict for verdict in verdicts if isinstance(verdict, Accepted)]
        if len(accepted) < len(verdicts):
            raise InvalidInput("only what is accepted is measured")
        return [EventResult(id=one.event.id, source=one.event.source, status="accepted") for one in accepted]


def door_checks(_arguments: argparse.Namespace) -> FastAPI:
    """The door as far as its checks: key, limits, metrics, card numbers, envelope, contract, scope, store and clock."""
    ingest = assemble(Settings())
    parts = {one.name: getattr(ingest.door, one.name) for one in fields(ingest.door)}
    return create_app(replace(ingest, door=_Judging(**parts)))


APPS: dict[str, Callable[[argparse.Namespace], FastAPI]] = {
    "fastapi-to-kafka": fastapi_to_kafka,
    "fastapi-alone": fastapi_alone,
    "door-alone": door_alone,
    "door-checks": door_checks,
}


def main() -> None:
    """Serve one of them as the services are served."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=APPS)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bootstrap", default="")
    parser.add_argument("--topic", default="")
    arguments = parser.parse_args()
    gc.freeze()  # as the services do
    uvicorn.run(
        APPS[arguments.name](arguments),
        port=arguments.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
    )


if __name__ == "__main__":
    main()
