"""One person in a whole running system, a canary in everything that they can leave behind at any door."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from libs.common.clock import SystemClock
from libs.common.contracts import CONTRACTS, identifier_fields
from libs.laptop.system import System
from services.ingest.domain.field_policy import INCOMING
from tests.support.canaries import with_canaries, with_unnamed
from tests.unit.ingest.examples import DATA, TICK

PATIENCE_SECONDS = 60.0
TYPES = [name for name in INCOMING if name != TICK and identifier_fields(CONTRACTS[name])]
STORE, ITEM = "usual.catalog.store.v1", "usual.catalog.item.v1"
POSLOG = Path(__file__).parent / "poslog" / "sale_v6.xml"


@dataclass
class Life:
    """One person: a card, a visitor, an account and an e-mail address, and the canaries that events of theirs hold."""

    system: System
    mark: str = field(default_factory=lambda: uuid4().hex[:10])
    texts: list[str] = field(default_factory=list)
    """What stands sealed behind the door, and so in an export."""
    beside: list[str] = field(default_factory=list)
    """What goes no further than the door and its quarantine."""

    @property
    def card(self) -> dict[str, str]:
        return {"kind": "loyalty_card", "value": f"canary{self.mark}card"}

    @property
    def visitor(self) -> dict[str, str]:
        return {"kind": "web_visitor", "value": f"canary{self.mark}visitor"}

    @property
    def account(self) -> dict[str, str]:
        return {"kind": "account", "value": f"canary{self.mark}account"}

    @property
    def email(self) -> dict[str, str]:
        address = f"canary{self.mark}@mail.example"
        return {"kind": "email_hash", "value": hashlib.sha256(address.encode()).hexdigest()}

    @property
    def handles(self) -> list[dict[str, str]]:
        return [self.card, self.visitor, self.account, self.email]

    @property
    def canaries(self) -> list[str]:
        """What is found wherever any of it is: how nearly all of it begins, and whatever begins otherwise."""
        first = f"canary{self.mark}"
        told = (*self.texts, *self.beside, *(one["value"] for one in self.handles))
        return [first, *(one for one in told if first not in one)]

    @property
    def pseudonyms(self) -> list[str]:
        """What the person is called behind the doors."""
        secret = self.system.keys.pseudonyms(play=False)
        return [secret.key_of(f"{one['kind']}:{one['value']}") for one in self.handles]

    def events(self) -> Iterator[tuple[dict[str, Any], str]]:
        """A valid and an invalid event of every type that names a person, with what becomes of each at the door."""
        for number, event_type in enumerate(TYPES):
            mark = f"{self.mark}n{number}"
            body, planted = with_canaries(event_type, DATA[event_type], mark)
            body, unnamed = with_unnamed(body, mark)
            named = {one for one in planted if one.startswith(f"canary{mark}i")}
            self._become_theirs(event_type, body)
            self.texts += [text for text in (*planted, *unnamed) if text not in named]
            yield self.event(event_type, body) | self._around(f"{number}a"), "accepted"
            invalid = {**body, "note": self._aside(f"canary{mark}note")}
            long_ago = datetime(1999, 1, 1, tzinfo=UTC)
            yield self.event(event_type, invalid, at=long_ago) | self._around(f"{number}b"), "quarantined"

    def calls(self) -> list[dict[str, Any]]:
        """What Segment's SDKs and the tracker send of them; the last is of no kind that anybody knows."""
        say, aside = self._said, self._aside
        around = {
            "page": {"path": aside("/canary{}around"), "search": aside("canary{}search")},
            "userAgent": aside("canary{}agent"),
        }
        traits = {
            **{name: say("canary{}" + name) for name in ("firstName", "lastName", "hobby", "canaryname")},
            "address": {"street": say("canary{}street"), "city": say("canary{}city"), "country": say("canary{}land")},
            "email": f"canary{self.mark}@mail.example",
        }
        bread = {"product_id": "bread", "price": 1, "quantity": 1, "name": aside("canary{}wish")}
        page = {
            "title": say("canary{}title"),
            "path": say("/canary{}path"),
            "referrer": f"https://{say('canary{}.example')}/",
        }
        order = {"order_id": f"o-{self.mark}", "total": 1, "currency": "USD", "coupon": aside("canary{}coupon")}
        calls: list[dict[str, Any]] = [
            {"type": "identify", "userId": self.account["value"], "traits": traits},
            {"type": "page", "name": aside("canary{}named"), "properties": page},
            self._track("Products Searched", query=say("canary{}query"), filters=[aside("canary{}filter")]),
            self._track("Order Completed", **order, products=[bread]),
            self._track("Wish Made", wish=aside("canary{}wished")),
        ]
        return [{**call, "anonymousId": self.visitor["value"], "context": around} for call in calls]

    def documents(self) -> Iterator[tuple[str, str]]:
        """A till's POSLog with their card, words in every element that holds any, and one that is broken; and their fates."""
        card, today = self.card["value"], f"{SystemClock().now():%Y-%m-%d}"
        for sequence, fate in (("000451", "accepted"), ("000452", "quarantined")):
            document = POSLOG.read_text().replace("2600001234", card).replace("2026-03-01", today)
            words = document.replace("Whole milk 1 l", self._aside("canary{}milk")).replace(
                ">cold<", f">{self._aside('canary{}shelf')}<"
            )
            broken = words if fate == "accepted" else words.replace(">2.58<", ">much<")
            yield broken.replace("000451", sequence), fate

    def event(self, event_type: str, body: dict[str, Any], *, at: datetime | None = None) -> dict[str, Any]:
        at = at or SystemClock().now()
        named = {"specversion": "1.0", "id": uuid4().hex, "source": "urn:test:life", "type": event_type}
        return {**named, "time": at.isoformat(), "data": body}

    def consent(self, *, granted: bool, purpose: str = "personal_offers") -> dict[str, Any]:
        return self.event("usual.consent.changed.v1", {"customer": self.card, "purpose": purpose, "granted": granted})

    def link(self) -> dict[str, Any]:
        return self.event("usual.identity.linked.v1", {"first": self.card, "second": self.visitor})

    def sale(self, receipt_id: str) -> dict[str, Any]:
        sold = {**DATA["usual.pos.sale.v1"], "customer": self.card, "receipt_id": receipt_id}
        return self.event("usual.pos.sale.v1", sold)

    def master_data(self) -> list[dict[str, Any]]:
        return [self.event(name, dict(DATA[name])) for name in (STORE, ITEM)]

    def _said(self, form: str) -> str:
        self.texts.append(form.format(self.mark))
        return self.texts[-1]

    def _aside(self, form: str) -> str:
        self.beside.append(form.format(self.mark))
        return self.beside[-1]

    def _track(self, name: str, **said: Any) -> dict[str, Any]:
        return {"type": "track", "event": name, "properties": said}

    def _around(self, number: str) -> dict[str, str]:
        """Words in every attribute of an envelope that takes some, and in one that nobody knows."""
        names = ("subject", "traceparent", "canaryattribute")
        return {name: self._aside(f"canary{self.mark}{number}{name}") for name in names}

    def _become_theirs(self, event_type: str, body: dict[str, Any]) -> None:
        for place in identifier_fields(CONTRACTS[event_type]):
            of_the_web = place[0] in {"visitor", "second"}
            handle = self.visitor if of_the_web else self.card
            body[place[0]] = {**handle, "name": self._aside("canary{}holder")}
        for name in ("receipt_id", "order_id"):
            if name in body:
                body[name] = f"{body[name]}-{self.mark}"

    async def ask(self, service: str, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """An answer of a door to head office, or to a till for what only tills may; a text is sent as XML.

        A 503 asks to come again, as a busy machine may make a door say: so this does. Raises TimeoutError.
        """
        caller = "till" if path.startswith(("/v1/checkouts", "/v1/redemptions")) else "office"
        keyed = {"x-api-key": self.system.keys.key(caller), **headers}
        sent: dict[str, Any] = {"json": body}
        if isinstance(body, str):
            keyed, sent = {**keyed, "content-type": "application/xml"}, {"content": body}
        address = self.system.record().addresses[service]
        async with httpx.AsyncClient(
            base_url=address, headers=keyed, trust_env=False, timeout=PATIENCE_SECONDS
        ) as client:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answer = await client.request(method, path, **sent)
                while answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                    await asyncio.sleep(0.1)  # noqa: TID251 - a whole system is waited for
                    answer = await client.request(method, path, **sent)
        return answer

    async def send(self, events: Sequence[dict[str, Any]]) -> list[str]:
        answer = await self.ask("ingest", "POST", "/v1/events", list(events))
        return [result["status"] for result in answer.json()["results"]]

    async def customer(self) -> httpx.Response:
        return await self.ask("profile", "GET", f"/v1/customers?identifier=loyalty_card:{self.card['value']}")

    async def checkout(self, checkout_id: str, **more: Any) -> httpx.Response:
        body = {
            "checkout_id": checkout_id,
            "receipt_id": f"receipt-{checkout_id}",
            "store_id": "7",
            "customer": {**self.card, "name": self._aside("canary{}shopper")},
            "currency": "USD",
            "lines": [{"line_no": 1, "item_id": "bread", "quantity": "1", "amount_cents": 250}],
            "total_cents": 250,
            "deadline_ms": 2_000,
            **more,
        }
        return await self.ask("offers", "POST", "/v1/checkouts", body)

    async def tier(self, checkout_id: str) -> int:
        return int((await self.checkout(checkout_id)).json()["tier"])


async def eventually(look: Callable[[], Awaitable[Any]], wanted: Callable[[Any], bool]) -> Any:
    """What `look` finds once it is wanted; raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not wanted(found := await look()):  # noqa: ASYNC110 - a whole system is waited for
            await asyncio.sleep(0.1)  # noqa: TID251 - see above
    return found
