"""How a play keeps step with the system: near to it, or in lockstep with it; used by libs/laptop/play.py."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import httpx

from libs.common.contracts import format_moment
from libs.laptop.drain import Observer

NEAR_RECORDS = 2_000
"""A play sends days in seconds: further ahead than this, vouchers would be decided on views of yesterday."""
NEAR_TICKS = 12
"""Half a day of event time: further ahead than this, inventory would close a day with the stock of a later one, and order anew what is
on its way."""
LOOK_SECONDS = 0.25
_DRAIN_SECONDS = 120.0


class ErpDoor:
    """The simulated ERP's own door."""

    def __init__(self, port: int) -> None:
        self._client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60.0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def idle(self, ends: Mapping[tuple[str, int], int]) -> bool:
        """Whether it has handled everything up to these log ends; False while it is away."""
        try:
            state = (await self._client.get("/state")).json()
        except httpx.TransportError:
            return False
        positions: Mapping[str, int] = state["positions"]
        return all(positions.get(f"{topic}/{partition}", 0) >= end for (topic, partition), end in ends.items())

    async def counts(self) -> Mapping[str, int]:
        """How many commands it knows, by what became of them."""
        state: Mapping[str, int] = (await self._client.get("/state")).json()
        return state

    async def hold(self) -> None:
        """Let it deliver only when asked."""
        (await self._client.post("/hold")).raise_for_status()

    async def release(self) -> None:
        """Let it deliver by itself again."""
        (await self._client.post("/release")).raise_for_status()

    async def deliver(self, until: datetime) -> None:
        """Let it deliver what is due by `until`; returns when the front door has it."""
        answer = await self._client.post("/deliver", json={"until": format_moment(until)})
        answer.raise_for_status()


@dataclass(slots=True)
class Near:
    """Never far ahead of the slowest worker."""

    observer: Observer
    erp: ErpDoor
    at_once: int = 8
    _looked_at: float = float("-inf")

    async def staged(self) -> None:
        """Wait until what was set up is known: the first basket finds its items and its stock."""
        await self.erp.release()
        await self.observer.until_at_rest(within_seconds=_DRAIN_SECONDS, erp_idle=self.erp.idle)
        await self.observer.until_known_at_the_till(within_seconds=_DRAIN_SECONDS)

    async def reported(self) -> None:
        """A till does not wait for what becomes of a sale."""

    async def before_tick(self, reached_at: datetime) -> None:
        """The clock may move while some events are under way."""

    async def after_tick(self) -> None:
        """Wait while the system is too far behind."""
        if time.monotonic() - self._looked_at > LOOK_SECONDS:
            await self.observer.until_near(NEAR_RECORDS, NEAR_TICKS)
            self._looked_at = time.monotonic()


@dataclass(slots=True)
class Lockstep:
    """Everything comes to rest before and after each tick, so that an end state is a function of data and seed."""

    observer: Observer
    erp: ErpDoor
    at_once: int = 1

    async def staged(self) -> None:
        """The ERP delivers between ticks from now on, never beside one; the first checkout may be personal."""
        await self.erp.hold()
        await self.observer.until_known_at_the_till(within_seconds=_DRAIN_SECONDS)

    async def reported(self) -> None:
        """Whoever asks for a voucher is known with the sale that was just made, however busy the machine is."""
        await self._rest()

    async def before_tick(self, reached_at: datetime) -> None:
        """What is due is delivered, and everything comes to rest."""
        await self._rest()
        await self.erp.deliver(reached_at)
        await self._rest()

    async def after_tick(self) -> None:
        """What the tick caused comes to rest."""
        await self._rest()

    async def _rest(self) -> None:
        await self.observer.until_at_rest(within_seconds=_DRAIN_SECONDS, erp_idle=self.erp.idle)
