"""The whole system for a test: real processes, played through its doors."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from libs.laptop.complete_journey import NAME
from libs.laptop.launch import PROCESSES, Service
from libs.laptop.played import Outcome, PlayRequest, play_slice
from libs.laptop.slices import Choice
from libs.laptop.state_folder import StateFolder
from libs.laptop.system import System

SMALL = Choice(first_week=2, days=2, stores=5)
"""95 baskets of 69 customers on 2 and 3 January 2017."""


@contextlib.contextmanager
def running_system(folder: Path) -> Iterator[System]:
    """Everything up, in play mode, as `usual up --play` has it."""
    system = System(StateFolder(folder), play=True)
    with system.state.locked():
        start(system)
        try:
            yield system
        finally:
            asyncio.run(system.stop())


def start(system: System) -> None:
    """Start it, also again after a stop: the databases are kept, the broker's log is gone."""
    system.state.write_run(asyncio.run(system.start()))


async def play(system: System, choice: Choice = SMALL, *, lockstep: bool = False) -> Outcome:
    """Play a slice of the built-in data set, and verify it."""
    request = PlayRequest(dataset=NAME, choice=choice, lockstep=lockstep)
    return await play_slice(system.state, request, Console(quiet=True))


def process(name: str) -> Service:
    """The process of that name, e.g. `offers-worker`."""
    return next(known for known in PROCESSES if known.name == name)


async def get(system: System, service: str, path: str) -> Any:
    """What a door answers to head office; raises for anything but success."""
    address = system.record().addresses[service]
    headers = {"x-api-key": system.keys.key("office")}
    async with httpx.AsyncClient(base_url=address, headers=headers, trust_env=False, timeout=60.0) as client:
        while (answer := await client.get(path)).status_code == httpx.codes.SERVICE_UNAVAILABLE:  # noqa: ASYNC110 - see below
            await asyncio.sleep(0.1)  # noqa: TID251 - as it asks; a busy machine may make it
    return answer.raise_for_status().json()
