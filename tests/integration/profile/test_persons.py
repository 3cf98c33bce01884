"""Persons in the database are those of the rules, whatever order links come in; what joined them can be taken back exactly."""

from collections.abc import Sequence
from random import Random

import pytest

from libs.common.contracts import Event
from libs.common.contracts.values import Identifier, IdentifierKind
from services.profile.domain.identity import LinkFact, customer_id_of, link_of
from services.profile.domain.identity_rules import persons
from services.profile.handlers.contacts import seconds_of
from services.profile.handlers.intake import own_customer_id
from tests.support.postgres import Database
from tests.support.profile_events import a_link, a_sale, a_view, an_answer, card, visitor
from tests.support.profile_running import RunningProfile, running_profile


def account(number: int) -> Identifier:
    return Identifier(kind=IdentifierKind.ACCOUNT, value=str(number))


def some_links(seed: int, count: int = 70) -> list[Event]:
    """Few visitors and many accounts: some visitors are shared, and cease to be."""
    random = Random(seed)
    found = []
    for number in range(count):
        first, second = random.choice(
            [
                (visitor(random.randrange(4)), account(random.randrange(9))),
                (account(random.randrange(9)), card(random.randrange(9))),
                (visitor(random.randrange(4)), card(random.randrange(9))),
            ]
        )
        linked = random.random() < 0.7
        found.append(a_link(f"l{number}", first, second, linked=linked, day=random.randrange(60)))
    return found


def expected(events: Sequence[Event]) -> dict[str, str]:
    kinds: dict[str, str] = {}
    facts = []
    for event in events:
        pair = event.data
        ends = [own_customer_id(one.key) for one in (pair.first, pair.second)]  # type: ignore[attr-defined]  # a link
        kinds |= dict(zip(ends, (pair.first.kind, pair.second.kind), strict=True))  # type: ignore[attr-defined]
        facts.append(LinkFact(link_of(*ends), seconds_of(event.occurred_at), event.event_id, pair.linked))  # type: ignore[attr-defined]
    return {one: customer_id_of(person) for person in persons(kinds, facts) for one in person}


async def assigned(profile: RunningProfile) -> dict[str, str]:
    return {row["own_customer_id"]: row["customer_id"] for row in await profile.rows("SELECT * FROM facets")}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_persons_follow_the_rules_after_every_batch_in_any_order(database: Database, seed: int) -> None:
    events = some_links(seed)
    Random(seed + 10).shuffle(events)
    async with running_profile(database) as profile:
        for start in range(0, len(events), 5):
            await profile.take(events[start : start + 5])
            assert await assigned(profile) == expected(events[: start + 5])
        told = {
            row["customer_id"]: row["now_customer_id"]
            for row in await profile.rows("SELECT customer_id, now_customer_id FROM identity_changes")
        }
        ids = await assigned(profile)
        assert {one: now for one, now in ids.items() if now != one}.items() <= told.items(), "every old id is told of"
        assert all(ids[one] == now for one, now in told.items())
        shared = [own_customer_id(visitor(number).key) for number in range(4)]
        assert any(ids.get(one) == one for one in shared)


async def test_signing_in_again_moves_nobody_and_a_break_that_is_heard_of_late_does(database: Database) -> None:
    async with running_profile(database) as profile:
        first, second = account(1), account(2)
        await profile.take([a_link("l1", visitor(1), first, day=1), a_link("l2", visitor(1), second, day=2)])
        before, told = await assigned(profile), await profile.rows("SELECT * FROM identity_changes")
        assert before[own_customer_id(visitor(1).key)] == before[own_customer_id(first.key)]
        for number in range(3, 30):
            await profile.take([a_link(f"l{number}", visitor(1), account(number % 2 + 1), day=number)])
        assert await assigned(profile) == before
        assert await profile.rows("SELECT * FROM identity_changes") == told
        await profile.take([a_link("u1", visitor(1), first, linked=False, day=2.5)])  # and linked again on day 4
        moved = await assigned(profile)
        assert moved[own_customer_id(visitor(1).key)] == moved[own_customer_id(second.key)]


async def test_a_link_that_is_taken_back_within_a_second_is_taken_back(database: Database) -> None:
    half_a_second = 0.5 / 86_400
    async with running_profile(database) as profile:
        await profile.take([a_link("z", visitor(1), account(1), day=1)])
        await profile.take([a_link("a", visitor(1), account(1), linked=False, day=1 + half_a_second)])
        assert all(one == now for one, now in (await assigned(profile)).items())


async def test_what_an_earlier_release_kept_of_a_link_counts(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_link("l1", visitor(1), account(1), day=1)])
        before = await assigned(profile)
        await profile.rows("UPDATE links SET facts = NULL RETURNING 1")
        await profile.take([a_link("l2", visitor(1), account(2), day=2), a_link("l3", visitor(1), account(1), day=3)])
        after = await assigned(profile)
        assert {one: after[one] for one in before} == before


async def test_a_shared_device_fuses_nobody_and_gives_back_what_it_had_fused(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_sale(f"r{n}", account(n), day=n / 10) for n in range(5)])
        await profile.take([a_view("w1", visitor(1)), an_answer("a1", account(0))])
        await profile.fold_all()
        apart = await profile.views()
        links = [a_link(f"l{n}", visitor(1), account(n), day=1 + n) for n in range(4)]
        await profile.take(links[:1])
        await profile.fold_all()
        joined = await profile.views()
        assert len(joined) == len(apart) - 1, "of its first account a visitor is a part"
        await profile.take(links[1:])
        await profile.fold_all()
        assert await profile.views() == apart, "of a fourth within the month of nobody"
        await profile.take([a_link(f"u{n}", visitor(1), account(n), linked=False, day=20) for n in (1, 2, 3)])
        await profile.fold_all()
        assert await profile.views() == joined
        await profile.take([a_link("u0", visitor(1), account(0), linked=False, day=20)])
        await profile.fold_all()
        assert await profile.views() == apart
