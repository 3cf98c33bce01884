"""The public doors as a caller sees them: sends, tries again under the same ids when there is no answer, keeps the journal."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from libs.laptop.journal import Answered, CheckedOut, Journal, Redeemed, Sent, Status

PATIENCE_SECONDS = 60.0
EVENTS_PER_REQUEST = ANSWERS_PER_REQUEST = 250
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.05, 1.0
_TRY_AGAIN = frozenset({429, 502, 503, 504})
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class DoorClosed(Exception):
    """A door refused a request as such (wrong key, wrong shape): a fault of ours or theirs, not something to try again."""


@dataclass(slots=True)
class Tally:
    """What was sent and what came of it."""

    events_sent: int = 0
    events_accepted: int = 0
    events_unknown: int = 0
    quarantined: int = 0
    checkouts: int = 0
    checkouts_unknown: int = 0
    repeats: int = 0
    """Requests that were sent again."""
    vouchers_issued: int = 0
    vouchers_by_tier: dict[str, int] = field(default_factory=dict)
    vouchers_redeemed: int = 0
    redemptions_refused: int = 0
    relevance: int = 0
    uplift: int = 0
    checkout_ms: list[float] = field(default_factory=list)


class Doors:
    """One caller with one key. Every method returns when there is an answer or the patience has ended."""

    def __init__(
        self,
        addresses: Mapping[str, str],
        key: str,
        journal: Journal,
        *,
        connections: int = 16,
        patience_seconds: float = PATIENCE_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.tally = Tally()
        self._addresses = addresses
        self._journal = journal
        self._patience_seconds = patience_seconds
        self._client = httpx.AsyncClient(
            trust_env=False,  # else a proxy of the machine would be asked for a loopback address
            timeout=10.0,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            headers={"x-api-key": key},
            transport=transport,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def send_events(self, events: Sequence[Mapping[str, Any]], entries: Sequence[Sent]) -> bool:
        """Send events (their journal `entries` beside them) to ingest; True if each has an answer. Raises DoorClosed."""
        answered = True
        for start in range(0, len(events), EVENTS_PER_REQUEST):
            part = slice(start, start + EVENTS_PER_REQUEST)
            self._journal.write(entries[part])
            self.tally.events_sent += len(entries[part])
            answered = await self._send_part(events[part]) and answered
        return answered

    async def _send_part(self, events: Sequence[Mapping[str, Any]]) -> bool:
        waiting = list(events)

        async def attempt() -> bool:
            nonlocal waiting
            answer = await self._client.post(
                f"{self._addresses['ingest']}/v1/events",
                content=_encode(waiting),
                headers={"content-type": "application/cloudevents-batch+json"},
            )
            waiting = self._note_results(waiting, _results(answer, waiting))
            return not waiting

        answered = await self._until_answered(attempt)
        if not answered:
            self.tally.events_unknown += len(waiting)
            self._journal.write(_answered(event, "unknown", None) for event in waiting)
        return answered

    def _note_results(
        self, sent: Sequence[Mapping[str, Any]], results: Sequence[Mapping[str, Any]]
    ) -> list[Mapping[str, Any]]:
        """Journal what is decided and return what is to be sent again."""
        again, entries = [], []
        for event, result in zip(sent, results, strict=True):
            status, slug = result["status"], result.get("slug")
            if status == "accepted":
                self.tally.events_accepted += 1
                entries.append(_answered(event, "ok", None))
            elif status == "quarantined":
                self.tally.quarantined += 1
                entries.append(_answered(event, "fail", slug))
            else:
                again.append(event)
        self._journal.write(entries)
        return again

    async def checkout(self, request: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Ask for vouchers; None when there was no answer. Raises DoorClosed."""
        took_ms = 0.0

        async def attempt() -> bool:
            nonlocal took_ms
            started = time.perf_counter()
            answer = await self._client.post(
                f"{self._addresses['offers']}/v1/checkouts", content=_encode(request), headers=_JSON
            )
            took_ms = (time.perf_counter() - started) * 1000
            return self._keep(answers, answer)

        answers: list[Mapping[str, Any]] = []
        answered = await self._until_answered(attempt)
        self._note_checkout(request["checkout_id"], answers[0] if answered else None, took_ms)
        return answers[0] if answered else None

    def _note_checkout(self, checkout_id: str, answer: Mapping[str, Any] | None, took_ms: float) -> None:
        tally = self.tally
        tally.checkouts += 1
        if answer is None:
            tally.checkouts_unknown += 1
            self._journal.write([CheckedOut(checkout_id, "unknown")])
            return
        vouchers = tuple(voucher["voucher_id"] for voucher in answer["vouchers"])
        tier = str(answer["tier"])
        tally.checkout_ms.append(took_ms)
        tally.vouchers_issued += len(vouchers)
        if vouchers:
            tally.vouchers_by_tier[tier] = tally.vouchers_by_tier.get(tier, 0) + len(vouchers)
        self._journal.write([CheckedOut(checkout_id, "ok", answer["tier"], vouchers, round(took_ms, 2))])

    async def redeem(self, request: Mapping[str, Any], voucher_id: str, why: str) -> Mapping[str, Any] | None:
        """Hand a voucher in; None when there was no answer. Raises DoorClosed."""

        async def attempt() -> bool:
            answer = await self._client.post(
                f"{self._addresses['offers']}/v1/redemptions", content=_encode(request), headers=_JSON
            )
            return self._keep(answers, answer)

        answers: list[Mapping[str, Any]] = []
        answered = await self._until_answered(attempt)
        answer = answers[0] if answered else None
        redeemed = answer is not None and answer["status"] == "redeemed"
        given_cents = answer["given_cents"] if answer is not None and redeemed else 0
        status: Status = "unknown" if answer is None else "ok" if redeemed else "fail"
        self._journal.write([Redeemed(request["redemption_id"], voucher_id, status, given_cents, why)])
        self.tally.vouchers_redeemed += redeemed
        self.tally.redemptions_refused += status == "fail"
        return answer

    async def acknowledge(self, acknowledgement: Mapping[str, Any]) -> bool:
        """Answer a command by HTTP; False when inventory did not say anything. Raises DoorClosed."""

        async def attempt() -> bool:
            answer = await self._client.post(
                f"{self._addresses['inventory']}/v1/acknowledgements", content=_encode(acknowledgement), headers=_JSON
            )
            return self._keep([], answer)

        return await self._until_answered(attempt)

    async def acknowledge_all(self, acknowledgements: Sequence[Mapping[str, Any]]) -> bool:
        """Answer commands by HTTP, many in a request; False when inventory did not say anything to some. Raises DoorClosed."""
        url = f"{self._addresses['inventory']}/v1/acknowledgements/batch"
        for start in range(0, len(acknowledgements), ANSWERS_PER_REQUEST):
            body = _encode({"acknowledgements": acknowledgements[start : start + ANSWERS_PER_REQUEST]})
            answers: list[Mapping[str, Any]] = []

            async def attempt(body: bytes = body, answers: list[Mapping[str, Any]] = answers) -> bool:
                return self._keep(answers, await self._client.post(url, content=body, headers=_JSON))

            if not await self._until_answered(attempt):
                return False
            for result in answers[0]["results"]:
                if result["effect"] == "refused":
                    raise DoorClosed(f"/v1/acknowledgements/batch refused an answer: {result}")
        return True

    def _keep(self, answers: list[Mapping[str, Any]], answer: httpx.Response) -> bool:
        """Keep a good answer; False when it says "later". Raises DoorClosed."""
        if answer.status_code in _TRY_AGAIN:
            return False
        if not answer.is_success:
            raise DoorClosed(f"{answer.request.url.path}: {answer.status_code} {answer.text[:500]}")
        answers.append(_decode(answer.content))
        return True

    async def _until_answered(self, attempt: Callable[[], Awaitable[bool]]) -> bool:
        deadline = time.monotonic() + self._patience_seconds
        wait_seconds = _FIRST_WAIT_SECONDS
        while True:
            try:
                if await attempt():
                    return True
            except httpx.TransportError:
                pass  # refused, cut or late: nobody knows whether it was heard, so it goes again under the same ids
            if time.monotonic() + wait_seconds > deadline:
                return False
            await asyncio.sleep(wait_seconds)
            wait_seconds = min(wait_seconds * 2, _LONGEST_WAIT_SECONDS)
            self.tally.repeats += 1


_JSON = {"content-type": "application/json"}


def _answered(event: Mapping[str, Any], status: Status, slug: str | None) -> Answered:
    return Answered(event["source"], event["id"], status, slug)


def _results(answer: httpx.Response, sent: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """One result per event that was sent. Raises DoorClosed when the door did not judge the events one by one."""
    if answer.status_code in _TRY_AGAIN and "results" not in answer.text:
        return [{"status": "refused"}] * len(sent)
    content = _decode(answer.content)
    if len(sent) == 1 and content.get("quarantine_id"):
        return [{"status": "quarantined", "slug": content.get("title")}]
    if "results" not in content:
        raise DoorClosed(f"/v1/events: {answer.status_code} {answer.text[:500]}")
    results: Sequence[Mapping[str, Any]] = content["results"]
    for result in results:
        if result["status"] == "refused" and answer.status_code not in _TRY_AGAIN:
            raise DoorClosed(f"/v1/events refused an event: {result}")
    return results
