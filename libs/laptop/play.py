"""Plays a slice of a data set through the public doors: tills, shoppers and the clock of event time; used by `usual play`."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Protocol

from libs.common.contracts import format_moment
from libs.laptop import till
from libs.laptop.dataset import Basket
from libs.laptop.doors import Doors
from libs.laptop.journal import Journal, Reached, Sent
from libs.laptop.shoppers import HeldVoucher, Reaction, Shoppers, Why
from libs.laptop.slices import Slice
from libs.laptop.stage import consent_events, master_events, stock_events
from libs.laptop.till import Receipt
from libs.laptop.wire import entry

TICK = timedelta(hours=1)
AT_ONCE = 8
KEPT_RECEIPTS = 2
SHOWN_LINES = (2, 8)
"""A receipt to be shown is neither empty nor endless, where there is a choice."""

Heard = Callable[[str, int, int], None]
"""Told what is under way (a title), how much of it is done, and how much there is in all."""


class Rhythm(Protocol):
    """How the play keeps step with the system: libs/laptop/pace.py."""

    at_once: int
    """Requests at the same time within an hour of event time."""

    async def staged(self) -> None:
        """Everything that must be known beforehand was sent."""
        ...

    async def reported(self) -> None:
        """Sales were sent whose customers ask for vouchers next."""
        ...

    async def before_tick(self, reached_at: datetime) -> None:
        """All events before `reached_at` were sent."""
        ...

    async def after_tick(self) -> None:
        """The tick was sent."""
        ...


@dataclass(slots=True)
class Printed:
    """A receipt with vouchers as it left the till, to be shown at the end."""

    text: str
    tier: int
    vouchers: int


@dataclass(slots=True)
class Play:
    """One play. The same slice, seed and answers give the same requests, in the same order per customer."""

    doors: Doors
    part: Slice
    shoppers: Shoppers
    journal: Journal
    rhythm: Rhythm
    seed: int
    heard: Heard
    printed: list[Printed] = field(default_factory=list)

    async def serve_all(self) -> None:
        """Send every basket; each request has its answer, or its patience has ended. Raises DoorClosed."""
        hours = list(by_hour(self.part.baskets))
        done = 0
        for hour, baskets in hours:
            for round_ in rounds(baskets):
                await self._serve(round_)
                done += len(round_)
                self.heard("baskets", done, len(self.part.baskets))
            await self._tick(hour + TICK)

    async def set_the_stage(self) -> None:
        """Send all that must be known before the first basket. Raises DoorClosed."""
        self.heard("items, stores, consent, stock", 0, 1)
        stages = [master_events(self.part), consent_events(self.part), stock_events(self.part, self.seed)]
        events = [event for stage in stages for event in stage]
        size = 1000
        for start in range(0, len(events), size):
            some = events[start : start + size]
            await self.doors.send_events(some, [entry(event) for event in some])
            self.heard("items, stores, consent, stock", start + len(some), len(events))
        await self.rhythm.staged()
        await self._tick(self.part.starts_at)

    async def _tick(self, reached_at: datetime) -> None:
        await self.rhythm.before_tick(reached_at)
        tick = till.tick_event(reached_at, f"play/{self.part.name}")
        await self.doors.send_events([tick], [entry(tick)])
        self.journal.write([Reached(self.part.name, format_moment(reached_at))])
        await self.rhythm.after_tick()

    async def _serve(self, baskets: Sequence[Basket]) -> None:
        """One basket each of several customers: vouchers are handed in, the sales reported, vouchers asked for."""
        receipts = await self._side_by_side(self._hand_in, baskets)
        events = [event for receipt in receipts for event in _events(receipt)]
        await self.doors.send_events(events, [self._entry(event) for event in events])
        await self.rhythm.reported()
        await self._side_by_side(self._check_out, [receipt for receipt in receipts if receipt.sold])

    async def _side_by_side(self, work: Callable[[Any], Any], units: Iterable[Any]) -> list[Any]:
        limit = asyncio.Semaphore(self.rhythm.at_once)

        async def limited(unit: Any) -> Any:
            async with limit:
                return await work(unit)

        if self.rhythm.at_once == 1:
            return [await work(unit) for unit in units]
        return await asyncio.gather(*(limited(unit) for unit in units))

    async def _hand_in(self, basket: Basket) -> Receipt:
        receipt = Receipt.of(basket, self.part.currency)
        bought = [line.item_id for line in receipt.sold]
        reactions = self.shoppers.react(basket.customer_id, basket.basket_id, bought, basket.occurred_at)
        for reaction in reactions if bought else ():
            receipt = await self._redeem(receipt, reaction)
        return receipt

    async def _redeem(self, receipt: Receipt, reaction: Reaction) -> Receipt:
        """The receipt after one voucher; who would have bought because of it does not when the till refuses it."""
        voucher, added = reaction.voucher, reaction.added_item_id
        wanted = receipt
        if added is not None:
            wanted = receipt.with_line(added, self.part.prices_cents[added], voucher.voucher_id)
        request = till.redemption_request(wanted, voucher.voucher_id, voucher.code)
        answer = await self.doors.redeem(request, voucher.voucher_id, reaction.why)
        if answer is None or answer["status"] != "redeemed":
            return receipt
        self.doors.tally.relevance += reaction.why is Why.RELEVANCE
        self.doors.tally.uplift += reaction.why is Why.UPLIFT
        return wanted.discounted(voucher.voucher_id, answer["lines"])

    async def _check_out(self, receipt: Receipt) -> None:
        answer = await self.doors.checkout(till.checkout_request(receipt))
        if answer is None:
            return
        held = [HeldVoucher.of(printed, answer["tier"]) for printed in answer["vouchers"]]
        self.shoppers.receive(receipt.customer_id, held)
        fits = SHOWN_LINES[0] <= len(receipt.sold) <= SHOWN_LINES[1]
        if held and (fits or len(self.printed) < KEPT_RECEIPTS):
            names = {line.item_id: self.part.products[line.item_id].type for line in receipt.sold}
            text = till.printed_text(receipt, names, answer["receipt"]["text"])
            self.printed = [*self.printed, Printed(text, answer["tier"], len(held))][-KEPT_RECEIPTS:]

    def _entry(self, event: Mapping[str, Any]) -> Sent:
        """The journal's entry for a receipt: what it must have changed, once."""
        content = event["data"]
        units: dict[str, Decimal] = {}
        sign = -1 if event["type"] == "usual.pos.return.v1" else 1
        for line in content["lines"]:
            if self.part.products[line["item_id"]].stock_keeping:
                units[line["item_id"]] = units.get(line["item_id"], Decimal(0)) + sign * Decimal(line["quantity"])
        return Sent(
            event["source"],
            event["id"],
            event["type"],
            customer=f"{till.CARD}:{content['customer']['value']}",
            store=content["store_id"],
            amount_cents=content["total_cents"],
            units={item: str(count) for item, count in units.items()},
        )


def by_hour(baskets: Sequence[Basket]) -> Iterator[tuple[datetime, list[Basket]]]:
    """Baskets by the hour of event time, in order; hours without any are passed over."""
    for hour, found in groupby(
        baskets, key=lambda basket: basket.occurred_at.replace(minute=0, second=0, microsecond=0)
    ):
        yield hour, list(found)


def rounds(baskets: Sequence[Basket]) -> list[list[Basket]]:
    """Baskets of one hour in rounds: no customer twice in a round, each customer's baskets in order."""
    made: list[list[Basket]] = []
    seen: dict[str, int] = {}
    for basket in baskets:
        number = seen.get(basket.customer_id, 0)
        seen[basket.customer_id] = number + 1
        if number == len(made):
            made.append([])
        made[number].append(basket)
    return made


def _events(receipt: Receipt) -> list[dict[str, Any]]:
    sold = [till.sale_event(receipt)] if receipt.sold else []
    return [*sold, till.return_event(receipt)] if receipt.returned else sold
