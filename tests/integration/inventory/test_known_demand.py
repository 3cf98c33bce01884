"""Demand that is known ahead, in tables: vouchers through their life, empty shelves that they met, promotions."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from libs.common.contracts import Contract, Event
from libs.common.contracts.catalog import CatalogPromotion
from libs.common.contracts.offers import VoucherExpired, VoucherRedeemed, VoucherRevoked, VoucherRolledBack
from libs.common.contracts.pos import ScanOutcome, VoucherScanned
from services.inventory.bootstrap.roles import closer_of, desk_of
from services.inventory.domain.stock.shelves import day_of
from services.inventory.handlers.vouchers import take_vouchers
from services.inventory.store import store_of
from tests.support.inventory_events import START, a_count, a_delivery, a_sale, a_voucher, an_event, an_item, at
from tests.support.inventory_running import RunningInventory, running_inventory
from tests.support.postgres import Database

_ABOUT = {"campaign_id": "c", "store_id": "s1", "currency": "EUR"}


def life(kind: type[Contract], voucher_id: str, days: float, **more: Any) -> Event:
    """A fact of a voucher's life."""
    body = kind.model_validate({**_ABOUT, "voucher_id": voucher_id, "receipt_id": f"r-{voucher_id}", **more})
    return an_event(body, f"{kind.__name__}-{voucher_id}-{more.get('redemption_id', '')}", days)


def redeemed(voucher_id: str, days: float, redemption_id: str = "x") -> Event:
    return life(VoucherRedeemed, voucher_id, days, redemption_id=redemption_id, given_cents=100, lines=())


def expired(voucher_id: str, days: float = 7.0) -> Event:
    return life(VoucherExpired, voucher_id, days, released_cents=100)


async def sums(service: RunningInventory) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    lines = await service.rows(
        "SELECT item_id, store_id, expected_micro, vouchers FROM voucher_demand WHERE expected_micro <> 0 ORDER BY 1, 2"
    )
    lessons = await service.rows("SELECT * FROM voucher_lessons WHERE amount <> 0 ORDER BY 1, 2")
    return lines, lessons


async def test_what_was_redeemed_run_out_or_revoked_is_taken_out_again(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take([a_voucher(f"w{n}", "milk") for n in range(5)])
        await service.take([redeemed("w0", 2.0), expired("w1"), redeemed("w3", 2.0)])
        await service.take([life(VoucherRevoked, "w2", 3.0, revocation_id="v", released_cents=100)])
        await service.take([life(VoucherRolledBack, "w3", 2.5, redemption_id="x", returned_cents=100)])
        (line,), lessons = await sums(service)
        assert (line["expected_micro"], line["vouchers"]) == (1_000_000, 2)
        assert {(row["figure"], row["amount"]) for row in lessons} >= {("promised", 1_000_000), ("used", 1_000_000)}


def a_story() -> Sequence[Event]:
    facts = [a_voucher(f"w{n:02}", "milk", store_id="s1") for n in range(30)]
    facts += [redeemed(f"w{n:02}", 1 + n / 10) for n in range(12)]
    facts += [life(VoucherRolledBack, f"w{n:02}", 3.0, redemption_id="x", returned_cents=100) for n in range(4)]
    return facts + [redeemed(f"w{n:02}", 4.0, "y") for n in range(2)] + [expired(f"w{n:02}") for n in range(20, 26)]


async def test_any_order_and_any_repeats_leave_the_same_sums(database: Database, other_database: Database) -> None:
    story, chance = list(a_story()), random.Random(7)  # a test's order, no secret
    shuffled = [*story, *chance.sample(story, 20)]
    chance.shuffle(shuffled)
    async with running_inventory(database) as one, running_inventory(other_database) as other:
        await one.take(story)
        for start in range(0, len(shuffled), 7):
            # Without the inbox in front: the sums themselves must not mind.
            async with other.parts.transactions.begin() as tx:
                from_topic = shuffled[start : start + 7]
                await take_vouchers(store_of(tx), from_topic)
        assert await sums(one) == await sums(other)


async def test_an_unused_voucher_met_an_empty_shelf_if_nothing_lay_there_as_its_window_closed(
    database: Database,
) -> None:
    async with running_inventory(database) as service:
        await service.take([a_count("c1", "milk", "1"), a_count("c2", "tea", "5"), a_count("c3", "late", "0", 9.0)])
        await service.take(
            [a_voucher("w1", "milk"), a_voucher("w2", "tea"), a_voucher("w3", "unknown"), a_voucher("w4", "late")]
        )
        await service.take([a_sale("r1", {"milk": "1"}, 6.0), a_delivery("d1", "milk", "9", 8.0)])
        await service.take([expired("w1"), expired("w2"), expired("w3"), expired("w4")])
        _, lessons = await sums(service)
        figures = {row["figure"]: row["amount"] for row in lessons}
        assert (figures["ended"], figures["met-empty"]) == (2, 1)
        async with service.parts.transactions.begin() as tx:
            gauges = await store_of(tx).views.gauges()
        assert gauges["met_empty_ratio"] == {(): 0.5}
        assert gauges["voucher_ends"] == {("empty",): 1.0, ("there",): 1.0}


async def test_a_voucher_that_a_till_refused_at_an_empty_shelf_met_it_even_if_used_later(database: Database) -> None:
    scan = VoucherScanned(
        receipt_id="k1", store_id="s1", currency="EUR", voucher_id="w1", outcome=ScanOutcome.NOT_APPLICABLE
    )
    async with running_inventory(database) as service:
        await service.take([a_count("c1", "milk", "0"), a_voucher("w1", "milk")])
        await service.take([an_event(scan, "scan-1", 1.0)])
        await service.take([redeemed("w1", 3.0)])
        _, lessons = await sums(service)
        assert {row["figure"]: row["amount"] for row in lessons}["met-empty"] == 1


def a_promotion(event_id: str, days: float, **changes: Any) -> Event:
    body = {
        "promotion_id": "p1",
        "item_ids": ("milk",),
        "store_ids": ("s1",),
        "first_day": (START + timedelta(days=7)).date(),
        "last_day": (START + timedelta(days=13)).date(),
        "mailer": "front",
    }
    return an_event(CatalogPromotion.model_validate({**body, **changes}), event_id, days)


async def test_the_newest_word_on_a_promotion_counts_and_a_cancelled_one_is_none(database: Database) -> None:
    async with running_inventory(database) as service:

        async def known() -> list[tuple[int, int, int]]:
            async with service.parts.transactions.begin() as tx:
                found = await store_of(tx).promotions.of_items(["milk", "tea"], day_of(at(0)), day_of(at(30)))
            return [(one.first_day - day_of(START), one.last_day - day_of(START), one.kind) for one in found]

        await service.take([a_promotion("e2", 2.0, display=True)])
        await service.take([a_promotion("e1", 1.0)])
        assert await known() == [(7, 13, 5)]
        await service.take([a_promotion("e3", 3.0, cancelled=True)])
        assert await known() == []


async def test_the_forecast_tells_what_sells_by_itself_promotions_and_vouchers_apart_day_by_day(
    database: Database,
) -> None:
    sales = [a_sale(f"r-{item_id}-{day}", {item_id: "6"}, day + 0.5) for item_id in ("milk", "tea") for day in range(6)]
    async with running_inventory(database) as service:
        await service.take([an_item("milk"), an_item("tea"), a_count("c1", "milk", "90"), a_count("c2", "tea", "90")])
        await service.take([*sales, a_promotion("e1", 5.0), a_voucher("w1", "milk", days=6.5, ratio="1")])
        await closer_of(service.parts).run(at(6.1))
        (milk,) = await desk_of(service.parts).forecasts("milk", "s1")
        (tea,) = await desk_of(service.parts).forecasts("tea", "s1")
        first = day_of(START)
        assert [one.day - first for one in milk.days] == list(range(6, 20))
        assert {one.day - first for one in milk.days if one.promotions > 0} == set(range(7, 14))
        assert {one.day - first for one in milk.days if one.vouchers > 0} == set(range(6, 14))
        assert not any(one.promotions or one.vouchers for one in tea.days)
        assert all(one.own > 0 for one in milk.days)
        (plan,) = await service.rows("SELECT promotion_units, voucher_units FROM plans WHERE item_id = 'milk'")
        assert plan["promotion_units"][0] > 0
        assert plan["voucher_units"][0] > 0
