"""The system around the tills for fault runs: real processes whose servers and links can be killed, stopped and slowed down."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from libs.laptop.launch import PROCESSES, Keys, Service
from libs.laptop.state_folder import StateFolder
from libs.laptop.system import System
from tests.support.offers_facts import a_campaign, a_snapshot
from tests.support.offers_running import tell_world
from tests.support.postgres import Database
from tests.support.secrets import SECRET_FILE
from tests.support.slow_link import SlowLink, slow_link
from tests.support.standstill import stand_still
from tests.support.whole_system import process

What = Literal["postgres", "kafka", "profile", "model"]
How = Literal["down", "slow", "stopped"]
PROCESS_OF = {"profile": "profile-worker", "model": "profile-learner"}
CUSTOMERS = 1_000
_NAMES = {
    "ingest-api",
    "ingest-worker",
    "profile-worker",
    "profile-learner",
    "inventory-api",
    "offers-api",
    "offers-worker",
}
_SLOW_WAY_SECONDS = 0.2
_TICK_SECONDS = 0.1
Sample = tuple[str, tuple[tuple[str, str], ...]]


class _Surrounded(System):
    """Offers' door reaches its database over a link that may be slow, and leases enough for an outage."""

    link: SlowLink

    def environment_of(self, process: Service) -> dict[str, str]:
        told = super().environment_of(process)
        if process.name == "offers-api":
            there, here = f"127.0.0.1:{self.postgres.port}/", f"127.0.0.1:{self.link.port}/"
            told |= {
                "USUAL_DATABASE_URL": told["USUAL_DATABASE_URL"].replace(there, here),
                "USUAL_LEASE_FOLDER": str(self.state.path / "leases"),
                "USUAL_LEASE_VOUCHERS": "4000",
                "USUAL_LEASE_CAP_RATIO": "1",
            }
        return told


@dataclass
class Lab:
    """What a fault run may do to the system, and what it may look at."""

    system: _Surrounded

    @property
    def database(self) -> Database:
        return Database(self.system.postgres, "usual")

    @property
    def port(self) -> int:
        return int(self.system.record().addresses["offers"].rpartition(":")[2])

    async def measures(self) -> dict[Sample, float]:
        """Every figure of offers' door now."""
        async with httpx.AsyncClient(trust_env=False, timeout=30.0) as client:
            page = (await client.get(f"http://127.0.0.1:{self.port}/metrics")).text
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
        }

    def cores(self) -> tuple[float, float]:
        """For how many seconds offers' door had a core, and for how many it waited for one; 0 where the kernel does not say."""
        path = Path(f"/proc/{self.system.children['offers-api'].process.pid}/schedstat")
        ran, waited = path.read_text().split()[:2] if path.exists() else ("0", "0")
        return int(ran) / 1e9, int(waited) / 1e9

    async def until(
        self, name: str, least: float, *, at_most: float = float("inf"), within_seconds: float = 120
    ) -> None:
        """Wait until a figure without labels is in these bounds."""
        async with asyncio.timeout(within_seconds):
            while not least <= (await self.measures())[name, ()] <= at_most:  # noqa: ASYNC110 - figures are looked at
                await asyncio.sleep(0.2)  # noqa: TID251 - now and then

    @asynccontextmanager
    async def fault(self, what: What, how: How) -> AsyncIterator[None]:
        """Something is down, slow or stopped while the block runs, and works again afterwards."""
        if how == "down":
            await self._kill(what)
            try:
                yield
            finally:
                await self._start(what)
        elif what == "postgres" and how == "slow":
            self.system.link.delay_seconds = _SLOW_WAY_SECONDS
            try:
                yield
            finally:
                self.system.link.delay_seconds = 0.0
        else:
            async with self._halted(what, whole=how == "stopped"):
                yield

    async def _kill(self, what: What) -> None:
        if what == "postgres":
            await self.system.postgres.kill()
        elif what == "kafka":
            await self.system.broker.kill()
        else:
            await self.system.kill(PROCESS_OF[what])

    async def _start(self, what: What) -> None:
        if what == "postgres":
            await self.system.postgres.start()
        elif what == "kafka":
            await self.system.broker.start()
            for service in ("ingest", "profile", "inventory", "offers"):
                await self.system._migrate(service)
        else:
            await self.system.start_service(process(PROCESS_OF[what]))

    @asynccontextmanager
    async def _halted(self, what: What, *, whole: bool) -> AsyncIterator[None]:
        """All processes of it stand still; or run for a fifth of the time."""
        halted = self._pids(what)
        ended = asyncio.Event()

        async def stutter() -> None:
            while not ended.is_set():
                stand_still(self._pids(what))
                await _pause(ended, _TICK_SECONDS * 4)
                _go_on(halted)
                await _pause(ended, _TICK_SECONDS)

        if whole:
            stand_still(halted)
        stuttering = None if whole else asyncio.create_task(stutter())
        try:
            yield
        finally:
            ended.set()
            if stuttering is not None:
                await stuttering
            _go_on(halted)

    def _pids(self, what: What) -> Sequence[int]:
        if what == "postgres":
            first = self.system.postgres.child.process.pid
        elif what == "kafka":
            first = self.system.broker.child.process.pid  # type: ignore[union-attr]  # the embedded one
        else:
            first = self.system.children[PROCESS_OF[what]].process.pid
        return [first, *(child.pid for child in psutil.Process(first).children(recursive=True))]


def _go_on(pids: Sequence[int]) -> None:
    for pid in reversed(pids):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


async def _pause(ended: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(ended.wait(), seconds)


@asynccontextmanager
async def running_lab(folder: Path) -> AsyncIterator[Lab]:
    """Everything up, told a small world, with leases in hand."""
    services = tuple(each for each in PROCESSES if each.name in _NAMES)
    system = _Surrounded(StateFolder(folder), services=services)
    with system.state.locked():
        async with slow_link(system.postgres.port) as link:
            system.link = link
            key = Keys(system.state.path).pseudonym_key(play=False)
            key.parent.mkdir(parents=True, exist_ok=True)
            key.write_bytes(SECRET_FILE.read_bytes())  # by which the customers of `tell_world` are called
            await system.start()
            try:
                lab = Lab(system)
                customers = [a_snapshot(number) for number in range(1, CUSTOMERS + 1)]
                campaign = a_campaign(cap_cents=10**11)
                await tell_world(lab.database, campaigns=[campaign], customers=customers)
                await lab.until("offers_leases_free", 4_000)
                yield lab
            finally:
                await system.stop()
