"""Laws of the copies: newest stands, whatever the order; what is gone is gone; memory follows."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from libs.common.contracts.catalog import CatalogItem, CatalogStore
from services.offers.handlers.feeds import observe_freshness, on_snapshots
from tests.support.offers_facts import (
    NOW,
    a_campaign,
    a_model,
    a_snapshot,
    an_event,
    availability,
    card,
    catalogue,
    customer_of,
)
from tests.support.offers_running import Till, open_till, tell_world
from tests.support.postgres import Database


async def test_an_older_version_changes_nothing(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        async with till.transaction() as (_, stores):
            newest, older = a_snapshot(version=2, consent=False), a_snapshot(version=1)
            await stores.read_model.apply_snapshots([newest], ())
            await stores.read_model.apply_snapshots([older], ())
            await stores.read_model.apply_availability(availability(["milk-1"], version=3, status="none"), ())
            await stores.read_model.apply_availability(availability(["milk-1"], version=2), ())
            await stores.read_model.apply_models([a_model(7)])
            await stores.read_model.apply_models([a_model(6)])
        assert (await till.checkout("checkout"))["reason"] == "no-consent"
        assert await till.rows("SELECT DISTINCT there FROM availability WHERE item_id = 'milk-1'") == [{"there": False}]
        assert await till.rows("SELECT number FROM models") == [{"number": 7}]


async def test_a_sketch_is_read_only_beside_the_state_that_it_is_of(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        async with till.transaction() as (_, stores):
            await stores.read_model.apply_snapshots([a_snapshot(version=2)], ())
        now = await till.checkout("now")
        assert await till.rows("SELECT count(*) FROM customers WHERE sketched_version = version") == [{"count": 1}]
        for number, left_by_a_release_before in enumerate(
            (
                "UPDATE customers SET sketched_version = version - 1, sketch = 'of another state'",
                "UPDATE customers SET sketched_version = NULL, sketch = NULL",
            )
        ):
            async with till.transaction() as (tx, _):
                await tx.connection.execute(text(left_by_a_release_before))
            then = await till.checkout(f"then-{number}")
            assert (then["tier"], then["reason"]) == (now["tier"], now["reason"]) == (0, "offered")


async def test_a_customer_who_is_forgotten_is_a_stranger(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path) as till:
        assert (await till.checkout("before"))["tier"] == 0
        async with till.transaction() as (_, stores):
            await stores.read_model.apply_snapshots([], [customer_of(1)])
        assert (await till.checkout("after"))["reason"] == "unknown-customer"


async def test_what_is_stated_for_the_till_counts_before_what_is_stated_for_any_channel(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        event = a_snapshot()
        consents = [
            {"purpose": "personal_offers", "channel": "any", "granted": True},
            {"purpose": "personal_offers", "channel": "till", "granted": False},
            {"purpose": "profiling", "channel": "till", "granted": True},
        ]
        view = type(event.data).model_validate(event.data.model_dump() | {"consents": consents})
        async with till.transaction() as (_, stores):
            await stores.read_model.apply_snapshots([an_event(view, "view")], ())
        assert (await till.checkout("checkout"))["reason"] == "no-consent"


async def test_who_objects_to_profiling_on_any_channel_gets_nothing_personal(
    database: Database, tmp_path: Path
) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        event = a_snapshot()
        consents = [
            {"purpose": "personal_offers", "channel": "till", "granted": True},
            {"purpose": "profiling", "channel": "web", "granted": False},
        ]
        view = type(event.data).model_validate(event.data.model_dump() | {"consents": consents, "ranking_state": {}})
        async with till.transaction() as (_, stores):
            await stores.read_model.apply_snapshots([an_event(view, "view")], ())
        answer = await till.checkout("checkout")
        assert (answer["tier"], answer["reason"]) == (1, "no-consent")


async def test_the_catalogue_ends_the_same_in_whatever_order_it_is_told(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    stated = [
        an_event(an_item(barred), f"event-{hours}", NOW + timedelta(hours=hours))
        for hours, barred in ((1, "tobacco"), (2, None), (3, "alcohol"))
    ]
    async with open_till(database, tmp_path, play_mode=True) as till:
        for order in (stated, stated[::-1], [stated[1], stated[2], stated[0]]):
            for event in order:
                async with till.transaction() as (_, stores):
                    await stores.read_model.apply_catalogue([event], ())
            assert await till.rows("SELECT barred FROM items WHERE item_id = 'milk-1'") == [{"barred": "alcohol"}]
        async with till.transaction() as (_, stores):
            await stores.read_model.apply_catalogue([], ["item:milk-2"])
        await till.checkout("checkout")
        items = till.door.keeper.knowledge.items
        assert items["milk-1"].barred == "alcohol"
        assert "milk-2" not in items


def an_item(barred: str | None) -> CatalogItem:
    plain = next(
        event.data for event in catalogue() if isinstance(event.data, CatalogItem) and event.data.item_id == "milk-1"
    )
    return CatalogItem.model_validate(plain.model_dump() | {"barred": barred})


async def test_memory_follows_in_the_background(database: Database, tmp_path: Path) -> None:
    await tell_world(database, campaigns=[], customers=[a_snapshot()])
    async with open_till(database, tmp_path, refresh_seconds=60.0) as till:
        assert (await till.checkout("before"))["reason"] == "no-campaign"
        assert (await till.client.put("/v1/campaigns/usual", json=a_campaign().model_dump(mode="json"))).is_success
        await until(till, "offered")


async def until(till: Till, reason: str) -> None:
    for number in range(200):
        if (await till.checkout(f"again-{number}"))["reason"] == reason:
            return
    raise AssertionError(f"no answer with the reason {reason}")


async def test_freshness_is_measured_from_the_door_to_what_checkouts_read(database: Database, tmp_path: Path) -> None:
    await tell_world(database)
    async with open_till(database, tmp_path) as till:
        views = [a_snapshot(number, accepted_at=NOW - timedelta(seconds=number)) for number in (1, 2)]
        async with till.transaction() as (_, stores):
            accepted = await on_snapshots(stores, views, ())
        observe_freshness(till.parts.metrics, till.clock, accepted)
        page = (await till.client.get("/metrics")).text
        assert "offers_profile_freshness_seconds_sum 3.0" in page
        assert 'offers_profile_freshness_seconds_bucket{le="1.0"} 1.0' in page


async def test_a_basket_that_the_profile_already_shows_is_not_counted_twice(database: Database, tmp_path: Path) -> None:
    await tell_world(database, customers=[a_snapshot()])
    async with open_till(database, tmp_path, play_mode=True) as till:
        shown = NOW - timedelta(days=7)
        answer = await till.checkout(
            "checkout", occurred_at=shown.isoformat(), customer=card(1).model_dump(mode="json")
        )
        assert (answer["tier"], answer["reason"]) == (0, "offered")


@pytest.mark.parametrize("zone", ["Europe/Pariss", "../../etc/passwd", "Europe"])
async def test_a_store_with_a_misspelt_zone_is_answered_by_utc(database: Database, tmp_path: Path, zone: str) -> None:
    await tell_world(database, customers=[a_snapshot()])
    misspelt = CatalogStore(store_id="store-1", name="One", time_zone=zone, country="US", currency="USD")
    async with open_till(database, tmp_path) as till:
        async with till.transaction() as (_, stores):
            later = an_event(misspelt, "store:store-1", NOW + timedelta(hours=1))
            await stores.read_model.apply_catalogue([later], ())
        await till.door.keeper.refresh()
        answer = await till.checkout("checkout")
        assert (answer["tier"], answer["reason"]) == (0, "offered")
        assert await till.rows("SELECT DISTINCT extract(hour FROM expires_at) AS hour FROM vouchers") == [{"hour": 0}]
