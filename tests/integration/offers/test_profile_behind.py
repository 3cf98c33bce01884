"""With profile's worker away nobody can know what was withdrawn: checkouts stay personal no longer than the bound."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from libs.common.clock import SystemClock
from libs.common.streaming import run_until_stopped
from services.offers.bootstrap import assemble, worker_of
from services.profile import bootstrap as profile
from tests.support.brokers import Broker
from tests.support.offers_facts import card
from tests.support.offers_running import Till, next_id, open_till, settings_of, tell_world
from tests.support.postgres import Database
from tests.support.profile_events import a_consent, a_sale
from tests.support.profile_live import LiveProfile, live_profile, rest
from tests.support.secrets import PSEUDONYMS

CLOCK = SystemClock()
BOUND_SECONDS, AND_ON_SECONDS = 3.0, 2.0
_PATIENCE_SECONDS = 120.0
ASKED_LATE = 10
LEAVES, STAYS = 1, 2


async def reason(till: Till, number: int) -> str:
    """Why the next checkout is what it is, by the server's clock; `offered` means personal."""
    till.clock.move(CLOCK.now() - till.clock.now())
    answer = await till.checkout(next_id("behind"), customer=card(number).model_dump(mode="json"))
    assert (answer["tier"] == 0) == (answer["reason"] == "offered"), answer
    return str(answer["reason"])


async def until(till: Till, number: int, wanted: str) -> list[str]:
    """What is answered before `wanted` is."""
    before: list[str] = []
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while (told := await reason(till, number)) != wanted:
            before.append(told)
            await rest(0.05)
    return before


@asynccontextmanager
async def working(worker: Any) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = asyncio.create_task(run_until_stopped(worker, stop))
    try:
        yield
    finally:
        stop.set()
        await running


@asynccontextmanager
async def two_services(database: Database, broker: Broker, folder: Path) -> AsyncIterator[tuple[LiveProfile, Till]]:
    """Both workers at work, a till before them, and two customers who allow personal offers and have bought."""
    await tell_world(database)
    async with live_profile(database, broker) as live:
        stream = {"kafka_bootstrap": broker.bootstrap, "kafka_idempotence": broker.idempotence}
        settings = settings_of(database, folder / "none.json", **stream)
        for number in (LEAVES, STAYS):
            who = PSEUDONYMS.of(card(number))
            sales = [a_sale(f"behind-{number}-{day}", who, day=float(day)) for day in range(3)]
            await live.send([*sales, a_consent(f"behind-yes-{number}", who, day=3.0)])
        async with (
            working(worker_of(assemble(settings, "worker"))),
            open_till(database, folder, fresh_within_seconds=BOUND_SECONDS) as till,
        ):
            for number in (LEAVES, STAYS):
                await until(till, number, "offered")
            yield live, till


async def test_an_unread_withdrawal_is_obeyed_within_the_bound_and_kept_when_profile_comes_back(
    database: Database, private_broker: Broker, tmp_path: Path
) -> None:
    async with two_services(database, private_broker, tmp_path) as (live, till):
        await live.stop()
        await live.send([a_consent("behind-no", PSEUDONYMS.of(card(LEAVES)), granted=False, day=4.0)])
        bound = CLOCK.now().timestamp() + BOUND_SECONDS
        late: list[str] = []
        while CLOCK.now().timestamp() < bound + AND_ON_SECONDS or len(late) < ASKED_LATE:
            asked_at = CLOCK.now().timestamp()
            told = await reason(till, LEAVES)
            if asked_at > bound:
                late.append(told)
            await rest(0.05)
        assert set(late) == {"stale-profile"}, "nobody could know, and so nothing is personal"
        async with working(profile.worker_of(profile.assemble(live.settings, "worker"))):
            assert "offered" not in await until(till, LEAVES, "no-consent")
            await until(till, STAYS, "offered")
            assert "offered" not in await until(till, LEAVES, "no-consent")
