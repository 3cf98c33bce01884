"""Assortment on a real database: from searches, sales and closes to the lists, and from a decision to what became of it."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from libs.common.contracts import TOPIC_OF_TYPE, Event
from libs.common.contracts.catalog import CatalogItem, CatalogStore
from libs.common.contracts.personal import SEALED_PREFIX
from libs.common.contracts.values import Identifier
from libs.common.contracts.web import Searched
from libs.common.streaming import Batch, TopicPartition
from services.inventory.consumer import assortment_handler
from services.inventory.handlers.assortment.trials import judge_trials
from services.inventory.store import store_of
from tests.integration.inventory.test_acknowledgements import Door, open_door
from tests.support.inventory_events import a_count, a_delivery, a_sale, an_event, at
from tests.support.inventory_running import RunningInventory
from tests.support.postgres import Database

SCOPES = frozenset({"inventory:read", "inventory:approve"})
STORES = ("n1", "n2", "n3", "w1")
ITEMS = {"oat": ("Oat drink", "drinks"), "soy": ("Soy drink", "drinks"), "tea": ("Green tea", "tea")}
CLOSED = 12
VISITORS = [f"visitor-{number}" for number in range(9)]


def master_data() -> list[Event]:
    items = [
        CatalogItem(
            item_id=item_id,
            name=name,
            category=category,
            item_type=category,
            department="food",
            currency="EUR",
            price_cents=300,
        )
        for item_id, (name, category) in ITEMS.items()
    ]
    stores = [
        CatalogStore(
            store_id=store,
            name=store,
            time_zone="UTC",
            country="DE",
            currency="EUR",
            region="north" if store[0] == "n" else None,
        )
        for store in STORES
    ]
    return [an_event(one, f"master-{number}", -1.0) for number, one in enumerate((*items, *stores))]


def two_weeks() -> list[Event]:
    """Every store sells tea and soy drink, the north oat drink too; n1 runs out of soy drink on the last day."""
    events = master_data()
    for store in STORES:
        carried = [item for item in ITEMS if item != "oat" or store != "w1"]
        events += [a_count(f"c-{item}-{store}", item, "500", store_id=store) for item in carried]
        for day in range(CLOSED):
            sold = dict.fromkeys(carried, "2")
            events.append(a_sale(f"r{day}-{store}", sold, day + 0.5, store_id=store))
    soy_left = a_count("c-soy-late", "soy", "2", CLOSED - 0.9, store_id="n1")
    return [*events, soy_left]


def a_search(visitor: str, query: str = "oat drinks", *, name: str = "", **said: Any) -> Event:
    search = Searched(
        visitor=Identifier(kind="web_visitor", value=visitor), query=query, **{"results_count": 0, **said}
    )
    return an_event(search, f"search-{visitor}-{query}-{name}", CLOSED - 1.5)


async def told(service: RunningInventory, events: Iterable[Event]) -> None:
    """What the assortment's consumer does with them, a batch a topic."""
    handler = assortment_handler(store_of, service.parts.metrics)
    by_topic: dict[str, list[Event]] = {}
    for event in events:
        by_topic.setdefault(TOPIC_OF_TYPE[event.type].name, []).append(event)
    for topic, batch in by_topic.items():
        async with service.parts.transactions.begin() as tx:
            given = Batch(
                partition=TopicPartition(topic, 0), group="inventory-assortment", incarnation="test", events=batch
            )
            await handler(tx, given)


@asynccontextmanager
async def planned(database: Database, folder: Path, more: Sequence[Event] = ()) -> AsyncIterator[Door]:
    """A door to a chain whose last days are closed."""
    async with open_door(database, folder, SCOPES) as door:
        await told(door.service, master_data())
        await door.service.take([*two_weeks(), *more])
        await door.service.close(CLOSED + 0.1)
        yield door


async def decided(door: Door, item_id: str, store_id: str, ruling: str) -> tuple[int, dict[str, Any]]:
    body = {"item_id": item_id, "store_id": store_id, "ruling": ruling}
    answer = await door.client.post("/v1/assortment/trials/decisions", json=body)
    return answer.status_code, answer.json()


async def judged(door: Door) -> list[dict[str, Any]]:
    async with door.service.parts.transactions.begin() as tx:
        await judge_trials(store_of(tx))
    found: list[dict[str, Any]] = (await door.get("/v1/assortment/trials"))["trials"]
    return found


async def test_what_others_sell_is_to_be_introduced_with_evidence_and_a_stop_rule(
    database: Database, tmp_path: Path
) -> None:
    async with planned(database, tmp_path) as door:
        await told(door.service, [a_search(visitor, store_id="w1") for visitor in VISITORS])
        (line,) = [
            one
            for one in (await door.get("/v1/assortment/introductions", store_id="w1"))["introductions"]
            if one["item_id"] == "oat"
        ]
        assert {one["store_id"] for one in line["evidence"]} == {"n1", "n2", "n3"}
        assert all(8 < one["units_week"] < 18 for one in line["evidence"])
        assert line["searches"]["searches"] == line["searches"]["without_result"] == len(VISITORS)
        assert line["stop_rule"]["says"] in line["says"]
        places = (await door.get("/v1/assortment/placements", item_id="oat"))["introductions"]
        assert (places[0]["store_id"], places[0]["stop_rule"]) == ("w1", line["stop_rule"])
        assert not {one["store_id"] for one in places} & {"n1", "n2", "n3"}
        assert (await door.client.get("/v1/assortment/introductions?store_id=no")).status_code == 404
        assert (await door.client.get("/v1/assortment/placements?item_id=no")).status_code == 404


async def test_a_new_item_is_placed_by_items_like_it(database: Database, tmp_path: Path) -> None:
    new = CatalogItem(
        item_id="rice", name="Rice drink", category="drinks", item_type="drinks", department="food", currency="EUR"
    )
    async with planned(database, tmp_path) as door:
        await told(door.service, [an_event(new, "new", CLOSED)])
        found = (await door.get("/v1/assortment/placements", item_id="rice"))["introductions"]
        assert {one["store_id"] for one in found} >= set(STORES)
        best = found[0]
        assert {one["item_id"] for one in best["evidence"]} <= {"oat", "soy"}
        assert "items like it sell" in best["says"]


async def test_what_met_an_empty_shelf_and_what_was_not_found_are_unmet_demand(
    database: Database, tmp_path: Path
) -> None:
    async with planned(database, tmp_path) as door:
        await told(door.service, [a_search(visitor, store_id="w1") for visitor in VISITORS])
        lines = (await door.get("/v1/assortment/unmet-demand"))["unmet_demand"]
        by_place = {(one["subject_id"], one["place_id"]): one for one in lines}
        soy = by_place["soy", "n1"]
        assert soy["missed_units_week"] > 0
        assert "met an empty shelf" in soy["says"]
        assert by_place["oat", "w1"]["searches"]["without_result"] == len(VISITORS)
        region = (await door.get("/v1/assortment/unmet-demand", level="region"))["unmet_demand"]
        assert {(one["subject_id"], one["place_id"]) for one in region} == {("soy", "north")}
        only = (await door.get("/v1/assortment/unmet-demand", item_id="soy", place_id="n1"))["unmet_demand"]
        assert [one["subject_id"] for one in only] == ["soy"]


async def test_searches_count_once_and_of_few_visitors_nothing_is_told(database: Database, tmp_path: Path) -> None:
    async with planned(database, tmp_path) as door:
        few = [a_search(visitor, store_id="w1") for visitor in VISITORS[:4]]
        await told(door.service, [*few, *few])
        await told(door.service, few)
        assert await door.service.rows("SELECT searches, unanswered FROM searches") == [
            {"searches": 4, "unanswered": 4}
        ]
        lines = (await door.get("/v1/assortment/unmet-demand"))["unmet_demand"]
        assert "oat" not in {one["subject_id"] for one in lines}


async def test_nothing_that_is_kept_of_searches_names_a_visitor_or_repeats_their_words(
    database: Database, tmp_path: Path
) -> None:
    async with planned(database, tmp_path) as door:
        await told(
            door.service,
            [
                a_search("canary-4711", "oat drink"),
                a_search("canary-4711", "anna canary oat drink"),
                a_search("canary-4711", SEALED_PREFIX + "canary", name="sealed"),
                a_search("canary-4711", SEALED_PREFIX + "canary", name="said", item_id="tea", region="north"),
            ],
        )
        kept = await door.service.rows("SELECT * FROM searches ORDER BY subject_id")
        assert [(row["subject_id"], row["place_kind"], row["searches"]) for row in kept] == [
            ("oat", "chain", 1),
            ("tea", "region", 1),
        ]
        assert "canary" not in repr(kept)
        assert all(int(row["seen_by"]).bit_count() == 1 for row in kept)


async def test_the_newest_catalogue_is_searched_whatever_order_it_came_in(database: Database, tmp_path: Path) -> None:
    def named(name: str, days: float) -> Event:
        item = CatalogItem(
            item_id="oat", name=name, category="drinks", item_type="drinks", department="food", currency="EUR"
        )
        return an_event(item, f"oat-{name}", days)

    async with planned(database, tmp_path) as door:
        await told(door.service, [named("Barista", 2.0)])
        await told(door.service, [named("Oatly old", 1.0)])
        await told(door.service, [a_search("one", "barista"), a_search("one", "oatly")])
        assert await door.service.rows("SELECT subject_id, searches FROM searches") == [
            {"subject_id": "oat", "searches": 1}
        ]


async def test_a_trial_is_kept_or_stopped_by_its_rule_and_stays_so(database: Database, tmp_path: Path) -> None:
    async with planned(database, tmp_path) as door:
        await door.service.rows("INSERT INTO reviews VALUES (:at, 0, 0, 0) RETURNING items", at=at(CLOSED + 0.2))
        status, first = await decided(door, "oat", "w1", "accept")
        again = await decided(door, "oat", "w1", "accept")
        assert (status, first["effect"], again[1]["effect"]) == (200, "applied", "repeated")
        assert again[1]["trial"] == first["trial"]
        assert (await decided(door, "oat", "w1", "decline"))[0] == 409
        assert [one["standing"] for one in await judged(door)] == ["waiting"]
        rule = first["trial"]["stop_rule"]
        await door.service.take([a_delivery("d", "oat", "100", CLOSED + 1.0, store_id="w1")])
        sold = a_sale("first", {"oat": str(rule["units"])}, CLOSED + 2.5, store_id="w1")
        await door.service.take([sold])
        await door.service.close(CLOSED + 2.1)
        assert [one["standing"] for one in await judged(door)] == ["watched"]
        await door.service.close(CLOSED + 3.1)
        (kept,) = await judged(door)
        assert (kept["standing"], kept["units"], kept["days"]) == ("keep", rule["units"], 2)
        await door.service.close(CLOSED + 4.1)
        assert await judged(door) == [kept]
        assert (await decided(door, "oat", "w1", "end"))[1]["effect"] == "applied"
        assert (await decided(door, "oat", "w1", "end"))[1]["effect"] == "repeated"
        assert await judged(door) == []


async def test_an_item_that_nobody_asks_for_is_stopped(database: Database, tmp_path: Path) -> None:
    async with planned(database, tmp_path) as door:
        await door.service.rows("INSERT INTO reviews VALUES (:at, 0, 0, 0) RETURNING items", at=at(CLOSED + 0.2))
        _, told_of = await decided(door, "oat", "w1", "accept")
        await door.service.take([a_delivery("d", "oat", "100", CLOSED + 1.0, store_id="w1")])
        await door.service.close(CLOSED + 2 + told_of["trial"]["stop_rule"]["days"])
        (stopped,) = await judged(door)
        assert (stopped["standing"], stopped["units"]) == ("stop", 0.0)
        assert stopped["reason"].startswith("0 asked for within")


async def test_what_is_declined_is_not_proposed_again_and_what_is_there_cannot_be_introduced(
    database: Database, tmp_path: Path
) -> None:
    async with planned(database, tmp_path) as door:
        await door.service.rows("INSERT INTO reviews VALUES (:at, 0, 0, 0) RETURNING items", at=at(CLOSED + 0.2))
        assert [(await decided(door, "oat", "w1", "decline"))[1]["effect"] for _ in range(2)] == ["applied", "repeated"]
        found = (await door.get("/v1/assortment/introductions", store_id="w1"))["introductions"]
        assert "oat" not in {one["item_id"] for one in found}
        assert (await decided(door, "tea", "w1", "accept"))[0] == 409
        assert (await decided(door, "nothing", "w1", "accept"))[0] == 404
        assert (await decided(door, "tea", "w1", "end"))[0] == 404
