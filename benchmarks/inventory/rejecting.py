"""How soon a command that an inventory system rejected is planned anew, on the topic: from the next lane, or as a transfer."""

import asyncio
import time
from collections.abc import Mapping, Sequence

import numpy as np

from libs.common.clock import SystemClock
from libs.common.contracts import Event, decode, new_event
from libs.common.contracts.inventory import Acknowledged, AcknowledgementStatus, Command, Reorder, Reroute
from libs.common.contracts.topics import INVENTORY_ACKNOWLEDGEMENTS, INVENTORY_COMMANDS
from libs.common.persistence import OutboxMessage
from libs.common.streaming import Producer, StreamSettings
from libs.common.streaming.reader import TopicReader

BAR_SECONDS = 60.0
REJECTIONS_PER_SECOND = 10.0
"""More than `make demo`'s inventory system says no."""

_PATIENCE_SECONDS = 120.0


async def reject(settings: StreamSettings, commands: Sequence[Command]) -> Sequence[float]:
    """Say no to each at a steady pace; of those that were planned anew, the seconds from the answer to the new command."""
    sent: dict[str, float] = {}

    async def answer() -> None:
        producer = Producer(settings)
        began = time.perf_counter()
        for number, command in enumerate(commands, 1):
            await pause(max(began + number / REJECTIONS_PER_SECOND - time.perf_counter(), 0.0))
            sent[command.item_id] = time.perf_counter()
            await producer.send_many([OutboxMessage.of(_no(command), INVENTORY_ACKNOWLEDGEMENTS)])
        await producer.stop()

    answering = asyncio.create_task(answer())
    heard = await _heard_anew(settings, {one.item_id: one for one in commands})
    await answering
    return [at - sent[item_id] for item_id, at in heard.items()]


def show_rejections(seconds: Sequence[float], rejected: int) -> None:
    """Print them beside the bar."""
    if not seconds:
        print("  rejection to new plan: none was planned anew")
        return
    middle, late = np.quantile(seconds, [0.5, 0.99])
    print(
        f"  rejection to new plan at {REJECTIONS_PER_SECOND:.0f} a second: p50 {middle:.2f} s, p99 {late:.2f} s, the longest "
        f"{max(seconds):.2f} s (bar {BAR_SECONDS:.0f}); {len(seconds)} of {rejected} planned anew"
    )


async def pause(seconds: float) -> None:
    """Let others run for so long."""
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(seconds, done.set_result, None)
    await done


async def _heard_anew(settings: StreamSettings, rejected: Mapping[str, Command]) -> Mapping[str, float]:
    """When the command after the rejected one was read, by item."""
    found: dict[str, float] = {}
    deadline = time.perf_counter() + _PATIENCE_SECONDS
    async with TopicReader(settings, [INVENTORY_COMMANDS.name]) as reader:
        while len(found) < len(rejected) and time.perf_counter() < deadline:
            records = await reader.read()
            now = time.perf_counter()
            for record in records:
                fact = decode(record.headers, record.value).data if record.value else None
                before = rejected.get(fact.item_id) if isinstance(fact, (Reorder, Reroute)) else None
                if isinstance(fact, (Reorder, Reroute)) and before is not None and _is_after(fact, before):
                    found.setdefault(fact.item_id, now)
    return found


def _is_after(fact: Reorder | Reroute, before: Command) -> bool:
    return fact.command_id != before.command_id or fact.version > before.version


def _no(command: Command) -> Event:
    body = Acknowledged(
        command_id=command.command_id,
        version=command.version,
        item_id=command.item_id,
        status=AcknowledgementStatus.REJECTED,
        reason="out of stock",
    )
    name = f"{command.command_id}:no"
    now = SystemClock().now()
    return new_event(body, event_id=name, source="urn:bench:erp", occurred_at=now, received_at=now)
