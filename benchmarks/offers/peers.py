"""What the door is measured against: `python -m benchmarks.offers.peers NAME --port N [--database URL]`."""

import argparse
import gc
from collections.abc import Callable
from random import Random
from typing import Annotated
from uuid import uuid4

import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    func,
    insert,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_new
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from benchmarks.offers.chain import CAMPAIGNS

VALUE_CENTS = 100
_tables = MetaData()
budgets = Table(
    "bench_budgets",
    _tables,
    Column("campaign_id", Text, primary_key=True),
    Column("remaining_cents", BigInteger, nullable=False),
)
checkouts = Table(
    "bench_checkouts",
    _tables,
    Column("checkout_id", Text, primary_key=True),
    Column("answer", LargeBinary, nullable=False),
    Column("decided_at", DateTime(timezone=True), server_default=func.now()),
)
vouchers = Table(
    "bench_vouchers",
    _tables,
    Column("voucher_id", Text, primary_key=True),
    Column("campaign_id", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("value_cents", Integer, nullable=False),
)
outbox = Table(
    "bench_outbox",
    _tables,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
)


class Line(BaseModel):
    """A line as an application declares it to FastAPI."""

    line_no: Annotated[int, Field(ge=1)]
    item_id: str
    quantity: str
    amount_cents: int


class Customer(BaseModel):
    """What the customer presented."""

    kind: str
    value: str


class Checkout(BaseModel):
    """The checkout as an application declares it to FastAPI."""

    checkout_id: str
    receipt_id: str
    store_id: str
    terminal_id: str | None = None
    customer: Customer | None = None
    currency: str
    lines: Annotated[list[Line], Field(max_length=2000)]
    total_cents: int
    deadline_ms: int


class Ack(BaseModel):
    """What a default route answers."""

    checkout_id: str
    lines: int


class Voucher(BaseModel):
    """A voucher that was made durable."""

    checkout_id: str
    voucher_id: str
    campaign_id: str
    value_cents: int


def acknowledging(_arguments: argparse.Namespace) -> FastAPI:
    """FastAPI as its documentation teaches it, with nothing to do."""
    app = FastAPI()

    @app.post("/checkouts")
    async def take(checkout: Checkout) -> Ack:
        return Ack(checkout_id=checkout.checkout_id, lines=len(checkout.lines))

    return app


def transaction_each(arguments: argparse.Namespace) -> FastAPI:
    """The same with a voucher that a transaction of its own makes durable, by SQLAlchemy as its documentation teaches it."""
    app, engine, random = FastAPI(), create_async_engine(arguments.database), Random(1)

    async def decided(checkout: Checkout, campaign_id: str) -> Voucher:
        customer = checkout.customer.value if checkout.customer else ""
        voucher = Voucher(
            checkout_id=checkout.checkout_id, voucher_id=uuid4().hex, campaign_id=campaign_id, value_cents=VALUE_CENTS
        )
        async with engine.begin() as connection:
            await _issue(connection, voucher, customer)
        return voucher

    @app.post("/spread")
    async def spread(checkout: Checkout) -> Voucher:
        return await decided(checkout, campaign_id_of(random.randrange(CAMPAIGNS)))

    @app.post("/hot")
    async def hot(checkout: Checkout) -> Voucher:
        return await decided(checkout, campaign_id_of(0))

    return app


_CHECKOUT = insert_new(checkouts).on_conflict_do_nothing().returning(checkouts.c.checkout_id)
_RESERVE = (
    update(budgets)
    .where(budgets.c.campaign_id == bindparam("which"), budgets.c.remaining_cents >= VALUE_CENTS)
    .values(remaining_cents=budgets.c.remaining_cents - VALUE_CENTS)
    .returning(budgets.c.remaining_cents)
)
_VOUCHER, _EVENT = insert(vouchers), insert(outbox).inline()


async def _issue(connection: AsyncConnection, voucher: Voucher, customer: str) -> None:
    """The four statements of a decision that a repeat cannot make twice; the hot row last but for what needs its answer."""
    body = voucher.model_dump_json().encode()
    fresh = await connection.execute(_CHECKOUT, {"checkout_id": voucher.checkout_id, "answer": body})
    if fresh.scalar_one_or_none() is None:
        raise HTTPException(409)
    reserved = await connection.execute(_RESERVE, {"which": voucher.campaign_id})
    if reserved.scalar_one_or_none() is None:
        raise HTTPException(409)
    row = {
        "voucher_id": voucher.voucher_id,
        "campaign_id": voucher.campaign_id,
        "customer": customer,
        "value_cents": voucher.value_cents,
    }
    await connection.execute(_VOUCHER, row)
    await connection.execute(_EVENT, {"topic": "bench.vouchers", "key": customer, "value": body})


def campaign_id_of(number: int) -> str:
    """One of the budgets."""
    return f"campaign-{number:02}"


async def make_tables(database: str) -> None:
    """The peer's tables, its budgets full."""
    engine = create_async_engine(database)
    async with engine.begin() as connection:
        await connection.run_sync(_tables.create_all)
        rows = [{"campaign_id": campaign_id_of(number), "remaining_cents": 10**12} for number in range(CAMPAIGNS)]
        await connection.execute(insert(budgets), rows)
    await engine.dispose()


APPS: dict[str, Callable[[argparse.Namespace], FastAPI]] = {
    "acknowledging": acknowledging,
    "transaction-each": transaction_each,
}


def main() -> None:
    """Serve one of them as the services are served."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=APPS)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", default="")
    arguments = parser.parse_args()
    gc.freeze()  # as the services do
    uvicorn.run(
        APPS[arguments.name](arguments),
        port=arguments.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="error",
    )


if __name__ == "__main__":
    main()
