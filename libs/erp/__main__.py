"""`python -m libs.erp`: a simulated inventory system behind the reference adapter, a process with its own state. SYNTHETIC.

By topic it reads `inventory.commands.v1` from its start, by webhook it is posted to; either way it keeps its orders in a file of its
own, answers and delivers through the public doors, and has as many bad moods as it is given.
"""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx
from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry
from standardwebhooks import Webhook, WebhookVerificationError

from libs.common.clock import SystemClock
from libs.common.contracts import format_moment
from libs.common.contracts.topics import INVENTORY_COMMANDS
from libs.common.errors import RetryableError
from libs.common.http.server import make_server
from libs.common.http.service_app import create_service_app
from libs.common.observability.health import Health
from libs.common.streaming import StreamSettings
from libs.common.streaming.reader import TopicReader
from libs.erp.adapter import Adapter, DoorClosed
from libs.erp.ledger import Habits, Ledger
from libs.erp.moods import Moods
from libs.erp.ports import Saying

_OK, _CONFLICT, _LATER = 300, 409, frozenset({429, 500, 502, 503, 504})
_REST_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class HttpDoors:
    """Fits Doors, in a mood: what is told may be told late, or twice."""

    client: httpx.AsyncClient
    addresses: dict[str, str]
    moods: Moods

    async def tell(self, saying: Saying) -> bool:
        """As the port promises."""
        await self.moods.dawdle()
        taken = await self._once(saying)
        if taken and self.moods.repeat():
            await self._once(saying)
        return taken

    async def _once(self, saying: Saying) -> bool:
        path, media = {
            "answer": (f"{self.addresses['inventory']}/v1/acknowledgements", "application/json"),
            "event": (f"{self.addresses['ingest']}/v1/events", "application/cloudevents+json"),
        }[saying.door]
        try:
            answer = await self.client.post(path, content=json.dumps(saying.body), headers={"content-type": media})
        except httpx.TransportError:
            return False  # refused, cut or late: nobody knows, so it is said again under the same name
        if answer.status_code in _LATER:
            return False
        if answer.status_code >= _OK:
            raise DoorClosed(f"{path}: {answer.status_code} {answer.text[:300]}")
        return True


def make_app(adapter: Adapter, ledger: Ledger, moods: Moods, secret_file: Path, health: Health) -> FastAPI:
    """Where webhooks are posted, and what it holds."""
    app = create_service_app(
        "A simulated inventory system", description=__doc__ or "", health=health, metrics=CollectorRegistry()
    )

    @app.post("/hooks")
    async def hooks(request: Request) -> Response:
        body = await request.body()
        await moods.dawdle()
        if moods.refuse():
            return Response(status_code=503)
        event = _verified(secret_file, body, dict(request.headers))
        if event is None:
            return Response(status_code=401)
        adapter.take(event["type"], event["data"])
        return Response(status_code=500 if moods.forget() else 204)

    @app.get("/state")
    async def state() -> dict[str, Any]:
        return dict(ledger.state())

    return app


def _verified(secret_file: Path, body: bytes, headers: dict[str, str]) -> Any:
    """The event, None where its signature is not good. The library raises ValueErrors of its own for odd headers."""
    try:
        return Webhook(secret_file.read_text().strip()).verify(body, headers)
    except (WebhookVerificationError, ValueError, OSError):
        return None


async def read_topic(adapter: Adapter, moods: Moods, settings: StreamSettings) -> None:
    """Take every record of the topic, some of them twice; raises RetryableError while the broker is away."""
    async with TopicReader(settings, [INVENTORY_COMMANDS.name]) as reader:
        while True:
            for record in await reader.read():
                content = json.loads(record.value or b"{}")
                for _ in range(2 if moods.repeat() else 1):
                    adapter.take(record.header("ce_type") or "", content)


async def again_and_again(step: Callable[[], Awaitable[object]]) -> None:
    """Work until cancelled; what is away is waited for."""
    while True:
        with suppress(RetryableError):
            await step()
        await asyncio.sleep(_REST_SECONDS)


async def run(chosen: argparse.Namespace) -> None:
    """Take, answer and deliver until told to stop."""
    clock, health = SystemClock(), Health()
    habits = Habits(seed=chosen.seed, rejects=chosen.rejects, shorts=chosen.shorts)
    ledger = Ledger(chosen.state, habits)
    # Another mood at each start, or a process that is killed would die of the same thing again.
    random = Random(f"{chosen.seed}:{clock.now().timestamp()}")
    moods = Moods(random, chosen.refuses, chosen.forgets, chosen.repeats, chosen.delays)
    headers = {"x-api-key": chosen.key_file.read_text().strip()}
    addresses = {"inventory": chosen.inventory, "ingest": chosen.ingest}
    async with httpx.AsyncClient(trust_env=False, timeout=5.0, headers=headers) as client:
        adapter = Adapter(ledger, HttpDoors(client, addresses, moods))

        async def deliver() -> None:
            ledger.deliver(format_moment(clock.now()))

        steps = [again_and_again(adapter.tell), again_and_again(deliver)]
        if chosen.broker:
            settings = StreamSettings(bootstrap=chosen.broker, client_id="erp", idempotence=False)
            steps.append(again_and_again(lambda: read_topic(adapter, moods, settings)))
        app = make_app(adapter, ledger, moods, chosen.secret_file, health)
        server = make_server(app, host="127.0.0.1", port=chosen.port, health=health)
        working = [asyncio.create_task(step) for step in steps]
        for task in working:
            task.add_done_callback(lambda _: setattr(server, "should_exit", True))
        await server.serve()
        for task in working:
            task.cancel()
        for outcome in await asyncio.gather(*working, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome
    ledger.close()


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m libs.erp", description=__doc__)
    for name in ("--state", "--key-file", "--secret-file"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--inventory", required=True, help="address of inventory's door")
    parser.add_argument("--ingest", required=True, help="address of ingest's door")
    parser.add_argument("--broker", default="", help="read the topic there; without it events come by webhook alone")
    parser.add_argument("--seed", type=int, default=0)
    for name in ("--rejects", "--shorts", "--refuses", "--forgets", "--repeats", "--delays"):
        parser.add_argument(name, type=float, default=0.0)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
