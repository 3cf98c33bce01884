"""Facets, persons and views are a function of the set of events: order, repeats and batches do not matter."""

from collections.abc import Sequence
from datetime import timedelta
from random import Random

import pytest

from libs.common.contracts import Event
from libs.common.contracts.pos import LineScanned, ScanOutcome, VoucherScanned
from services.profile.domain.needs import Learner
from services.profile.handlers.intake import own_customer_id
from tests.support.postgres import Database
from tests.support.profile_events import (
    a_catalogue,
    a_complaint,
    a_consent,
    a_history,
    a_link,
    a_resolution,
    a_return,
    a_sale,
    a_tick,
    a_view,
    a_void,
    a_voucher,
    an_answer,
    an_event,
    at,
    card,
    lines,
    visitor,
)
from tests.support.profile_running import RunningProfile, running_profile


async def applied(profile: RunningProfile, events: Sequence[Event], *, batch: int) -> None:
    """The catalogue, then the events in batches with folds in between."""
    await profile.take(a_catalogue())
    for start in range(0, len(events), batch):
        await profile.take(events[start : start + batch])
        await profile.fold_once(limit=5)
    await profile.fold_all()


@pytest.mark.parametrize("seed", [1, 2])
async def test_order_repeats_and_batches_change_neither_facets_nor_views(
    database: Database, other_database: Database, seed: int
) -> None:
    events = a_history(seed)
    mixed = [*events, *Random(seed).sample(events, 20)]
    Random(seed + 100).shuffle(mixed)
    found = []
    for where, history, batch in ((database, events, 1_000), (other_database, mixed, 7)):
        async with running_profile(where) as profile:
            await applied(profile, history, batch=batch)
            found.append((await profile.facets(), await profile.views(), await profile.rows("SELECT * FROM parked")))
    orderly, shuffled = found
    assert orderly == shuffled
    assert not orderly[2]


async def test_plain_columns_count_every_event_once(database: Database) -> None:
    async with running_profile(database) as profile:
        sales = [a_sale(f"r{number}", card(number % 2), items=["item-1", "item-2", "item-3"]) for number in range(10)]
        await profile.take(sales)
        await profile.take(sales)
        await profile.take([a_sale("training", card(0), training=True), a_sale("nobody")])
        assert [(row["receipts_count"], row["lines_count"], row["amount_cents"]) for row in await profile.facets()] == [
            (5, 15, 2_250),
            (5, 15, 2_250),
        ]


async def test_a_sale_of_nobody_changes_no_facet_but_is_learned_from(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_sale("r1")])
        assert await profile.facets() == []
        assert len(await profile.rows("SELECT * FROM learning_queue")) == 1


async def test_an_open_complaint_is_in_the_view_until_it_is_resolved(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_complaint("e1", card(1), "c1"), a_sale("r2", card(2))])
        await profile.fold_all()
        assert sorted(view["open_complaint"] for view in (await profile.views()).values()) == [False, True]
        await profile.take([a_resolution("e2", card(1), "c1", day=1)])
        await profile.fold_all()
        assert not any(view["open_complaint"] for view in (await profile.views()).values())


async def test_what_is_no_purchase_yet_leaves_the_facet_of_a_customer_alone(database: Database) -> None:
    line = LineScanned(receipt_id="r1", store_id="s", customer=card(1), currency="EUR", line=lines(["item-1"])[0])
    scan = VoucherScanned(receipt_id="r1", store_id="s", customer=card(1), outcome=ScanOutcome.UNKNOWN)
    async with running_profile(database) as profile:
        await profile.take([an_event(line, "e1"), an_event(scan, "e2")])
        assert await profile.facets() == []


async def test_a_return_before_its_sale_waits_and_goes_to_the_buyer(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_return("back", "r1", card(9))])
        assert await profile.facets() == []
        assert len(await profile.rows("SELECT * FROM parked")) == 1
        await profile.take([a_sale("r1", card(1))])
        [facet] = await profile.facets()
        assert (facet["identifier"], facet["returns_count"], facet["refund_cents"]) == ("loyalty_card:1", 1, 100)
        assert await profile.rows("SELECT * FROM parked") == []


async def test_a_return_without_a_receipt_is_its_bringers(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_return("back", None, card(3))])
        [facet] = await profile.facets()
        assert (facet["identifier"], facet["refund_cents"]) == ("loyalty_card:3", 100)


async def test_a_receipt_is_voided_once_and_not_learned_from(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_void("v1", "r1"), a_void("v2", "r1")])
        await profile.take([a_sale("r1", card(1), items=["item-1", "item-2"])])
        await profile.take([a_void("v3", "r1")])
        [facet] = await profile.facets()
        assert (facet["returns_count"], facet["refund_cents"], facet["amount_cents"]) == (1, 300, 300)
        await profile.tick(a_tick(2))
        assert await profile.rows("SELECT * FROM learning_queue") == []
        states = {row["learner"]: row for row in await profile.rows("SELECT * FROM learner_states")}
        assert {row["baskets_count"] for row in states.values()} == {0}
        assert Learner.decode(states["needs"]["state"]).needs.baskets == 0


async def test_a_link_gives_the_merged_view_and_tells_of_it(database: Database) -> None:
    one, other = own_customer_id(card(1).key), own_customer_id(visitor(1).key)
    smaller, greater = min(one, other), max(one, other)
    async with running_profile(database) as profile:
        await profile.take([a_sale("r1", card(1)), a_view("w1", visitor(1)), a_consent("c1", card(1))])
        await profile.fold_all()
        assert set(await profile.snapshots()) == {one, other}
        await profile.take([a_link("l1", card(1), visitor(1), day=1)])
        await profile.fold_all()
        [snapshot] = (await profile.snapshots()).values()
        assert snapshot.customer_id == smaller
        assert {identifier.key for identifier in snapshot.identifiers} == {card(1).key, visitor(1).key}
        assert [word.granted for word in snapshot.consents] == [True]
        assert snapshot.ranking_state["items"] == ["item-1", "item-2"]
        [gone] = await profile.rows("SELECT version, body FROM customers WHERE customer_id = :id", id=greater)
        assert (gone["version"], gone["body"]) == (2, None)
        [change] = await profile.rows("SELECT * FROM identity_changes")
        assert (change["customer_id"], change["now_customer_id"], change["version"]) == (greater, smaller, 1)


async def test_a_superseded_view_goes_however_few_marks_a_folder_looks_at(database: Database) -> None:
    one, other = own_customer_id(card(1).key), own_customer_id(visitor(1).key)
    async with running_profile(database) as profile:
        await profile.take([a_sale("r1", card(1)), a_view("w1", visitor(1))])
        await profile.fold_all()
        await profile.take([a_link("l1", card(1), visitor(1), day=1)])
        while (await profile.fold_once(limit=1)).marks:
            pass
        assert set(await profile.snapshots()) == {min(one, other)}


async def test_unlinking_restores_both_views(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_sale("r1", card(1)), a_view("w1", visitor(1)), an_answer("a1", card(1))])
        await profile.fold_all()
        before = await profile.views()
        await profile.take([a_link("l1", card(1), visitor(1), day=1)])
        await profile.fold_all()
        await profile.take([a_link("l2", card(1), visitor(1), linked=False, day=2)])
        await profile.fold_all()
        assert await profile.views() == before
        [change] = await profile.rows("SELECT * FROM identity_changes")
        assert (change["customer_id"], change["version"]) == (change["now_customer_id"], 2)


async def test_an_id_that_no_link_names_is_superseded_with_its_person(database: Database) -> None:
    first, middle, last = sorted((card(number) for number in range(3)), key=lambda who: own_customer_id(who.key))
    async with running_profile(database) as profile:
        await profile.take([a_link("l1", middle, last)])
        await profile.fold_all()
        assert set(await profile.snapshots()) == {own_customer_id(middle.key)}
        await profile.take([a_link("l2", last, first, day=1)])
        await profile.fold_all()
        assert set(await profile.snapshots()) == {own_customer_id(first.key)}


async def test_an_older_link_that_comes_late_does_not_undo_the_unlink(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_link("l2", card(1), visitor(1), linked=False, day=2)])
        await profile.take([a_link("l1", card(1), visitor(1), day=1)])
        await profile.fold_all()
        assert len(await profile.snapshots()) == 2


async def test_a_withdrawn_consent_is_in_the_next_snapshot(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_sale("r1", card(1)), a_consent("c1", card(1), day=1)])
        await profile.fold_all()
        await profile.take([a_consent("c3", card(1), granted=False, day=3), a_consent("c2", card(1), day=2)])
        await profile.fold_all()
        [snapshot] = (await profile.snapshots()).values()
        assert [(word.purpose, word.granted) for word in snapshot.consents] == [("personal_offers", False)]
        assert snapshot.accepted_at == at(3) + timedelta(seconds=1)


async def test_vouchers_are_counted_for_their_customer_and_change_no_view(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_sale("r1", card(1))])
        await profile.fold_all()
        before = await profile.views()
        mine, nobody = own_customer_id(card(1).key), own_customer_id(card(2).key)
        await profile.take([a_voucher("v1", mine, day=3), a_voucher("v2", nobody), a_voucher("v3", None)])
        assert (await profile.fold_once()).customers == 0
        await profile.rows("INSERT INTO dirty_customers (customer_id) VALUES (:id) RETURNING 1", id=mine)
        await profile.fold_all()
        assert await profile.views() == before
        [facet] = await profile.facets()
        assert facet["contacts_count"] == 2
