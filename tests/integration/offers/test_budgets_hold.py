"""Laws of the group commit: no interleaving takes more than the cap, and a batch equals some serial order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.common.persistence import Transaction, Transactions, make_engine
from services.offers.bootstrap.parts import SERVICE
from services.offers.domain.money.budget import Budget, Wish, grant
from services.offers.ports.checkout import IssueRequest
from services.offers.store.campaigns.versions import PostgresCampaigns
from services.offers.store.checkout.issuing import SharedIssuing
from services.offers.store.connections import connector
from services.offers.store.redemption.redemptions import PostgresRedemptions
from services.offers.store.shared_statement import Limits
from tests.support.issue_requests import Wanted, an_issue_request
from tests.support.offers_facts import NOW, a_campaign
from tests.support.offers_running import next_id, tell_world
from tests.support.postgres import Database


def a_request(checkout_id: str, wishes: Sequence[tuple[str, int]]) -> IssueRequest:
    """A decision with one voucher per (campaign, greatest value)."""
    wanted = [
        Wanted(f"{checkout_id}:{slot}", campaign_id, cents, NOW) for slot, (campaign_id, cents) in enumerate(wishes, 1)
    ]
    return an_issue_request(checkout_id, wanted, NOW)


@asynccontextmanager
async def issuers(database: Database, processes: int, together: int = 64) -> AsyncIterator[list[SharedIssuing]]:
    """As many group commits as there would be api processes, each with a connection of its own.

    Whatever they are asked, no statement may fail: what can't be granted is an outcome of its row.
    """
    failures: list[str] = []
    connect = connector(database.url("offers"), schema=SERVICE, name="test", statement_seconds=10)
    made = [
        SharedIssuing(
            connect,
            Limits(most_together=together, statement_seconds=10.0, connect_seconds=20.0),
            lambda _, reason: failures.append(reason),
        )
        for _ in range(processes)
    ]
    async with AsyncExitStack() as stack:
        for issuer in made:
            serving = asyncio.create_task(issuer.statement.run())
            stack.push_async_callback(asyncio.wait_for, serving, 10)
            stack.callback(issuer.statement.stop)
        yield made
    assert failures == []


@asynccontextmanager
async def looking(database: Database) -> AsyncIterator[Transactions]:
    engine = make_engine(database.url("offers"), schema=SERVICE, application_name="test")
    try:
        yield Transactions(engine, SERVICE)
    finally:
        await engine.dispose()


async def counted(tx: Transaction, query: str) -> int:
    return int((await tx.connection.exec_driver_sql(query)).scalar_one())


async def budget_of(transactions: Transactions, campaign_id: str) -> Budget:
    async with transactions.begin() as tx:
        return await PostgresRedemptions(tx).budget(campaign_id)


async def test_five_hundred_askers_of_a_budget_for_a_hundred_get_exactly_a_hundred(database: Database) -> None:
    await tell_world(database, campaigns=[a_campaign("hot", cap_cents=100 * 75)])
    async with issuers(database, processes=4) as processes, looking(database) as transactions:
        asked = [processes[number % 4].issue(a_request(f"c{number}", [("hot", 75)])) for number in range(500)]
        answers = await asyncio.gather(*asked)
        assert sum(len(granted or ()) for granted in answers) == 100
        async with transactions.begin() as tx:
            assert await counted(tx, "SELECT count(*) FROM vouchers") == 100
            assert await counted(tx, "SELECT count(*) FROM outbox WHERE topic = 'offers.vouchers.v1'") == 100
            assert await counted(tx, "SELECT count(*) FROM decisions") == 500
            assert await counted(tx, "SELECT count(*) FROM outbox WHERE topic = 'offers.decisions.v1'") == 500
        assert await budget_of(transactions, "hot") == Budget(cap_cents=7_500, reserved_cents=7_500)


async def test_sixty_four_clients_never_take_more_than_any_cap(database: Database) -> None:
    caps = {"hot": 2_000, "warm": 5_000, "cold": 50_000}
    await tell_world(database, campaigns=[a_campaign(name, cap_cents=cap) for name, cap in caps.items()])
    random = Random(11)

    async def client(issuer: SharedIssuing, number: int) -> int:
        cents = 0
        for turn in range(20):
            wishes = [(random.choice(["hot", "hot", "warm", "cold"]), random.randint(1, 120)) for _ in range(3)]
            granted = await issuer.issue(a_request(f"{number}-{turn}", wishes))
            cents += sum(wishes[slot - 1][1] for slot in granted or ())
        return cents

    async with issuers(database, processes=4, together=16) as processes, looking(database) as transactions:
        told = await asyncio.gather(*(client(processes[number % 4], number) for number in range(64)))
        budgets = {name: await budget_of(transactions, name) for name in caps}
        async with transactions.begin() as tx:
            issued = await counted(tx, "SELECT sum(greatest_value_cents) FROM vouchers")
        assert sum(told) == issued == sum(budget.reserved_cents for budget in budgets.values())
        assert all(budget.exposure_cents <= budget.cap_cents for budget in budgets.values())
        assert budgets["hot"].remaining_cents < 120, "the hot one was used up"


async def test_a_checkout_that_was_decided_before_is_an_outcome_and_takes_no_money(database: Database) -> None:
    await tell_world(database, campaigns=[a_campaign("hot", cap_cents=1_000)])
    async with issuers(database, processes=2) as (one, other), looking(database) as transactions:
        same = [issuer.issue(a_request("same", [("hot", 10)])) for issuer in (one, other) for _ in range(20)]
        answers = await asyncio.gather(*same)
        assert [list(granted) for granted in answers if granted is not None] == [[1]]
        assert (await budget_of(transactions, "hot")).reserved_cents == 10


async def test_a_campaign_without_budget_or_of_another_currency_grants_nothing_and_raises_nothing(
    database: Database,
) -> None:
    await tell_world(database, campaigns=[a_campaign("euros", currency="EUR"), a_campaign("poor", cap_cents=0)])
    async with issuers(database, processes=1) as (issuer,):
        request = a_request("checkout", [("euros", 10), ("poor", 10), ("ghost", 10)])
        assert list(await issuer.issue(request) or ()) == []


async def test_a_batch_equals_some_serial_order(database: Database) -> None:
    await tell_world(database, campaigns=[])
    async with issuers(database, processes=1) as (issuer,), looking(database) as transactions:

        async def one_batch(caps: dict[str, int], wishes: list[tuple[str, int]]) -> None:
            prefix = next_id("batch")
            async with transactions.begin() as tx:
                for name, cap in caps.items():
                    await PostgresCampaigns(tx).put(a_campaign(f"{prefix}-{name}", cap_cents=cap), 1, "test")
            asked = [
                a_request(f"{prefix}-{place:03}", [(f"{prefix}-{name}", cents)])
                for place, (name, cents) in enumerate(wishes)
            ]
            granted = await asyncio.gather(*map(issuer.issue, asked))
            won = {request.drafts[0].voucher_id for request, slots in zip(asked, granted, strict=True) if slots}
            after, expected = grant(
                {f"{prefix}-{name}": Budget(cap_cents=cap) for name, cap in caps.items()},
                [
                    Wish(request.drafts[0].voucher_id, *wish)
                    for request in asked
                    for wish in [(request.drafts[0].campaign_id, request.drafts[0].terms.greatest_value_cents)]
                ],
            )
            assert won == expected
            for name, budget in after.items():
                assert await budget_of(transactions, name) == budget

        loop = asyncio.get_running_loop()

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
        @given(
            caps=st.fixed_dictionaries(dict.fromkeys("ab", st.integers(0, 400))),
            wishes=st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 150)), min_size=1, max_size=20),
        )
        def every_batch(caps: dict[str, int], wishes: list[tuple[str, int]]) -> None:
            asyncio.run_coroutine_threadsafe(one_batch(caps, wishes), loop).result(30)

        await asyncio.to_thread(every_batch)
