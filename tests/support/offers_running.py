"""A running offers on a real database: migrated, told a small world, its doors asked in this process."""

import itertools
import logging
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from libs.common.clock import FixedClock, SystemClock
from libs.common.contracts import Event
from libs.common.http.credentials import Credential, new_key, write_credentials
from libs.common.persistence import Timeouts, Transaction, Transactions, make_engine, run_migrations
from services.offers.app import create_app
from services.offers.bootstrap import Door, Parts, assemble, door_of, running
from services.offers.bootstrap.parts import SERVICE
from services.offers.bootstrap.work import stores_of
from services.offers.domain.campaigns.campaign import Campaign
from services.offers.domain.codes.code import CodeKey
from services.offers.settings import Settings
from services.offers.store.campaigns.versions import PostgresCampaigns
from services.offers.store.feeds import PostgresReadModel
from services.offers.store.money.ledger import PostgresLedger
from tests.support.offers_facts import ITEMS, NOW, a_campaign, a_model, availability, card, catalogue
from tests.support.postgres import Database
from tests.support.secrets import SECRET_FILE

CODES = CodeKey(b"a key for tests only, 32 bytes!!")
PATIENCE_MS = 30_000
"""Laws that are not about time must hold on a busy machine too."""

SCOPES = frozenset(
    {
        *("voucher:request", "voucher:redeem", "voucher:explain", "vouchers:revoke", "voucher-keys:write"),
        *("batches:write", "batches:codes", "vouchers:offline"),
        *("campaigns:write", "ledger:read", "brakes:write", "fraud:read", "voucher:confirm", "play"),
    }
)


class TestClock(FixedClock):
    """Stands still by the calendar; durations are real, so that deadlines are."""

    __test__ = False

    def monotonic_seconds(self) -> float:
        return SystemClock().monotonic_seconds()


def settings_of(database: Database, credentials: Path, **changes: Any) -> Settings:
    """Settings for this database; the broker is nobody."""
    plain: dict[str, Any] = {
        "database_url": SecretStr(database.url("offers")),
        "kafka_bootstrap": "127.0.0.1:1",
        "credentials_file": credentials,
        "pseudonym_key_file": SECRET_FILE,
        "refresh_seconds": 0.2,
        "greatest_deadline_ms": PATIENCE_MS,
        "statement_seconds": 10.0,
        "fraud_look_seconds": 10.0,
    }
    return Settings(**(plain | changes))


async def tell_world(
    database: Database, *, campaigns: Sequence[Campaign] | None = None, customers: Sequence[Event] = ()
) -> None:
    """Migrate and fill: catalogue, availability, model, a fresh feed, campaigns, customers."""
    engine = make_engine(database.url("offers"), schema=SERVICE, application_name="test", timeouts=Timeouts.migrate())
    try:
        await run_migrations(engine, f"services.{SERVICE}.migrations", SERVICE)
        async with Transactions(engine, SERVICE).begin() as tx:
            model = PostgresReadModel(tx)
            await model.apply_catalogue(catalogue(), ())
            await model.apply_availability(availability(), ())
            await model.apply_models([a_model()])
            await model.apply_snapshots(list(customers), ())
            await model.feed_reached("profile.snapshots.v1", 0, NOW)
            for campaign in campaigns if campaigns is not None else [a_campaign()]:
                await PostgresCampaigns(tx).put(campaign, 1, "test")
    finally:
        await engine.dispose()


@dataclass(frozen=True)
class Till:
    """A caller with all scopes, and the parts behind the doors."""

    client: httpx.AsyncClient
    door: Door
    clock: FixedClock

    @property
    def parts(self) -> Parts:
        return self.door.parts

    async def checkout(self, checkout_id: str, **changes: Any) -> dict[str, Any]:
        """The answer, which must be 200."""
        answer = await self.client.post("/v1/checkouts", json=checkout_body(checkout_id, **changes))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def redeem(self, code: str, redemption_id: str, **changes: Any) -> dict[str, Any]:
        """The answer, which must be 200."""
        answer = await self.client.post("/v1/redemptions", json=redemption_body(code, redemption_id, **changes))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def rows(self, query: str) -> list[dict[str, Any]]:
        """What a query finds."""
        async with self.parts.transactions.begin() as tx:
            return [dict(row) for row in (await tx.connection.exec_driver_sql(query)).mappings()]

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[tuple[Transaction, Any]]:
        """A transaction with the stores that the worker's handlers get."""
        async with self.parts.transactions.begin() as tx:
            yield tx, stores_of(tx)


@asynccontextmanager
async def open_till(
    database: Database, folder: Path, *, more_callers: Sequence[Credential] = (), **changes: Any
) -> AsyncIterator[Till]:
    """Offers' doors on this database, memory filled."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    key, credential = new_key("till", SCOPES)
    credentials = folder / f"{next_id('credentials')}.json"
    write_credentials(credentials, [credential, *more_callers])
    clock = TestClock(NOW)
    parts = assemble(settings_of(database, credentials, **changes), "api", clock)
    door = door_of(parts, CODES)
    app = create_app(door)
    door.doors.desk.ladder.behind_ratio = math.inf  # how busy the machine is belongs to no law
    async with running(door):
        await door.keeper.refresh()
        await door.doors.signing.refresh()
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://offers", headers={"X-Api-Key": key}, timeout=30
        ) as client:
            yield Till(client, door, clock)
        async with parts.transactions.begin() as tx:
            assert [books for books in await PostgresLedger(tx).books() if not books.agree] == [], "the books are wrong"


def checkout_body(checkout_id: str, **changes: Any) -> dict[str, Any]:
    """A basket with one loaf, for customer 1, and ample time."""
    plain: dict[str, Any] = {
        "checkout_id": checkout_id,
        "receipt_id": f"receipt-{checkout_id}",
        "store_id": "store-1",
        "customer": card(1).model_dump(mode="json"),
        "currency": "USD",
        "lines": [{"line_no": 1, "item_id": "bread-1", "quantity": "1", "amount_cents": 250}],
        "total_cents": 250,
        "deadline_ms": PATIENCE_MS,
    }
    return plain | changes


def redemption_body(code: str, redemption_id: str, **changes: Any) -> dict[str, Any]:
    """A basket with one of everything."""
    plain: dict[str, Any] = {
        "redemption_id": redemption_id,
        "code": code,
        "receipt_id": f"receipt-{redemption_id}",
        "store_id": "store-1",
        "currency": "USD",
        "lines": one_of_each(),
    }
    return plain | changes


def one_of_each() -> list[dict[str, Any]]:
    return [
        {"line_no": line_no, "item_id": item_id, "quantity": "1", "amount_cents": 250}
        for line_no, item_id in enumerate(ITEMS, 1)
    ]


_numbers = itertools.count(1)


def next_id(prefix: str) -> str:
    """An id that no other call gets."""
    return f"{prefix}-{next(_numbers)}"
