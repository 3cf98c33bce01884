"""Tills, returns and sweeps that fight for the same budgets and codes: one process of many clients, which may be killed at any time.

`python -m tests.support.money_clients URL FOLDER SEED PROCESS CLIENTS` works until the file `stop` lies in FOLDER. What was asked follows from a
number alone (`voucher_id_of` and so on), so that clients of all processes meet at the same checkouts, codes and attempts; each answer
that a client had is a line in a log of its own. tests/faults/offers compares these lines with what lies in the database.
"""

import asyncio
import json
import mmap
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

from prometheus_client import CollectorRegistry

from libs.common.clock import SystemClock
from libs.common.errors import Conflict, NotFound, RetryableError
from libs.common.persistence import Transactions, make_engine
from services.offers.bootstrap.parts import SERVICE
from services.offers.bootstrap.redemption import till_stores_of
from services.offers.domain.fraud.guessing import MissLimits, Presenter
from services.offers.domain.money.limits import Claim, Counter, Per, Period
from services.offers.domain.repeating import name_of
from services.offers.domain.vouchers.voucher import Basket, BasketLine
from services.offers.handlers.campaigns.knowledge import Knowledge, KnowledgeKeeper
from services.offers.handlers.codes import SigningRing
from services.offers.handlers.money.clock import MoneyClock
from services.offers.handlers.redemption.desk import Redemption, RedemptionDesk
from services.offers.handlers.redemption.holding import Holding, extend_hold, hold_voucher, release_hold
from services.offers.handlers.repeating import Once
from services.offers.handlers.returns.taking_back import give_back_returned, roll_back, roll_back_receipt
from services.offers.handlers.returns.undoing import undo_returns
from services.offers.handlers.vouchers.expiry import expire_vouchers
from services.offers.metrics import OffersMetrics
from services.offers.ports.checkout import IssueRequest
from services.offers.ports.repeating import Answer
from services.offers.ports.returns import Reversal
from services.offers.store.campaigns.knowledge import PostgresKnowledge
from services.offers.store.checkout.issuing import SharedIssuing
from services.offers.store.codes import PostgresSigningKeys
from services.offers.store.connections import connector
from services.offers.store.redemption.redemptions import PostgresRedemptions
from services.offers.store.repeating import PostgresAnswers
from services.offers.store.shared_statement import Limits
from services.offers.store.vouchers.expiry import PostgresExpiry
from tests.support.issue_requests import Wanted, an_issue_request
from tests.support.offers_running import CODES

CLOCK = SystemClock()
CAPS_CENTS = {"hot": 4_000, "warm": 60_000, "cold": 10_000_000}
ASKED_FOR = ("hot", "hot", "hot", "warm", "cold")
LIMITED = "warm"
MOST = {Per.CUSTOMER: (3, 400), Per.STORE: (30, None), Per.CAMPAIGN: (None, 7_000)}
"""Vouchers and cents of the limited campaign."""
WINDOW = 60
"""How far back of the newest checkout codes are presented: few, so that many clients meet at one."""
STOP = "stop"
CALLER = "till"
_COUNTER = "checkouts"
_SLOTS = 3
_ATTEMPTS = 3
_HOUR = timedelta(hours=1)
_TOO_SOON = (RetryableError, Conflict, NotFound)


def wishes_of(number: int) -> list[tuple[str, int, timedelta]]:
    """What checkout `number` asks for: campaign, greatest value in cents, how long it is good."""
    random = Random(number)
    return [
        (random.choice(ASKED_FOR), random.randint(1, 250), timedelta(seconds=1) if random.random() < 0.25 else _HOUR)
        for _ in range(random.randint(1, _SLOTS))
    ]


def claims_of(number: int, campaign_id: str) -> Sequence[Claim]:
    """On which counters vouchers of checkout `number` stand: those of one campaign only, so that others are issued beside it."""
    if campaign_id != LIMITED:
        return ()
    entities = {Per.CUSTOMER: f"c{number % 30}", Per.STORE: f"s{number % 2}", Per.CAMPAIGN: ""}
    return [Claim(Counter(per, entities[per], Period.LIFE, date(1970, 1, 1)), *MOST[per]) for per in MOST]


def voucher_id_of(number: int, slot: int) -> str:
    """The voucher in a slot of a checkout."""
    return f"v{number}.{slot}"


def receipt_of(voucher_id: str, which: int) -> str:
    """A receipt on which a voucher is redeemed: those of one checkout meet on two."""
    return f"sale-{voucher_id.split('.', maxsplit=1)[0]}-{which}"


def new_counter(folder: Path) -> None:
    """What all processes count checkouts by. Two that count at once ask for the same: so much the better."""
    (folder / _COUNTER).write_bytes(bytes(8))


def checkout_of(number: int, now: datetime) -> IssueRequest:
    """Checkout `number` as somebody asks for it now."""
    wanted = [
        Wanted(voucher_id_of(number, slot), campaign_id, cents, now + good_for, claims_of(number, campaign_id))
        for slot, (campaign_id, cents, good_for) in enumerate(wishes_of(number), 1)
    ]
    return an_issue_request(f"k{number}", wanted, now)


def attempt_of(redemption_id: str, voucher_id: str, random: Random) -> Redemption:
    """An attempt to redeem: on one of two receipts, for goods that are worth more or less than the voucher."""
    cents = [random.randint(1, 200) for _ in range(random.randint(1, 3))]
    return Redemption(
        redemption_id=redemption_id,
        code=CODES.code_of(voucher_id),
        basket=Basket(
            receipt_id=receipt_of(voucher_id, random.randint(1, 2)),
            store_id="store-1",
            currency="USD",
            lines=[
                BasketLine(line_no=place, item_id=f"milk-{place}", quantity=Decimal(place), amount_cents=amount)
                for place, amount in enumerate(cents, 1)
            ],
        ),
        presenter=Presenter(key_id="till", store_id="store-1", terminal_id="1", sees_reasons=True),
    )


@dataclass(slots=True)
class Log:
    """The answers that the clients of one process had, a line each, in the file when `note` returns."""

    file: int

    def note(self, kind: str, name: str, said: object) -> None:
        """An answer, or how an attempt ended without one."""
        os.write(self.file, (json.dumps([kind, name, said]) + "\n").encode())


@dataclass(slots=True)
class Shop:
    """What the clients of one process share."""

    issuing: SharedIssuing
    transactions: Transactions
    desk: RedemptionDesk
    once: Once
    metrics: OffersMetrics
    counter: mmap.mmap
    log: Log
    stop: Path

    async def client(self, random: Random) -> None:
        """Ask for one thing after the other until told to stop."""
        steps = {
            "issue": 25,
            "redeem": 35,
            "hold": 10,
            "roll back": 10,
            "return": 10,
            "undo": 5,
            "void": 5,
            "expire": 5,
        }
        while not self.stop.exists():
            step = random.choices([*steps], weights=[*steps.values()])[0]
            try:
                await self._take(step, random)
            except _TOO_SOON as error:
                self.log.note("unanswered", step, error.slug)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test is told and fails
                self.log.note("error", step, repr(error))

    async def _take(self, step: str, random: Random) -> None:
        newest = int.from_bytes(self.counter[:8], "big")
        if step == "issue":
            await self._issue(newest + 1 if random.random() < 0.9 else max(1, newest - random.randrange(WINDOW)))
            return
        number = max(1, newest - random.randrange(WINDOW))
        voucher_id = voucher_id_of(number, random.randint(1, _SLOTS))
        redemption_id = f"r-{voucher_id}-{random.randint(1, _ATTEMPTS)}"
        if step == "redeem":
            await self._redeem(redemption_id, voucher_id, keyed=random.random() < 0.25)
        elif step == "roll back":
            async with self.transactions.begin() as tx:
                answer = await roll_back(PostgresRedemptions(tx), redemption_id, self.desk.clock)
            self.log.note("rolled back", redemption_id, answer.decode())
        elif step == "return":
            await self._return(receipt_of(voucher_id, random.randint(1, 2)), random)
        elif step == "undo":
            await self._undo(receipt_of(voucher_id, random.randint(1, 2)), random)
        elif step == "hold":
            await self._hold(f"h-{voucher_id}-{random.randint(1, _ATTEMPTS)}", voucher_id)
        elif step == "void":
            receipt_id = receipt_of(voucher_id, random.randint(1, 2))
            async with self.transactions.begin() as tx:
                event_id = f"void-{random.getrandbits(60):x}"
                await roll_back_receipt(PostgresRedemptions(tx), receipt_id, event_id, self.desk.clock, CLOCK.now())
            self.log.note("voided", receipt_id, None)
        else:
            async with self.transactions.begin() as tx:
                await expire_vouchers(PostgresExpiry(tx), CLOCK.now(), self.metrics)
            self.log.note("swept", "", None)

    async def _return(self, receipt_id: str, random: Random) -> None:
        event_id = f"return-{random.getrandbits(60):x}"
        back = Reversal(
            event_id=event_id,
            receipt_id=receipt_id,
            goods={f"milk-{random.randint(1, 3)}": Decimal(random.randint(1, 3))},
            occurred_at=CLOCK.now(),
            return_receipt_id=f"back-{receipt_id}",
        )
        async with self.transactions.begin() as tx:
            cents = await give_back_returned(PostgresRedemptions(tx), back, self.desk.clock)
        self.log.note("returned", event_id, cents)

    async def _undo(self, receipt_id: str, random: Random) -> None:
        event_id = f"undo-{random.getrandbits(60):x}"
        async with self.transactions.begin() as tx:
            store = PostgresRedemptions(tx)
            await store.lock_receipts([receipt_id, f"back-{receipt_id}"])
            cents = await undo_returns(store, f"back-{receipt_id}", event_id, CLOCK.now())
        self.log.note("undone", event_id, cents)

    async def _issue(self, number: int) -> None:
        granted = await self.issuing.issue(checkout_of(number, CLOCK.now()))
        self.counter[:8] = max(number, int.from_bytes(self.counter[:8], "big")).to_bytes(8, "big")
        self.log.note("issued", f"k{number}", None if granted is None else sorted(granted))

    async def _redeem(self, redemption_id: str, voucher_id: str, *, keyed: bool) -> None:
        asked = attempt_of(redemption_id, voucher_id, Random(redemption_id))

        async def redeem() -> bytes:
            async with self.transactions.begin() as tx:
                return (await self.desk.redeem(till_stores_of(tx), asked)).answer

        if keyed:
            await self._under(f"k-{redemption_id}", redeem)
        else:
            self.log.note("redeemed", redemption_id, (await redeem()).decode())

    async def _extend(self, hold_id: str) -> None:
        """Under a key: its answer tells a time, so that only a kept one is the same again."""

        async def extend() -> bytes:
            async with self.transactions.begin() as tx:
                holds, now = till_stores_of(tx).holds, CLOCK.now()
                return await extend_hold(self.desk, holds, hold_id, timedelta(seconds=0.5), now)

        await self._under(f"x-{hold_id}", extend)

    async def _under(self, key: str, work: Callable[[], Awaitable[bytes]]) -> None:
        async def answered() -> Answer:
            return Answer(status=200, media_type="application/json", body=await work())

        for _ in range(2):
            answer, _ = await self.once.answer(name_of(CALLER, key), key.encode(), answered)
            self.log.note("keyed", key, answer.body.decode())

    async def _hold(self, hold_id: str, voucher_id: str) -> None:
        """For half a second; every third is extended, and every third let go at once."""
        asked = attempt_of(hold_id, voucher_id, Random(hold_id))
        lasting = timedelta(seconds=0.5)
        async with self.transactions.begin() as tx:
            holding = Holding(
                hold_id=hold_id, code=asked.code, basket=asked.basket, presenter=asked.presenter, lasting=lasting
            )
            answer = await hold_voucher(self.desk, till_stores_of(tx), holding)
        self.log.note("held", hold_id, answer.decode())
        if hold_id.endswith("2"):
            await self._extend(hold_id)
        if hold_id.endswith("3"):
            async with self.transactions.begin() as tx:
                await release_hold(self.desk, till_stores_of(tx).holds, hold_id, CLOCK.now())


async def work(url: str, folder: Path, log: Log, seeds: Sequence[str]) -> None:
    """A client for each seed, until told to stop."""
    metrics = OffersMetrics(CollectorRegistry())
    engine = make_engine(url, schema=SERVICE, application_name="money")
    transactions = Transactions(engine, SERVICE)
    knowledge = Knowledge()
    await KnowledgeKeeper(knowledge, PostgresKnowledge(transactions), CLOCK, every_seconds=60).refresh()
    issuing = SharedIssuing(
        connector(url, schema=SERVICE, name="money", statement_seconds=20),
        Limits(statement_seconds=20.0, connect_seconds=20.0),
    )

    @asynccontextmanager
    async def signing_keys() -> AsyncIterator[PostgresSigningKeys]:
        async with transactions.begin() as tx:
            yield PostgresSigningKeys(tx)

    @asynccontextmanager
    async def shared() -> AsyncIterator[PostgresAnswers]:
        async with transactions.shared() as tx:
            yield PostgresAnswers(tx)

    signing = SigningRing(CODES, signing_keys)
    await signing.refresh()
    many = 10**9
    desk = RedemptionDesk(
        codes=CODES,
        signing=signing,
        knowledge=knowledge,
        clock=MoneyClock(CLOCK, play_mode=False),
        limits=MissLimits(per_lane=many, per_store=many, per_caller=many),
        metrics=metrics,
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        file = stack.enter_context((folder / _COUNTER).open("r+b"))
        once = Once(begin=shared, clock=CLOCK, metrics=metrics, deadline_seconds=20)
        shop = Shop(issuing, transactions, desk, once, metrics, mmap.mmap(file.fileno(), 8), log, folder / STOP)
        serving = asyncio.create_task(issuing.statement.run())
        stack.push_async_callback(asyncio.wait_for, serving, 30)
        stack.callback(issuing.statement.stop)
        await asyncio.gather(*(shop.client(Random(seed)) for seed in seeds))


def main(arguments: list[str]) -> None:
    """As the module says."""
    url, place, seed, process, clients = arguments
    folder = Path(place)
    life = f"{process}-{len(list(folder.glob(f'{process}-*.log')))}"
    log = os.open(folder / f"{life}.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    asyncio.run(work(url, folder, Log(log), [f"{seed}:{life}:{number}" for number in range(int(clients))]))


if __name__ == "__main__":
    main(sys.argv[1:])
