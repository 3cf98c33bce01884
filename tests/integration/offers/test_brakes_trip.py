"""Brakes that pull themselves, on a real database: rates of money off the journal, shares of refusals and of lost answers."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from libs.common.errors import InvalidInput
from libs.common.persistence.relay import RelayLoop
from services.offers.bootstrap.brakes import brake_round, brake_rules
from services.offers.handlers.brakes.tripping import DoorTally
from services.offers.metrics import OffersMetrics
from services.offers.store.brakes.readings import PostgresReadings
from tests.integration.offers.test_brakes import pull, release
from tests.support.offers_facts import a_campaign, a_snapshot
from tests.support.offers_running import Till, next_id, open_till, tell_world
from tests.support.postgres import Database

WORTH_CENTS = 100


async def issue(till: Till, count: int) -> list[str]:
    """So many vouchers, a hundred cents each; their codes."""
    answers = [await till.checkout(next_id("trip"), customer=None) for _ in range(count)]
    return [voucher["code"] for answer in answers for voucher in answer["vouchers"]]


async def round_of(till: Till) -> list[dict[str, Any]]:
    """One round of the worker; the brakes in force then."""
    await brake_round(till.parts)()
    return list((await till.client.get("/v1/brakes?in_force=true")).json())


def rules(folder: Path, text: str) -> Path:
    file = folder / f"{next_id('rules')}.yaml"
    file.write_text(text)
    return file


async def test_a_campaign_that_promises_more_a_minute_than_it_states_is_stopped_and_no_other(
    database: Database, tmp_path: Path
) -> None:
    bounds = {"promised_cents_per_minute": 5 * WORTH_CENTS}
    await tell_world(database, campaigns=[a_campaign("usual", brake=bounds), a_campaign("calm")])
    async with open_till(database, tmp_path) as till:
        await pull(till, "other", scope="campaign", entity_id="calm")
        assert len(await issue(till, 5)) == 5
        assert len(await round_of(till)) == 1, "at the bound is not over it"
        await issue(till, 1)
        tripped = (await round_of(till))[0]
        assert (tripped["scope"], tripped["entity_id"], tripped["pulled_for"]) == ("campaign", "usual", "promised-rate")
        assert (tripped["reason"], tripped["pulled_by"], tripped["redemptions"]) == (
            "600 cents in 60 s, bound 500 a minute",
            "rule",
            False,
        )
        assert await issue(till, 1) == []
        assert len(await round_of(till)) == 2, "what is stopped is not stopped again"
        await release(till, "other")
        assert len(await issue(till, 1)) == 1, "the other campaign"


async def test_after_a_release_only_what_is_spent_since_counts(database: Database, tmp_path: Path) -> None:
    await tell_world(
        database, campaigns=[a_campaign(brake={"promised_cents_per_minute": 2 * WORTH_CENTS})], customers=[a_snapshot()]
    )
    async with open_till(database, tmp_path) as till:
        await issue(till, 3)
        (first,) = await round_of(till)
        await release(till, first["brake_id"])
        await next_second(till)
        assert await round_of(till) == []
        await issue(till, 3)
        assert len(await round_of(till)) == 1


async def next_second(till: Till) -> None:
    """By the database's clock: readings are by the second."""
    query = "SELECT date_trunc('second', clock_timestamp()) AS second, pg_sleep(0.1)::text AS slept"
    first = (await till.rows(query))[0]["second"]
    while (await till.rows(query))[0]["second"] == first:
        continue


async def test_what_redemptions_give_has_a_bound_of_its_own_and_printed_vouchers_stay_good(
    database: Database, tmp_path: Path
) -> None:
    file = rules(tmp_path, "campaigns: {given_cents_per_minute: 200}")
    await tell_world(database)
    async with open_till(database, tmp_path, brake_rules_file=file) as till:
        codes = await issue(till, 4)
        assert await round_of(till) == []
        for number, code in enumerate(codes[:3]):
            assert (await till.redeem(code, f"r{number}"))["status"] == "redeemed"
        (tripped,) = await round_of(till)
        assert tripped["pulled_for"] == "given-rate"
        assert (await till.redeem(codes[3], "r3"))["status"] == "redeemed"


async def test_the_chain_is_stopped_by_the_money_of_all_campaigns_together(database: Database, tmp_path: Path) -> None:
    file = rules(tmp_path, "chain: {money: {USD: {promised_cents_per_minute: 500}}}")
    await tell_world(database, campaigns=[a_campaign("one"), a_campaign("two")])
    async with open_till(database, tmp_path, brake_rules_file=file) as till:
        await issue(till, 6)
        (tripped,) = await round_of(till)
        assert (tripped["scope"], tripped["entity_id"], tripped["pulled_for"]) == ("chain", None, "promised-rate")
        assert await issue(till, 1) == []


async def test_a_campaign_whose_vouchers_tills_refuse_is_stopped(database: Database, tmp_path: Path) -> None:
    file = rules(tmp_path, "campaigns: {refused_ratio: 0.5, least_attempts: 4}")
    await tell_world(database)
    async with open_till(database, tmp_path, brake_rules_file=file) as till:
        codes = await issue(till, 4)
        bad = [{"line_no": 1, "item_id": "bread-1", "quantity": "1", "amount_cents": 0}]
        for number, code in enumerate(codes[:3]):
            assert (await till.redeem(code, f"r{number}", lines=bad))["reason"] == "no-eligible-line"
        assert await round_of(till) == [], "three attempts say nothing yet"
        await till.redeem(codes[3], "r3")
        (tripped,) = await round_of(till)
        assert (tripped["pulled_for"], tripped["reason"]) == ("refused-ratio", "3 of 4, bound 50%")


async def test_doors_that_lose_answers_stop_the_chain(database: Database, tmp_path: Path) -> None:
    file = rules(tmp_path, "chain: {lost_ratio: 0.2, least_answered: 10}")
    await tell_world(database)
    async with open_till(database, tmp_path, brake_rules_file=file) as till:
        tally, metrics = (
            DoorTally(),
            OffersMetrics(CollectorRegistry()),
        )  # not the till's own, which it tells of by itself
        metrics.checkouts.labels("0", "offered").inc(20)
        metrics.late.inc(2)
        for lost in (2, 3):
            metrics.outcome_unknown.inc(lost)
            async with till.parts.transactions.begin() as tx:
                await tally.tell(PostgresReadings(tx), metrics)
            tripped = await round_of(till)
            assert len(tripped) == lost - 2, "four of twenty, then seven"
        assert (tripped[0]["pulled_for"], tripped[0]["reason"]) == ("lost-ratio", "7 of 20, bound 20%")


async def test_every_transfer_is_read_once_however_many_workers_read(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        for _ in range(5):
            await issue(till, 4)
            await asyncio.gather(*(brake_round(till.parts)() for _ in range(4)))
        await brake_round(till.parts)()
        (read,) = await till.rows("SELECT sum(promised_cents)::int AS cents FROM spend_readings")
        assert read["cents"] == 20 * WORTH_CENTS


async def test_overspending_is_stopped_within_about_a_second(database: Database, tmp_path: Path) -> None:
    """The worker's loop as it runs: from the moment that the last minute's money passes the bound to the brake."""
    bound = 10 * WORTH_CENTS
    await tell_world(database, campaigns=[a_campaign(brake={"promised_cents_per_minute": bound})])
    async with open_till(database, tmp_path) as till:
        loop = RelayLoop(brake_round(till.parts), name="brakes", backoff=till.parts.backoff, idle_seconds=1.0)
        running = asyncio.create_task(loop.run())
        async with asyncio.timeout(60):
            while await issue(till, 1):
                continue
        loop.stop()
        with suppress(asyncio.CancelledError):
            await running
        passed = await till.rows(
            "SELECT posted_at AS at FROM journal WHERE move = 'issue' ORDER BY number OFFSET 10 LIMIT 1"
        )
        (brake,) = (await till.client.get("/v1/brakes")).json()
        took = datetime.fromisoformat(brake["pulled_at"]) - passed[0]["at"]
        assert timedelta(0) <= took < timedelta(seconds=5), "a second, and what a busy machine adds"


def test_a_file_of_bounds_that_is_wrong_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="least_attempts"):
        brake_rules(rules(tmp_path, "campaigns: {least_attempts: 0}"))
    assert brake_rules(None).campaigns.promised_cents_per_minute is None
