"""A client of the front door that journals, tries again under the same ids until it knows, and is never in step with itself.

It sends the same events now singly, now in binary mode, now in a batch, now through another process, sometimes twice at
the same moment.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import httpx
import msgspec

from libs.common.clock import SystemClock
from tests.support.ingest_journal import Answered, Logbook, Status
from tests.support.ingest_plan import Plan, Planned

SINGLE = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.05, 0.4
_LATER = frozenset({408, 429, 503})
_ANSWER_WITHIN_SECONDS = 3.0


class ServerFault(Exception):
    """The door answered with what it never may: a fault of its own, or something that says nothing of each event."""


class IngestClient:
    """One serial client: it offers its next turn only when all of the last one is known."""

    def __init__(
        self, plan: Plan, doors: Sequence[str], key: str, logbook: Logbook, *, patience_seconds: float = 60.0
    ) -> None:
        self.accepted = 0
        self.logbook = logbook
        self._plan = plan
        self._doors = tuple(doors)
        self._patience_seconds = patience_seconds
        self._random = Random(plan.random.random())
        self._offered: set[tuple[str, str]] = set()
        self._http = httpx.AsyncClient(
            trust_env=False,  # else a proxy of the machine would be asked for a loopback address
            timeout=_ANSWER_WITHIN_SECONDS,
            headers={"x-api-key": key},
        )

    async def run(self, *, goes_on: Callable[[], bool], pause_seconds: float) -> None:
        """Send turn after turn until told to end; raises ServerFault, and TimeoutError for what nobody ever answered."""
        try:
            while goes_on():
                turn = self._plan.turn(SystemClock().now())
                await self._settle(turn)
                self._plan.settled(turn)
                await asyncio.sleep(self._random.uniform(0, 2 * pause_seconds))  # noqa: TID251  # a caller's pace
        finally:
            await self._http.aclose()
            self.logbook.close()

    async def _settle(self, turn: Sequence[Planned]) -> None:
        new = {planned.offered.name: planned.offered for planned in turn}
        self.logbook.write(offered for name, offered in new.items() if name not in self._offered)
        self._offered |= new.keys()
        waiting, wait_seconds = list(turn), _FIRST_WAIT_SECONDS
        deadline = time.monotonic() + self._patience_seconds
        while waiting := await self._attempt(waiting):
            if time.monotonic() > deadline:
                raise TimeoutError(f"never answered for good: {[planned.offered.name for planned in waiting]}")
            await asyncio.sleep(wait_seconds)  # noqa: TID251  # a caller's patience
            wait_seconds = min(wait_seconds * 2, _LONGEST_WAIT_SECONDS)

    async def _attempt(self, waiting: Sequence[Planned]) -> list[Planned]:
        """Send once, somehow; returns what must be sent again, in order."""
        if self._random.random() < 0.3 or any(planned.alone for planned in waiting):
            return await self._one_by_one(waiting)
        if self._random.random() < 0.1:
            twice = await asyncio.gather(
                self._together(waiting, self._doors[0]), self._together(waiting, self._doors[-1])
            )
            return [planned for planned in twice[0] if planned in twice[1]]
        return await self._together(waiting, self._any_door())

    async def _one_by_one(self, waiting: Sequence[Planned]) -> list[Planned]:
        """One after the other, up to the first that must come again: what comes later of its key may not overtake it."""
        for place, planned in enumerate(waiting):
            binary = planned.binary or (planned.valid and self._random.random() < 0.5)
            answer = await self._post(self._any_door(), *(in_binary_mode(planned) if binary else (SINGLE, planned.raw)))
            if not self._note([planned], _fates(answer, 1))[0].final:
                return list(waiting[place:])
        return []

    async def _together(self, waiting: Sequence[Planned], door: str) -> list[Planned]:
        body = b"[" + b",".join(planned.raw for planned in waiting) + b"]"
        answers = self._note(waiting, _fates(await self._post(door, BATCH, body), len(waiting)))
        return [planned for planned, answer in zip(waiting, answers, strict=True) if not answer.final]

    def _any_door(self) -> str:
        return self._random.choice(self._doors)

    async def _post(self, door: str, headers: Mapping[str, str], body: bytes) -> httpx.Response | None:
        """The answer, None when there was none: refused, cut off, late."""
        try:
            return await self._http.post(f"{door}/v1/events", content=body, headers=dict(headers))
        except httpx.TransportError:
            return None

    def _note(self, sent: Sequence[Planned], fates: Sequence[Mapping[str, Any]]) -> list[Answered]:
        answers = [_answered(planned, fate) for planned, fate in zip(sent, fates, strict=True)]
        self.logbook.write(answers)
        self.accepted += sum(answer.in_topic for answer in answers)
        return answers


def in_binary_mode(planned: Planned) -> tuple[Mapping[str, str], bytes]:
    """Its attributes as headers, its data as the body."""
    attributes = {f"ce-{name}": content for name, content in planned.event.items() if name != "data"}
    return {"content-type": "application/json", **attributes}, msgspec.json.encode(planned.event["data"])


def _answered(planned: Planned, fate: Mapping[str, Any]) -> Answered:
    status: Status = "duplicate" if fate["status"] == "accepted" and fate.get("duplicate") else fate["status"]
    return Answered(*planned.offered.name, status, fate.get("slug"), fate.get("quarantine_id"))


def _fates(answer: httpx.Response | None, count: int) -> Sequence[Mapping[str, Any]]:
    """What the door said of each event. Raises ServerFault for an answer that no caller could act on."""
    if answer is None:
        return [{"status": "unknown"}] * count
    content = msgspec.json.decode(answer.content)
    if "results" in content:
        results: Sequence[Mapping[str, Any]] = content["results"]
        if len(results) == count:
            return results
    elif answer.status_code in _LATER:
        return [{"status": "refused", "slug": content["title"]}] * count
    elif count == 1 and answer.is_client_error:
        status = "quarantined" if content.get("quarantine_id") else "refused"
        return [{**content, "status": status, "slug": content["title"]}]
    raise ServerFault(f"{answer.status_code} {answer.text[:500]}")
