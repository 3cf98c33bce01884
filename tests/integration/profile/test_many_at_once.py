"""Writers, linkers and folders at the same time: no contact is lost, and what is shown in the end is the fold of the facets."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from random import Random

import pytest

from libs.common.contracts import Event
from libs.common.errors import RetryableError
from services.profile.handlers.folding import fold_dirty
from services.profile.handlers.identity import take_consents_and_links
from services.profile.handlers.intake import own_customer_id
from services.profile.store import PostgresProfileStore
from tests.support.postgres import Database
from tests.support.profile_events import a_consent, a_link, a_return, a_sale, a_view, an_answer, card, visitor
from tests.support.profile_running import RunningProfile, running_profile

PEOPLE = 4


async def until_taken(profile: RunningProfile, events: Sequence[Event]) -> None:
    """As the consumer does: a batch that had to give way comes again."""
    while True:
        try:
            await profile.take(events)
        except RetryableError:
            continue
        return


async def folding(profile: RunningProfile, done: asyncio.Event) -> None:
    while not done.is_set():
        try:
            await profile.fold_once(limit=3)
        except RetryableError:
            continue


async def watching(profile: RunningProfile, done: asyncio.Event) -> None:
    """What a customer's view shows only grows with its version."""
    shown: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    while not done.is_set():
        for customer_id, snapshot in (await profile.snapshots()).items():
            now = (snapshot.version, len(snapshot.ranking_state["visit_at_seconds"]))
            assert now[0] >= shown[customer_id][0]
            assert now[0] > shown[customer_id][0] or now == shown[customer_id]
            shown[customer_id] = now


def lanes_of(*, links: bool) -> list[list[Event]]:
    """What several writers do at once: each lane in order, the lanes side by side."""
    random = Random(7)
    sales = [a_sale(f"r{n}", card(n % PEOPLE), items=[f"item-{n % 20}"], day=n / 10) for n in range(120)]
    back = [a_return(f"b{n}", f"r{n * 3}", day=20) for n in range(30)]
    answers = [an_answer(f"a{n}", card(n % PEOPLE)) for n in range(60)]
    views = [a_view(f"v{n}", visitor(n % PEOPLE)) for n in range(60)]
    pairs = [
        a_link(f"l{n}", card(random.randrange(PEOPLE)), visitor(random.randrange(PEOPLE)), linked=n % 3 != 0, day=n)
        for n in range(24)
    ]
    return [sales[0::2], sales[1::2], back + answers, views, *([pairs] if links else [])]


@pytest.mark.parametrize("links", [False, True], ids=["without links", "with links"])
async def test_nothing_is_lost_between_writers_linkers_and_folders(
    database: Database,
    other_database: Database,
    links: bool,  # noqa: FBT001 - a case
) -> None:
    lanes = lanes_of(links=links)
    async with running_profile(other_database) as orderly:
        await orderly.take([event for lane in lanes for event in lane])
        await orderly.fold_all()
        expected = await orderly.facets(), await orderly.views()
    async with running_profile(database) as profile:
        done = asyncio.Event()
        beside = [asyncio.create_task(folding(profile, done)) for _ in range(2)]
        beside.append(asyncio.create_task(watching(profile, done)))

        async def lane(events: Sequence[Event]) -> None:
            for start in range(0, len(events), 6):
                await until_taken(profile, events[start : start + 6])

        await asyncio.gather(*(lane(events) for events in lanes))
        done.set()
        await asyncio.gather(*beside)
        await profile.fold_all()
        assert (await profile.facets(), await profile.views()) == expected


async def test_a_folder_waits_for_the_one_that_folds_the_same_customer(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_sale("r0", card(1), day=-1)])
        await profile.fold_all()
        await profile.take([a_sale("r1", card(1))])
        async with profile.parts.transactions.begin() as tx:
            await fold_dirty(PostgresProfileStore(tx), 10, profile.judge)
            await profile.take([a_sale("r2", card(1), day=1)])
            second = asyncio.create_task(profile.fold_once())
            await asyncio.wait({second}, timeout=0.3)
            assert not second.done()
        await second
        [snapshot] = (await profile.snapshots()).values()
        assert (snapshot.version, len(snapshot.ranking_state["visit_at_seconds"])) == (3, 3)


async def test_two_links_at_once_make_one_person(database: Database) -> None:
    a, b, c, d = sorted((card(number) for number in range(4)), key=lambda who: own_customer_id(who.key))
    async with running_profile(database) as profile:
        await profile.take([a_link("bc", b, c)])
        async with profile.parts.transactions.begin() as tx:
            await take_consents_and_links(PostgresProfileStore(tx), [a_link("cd", c, d, day=1)])
            second = asyncio.create_task(profile.take([a_link("ab", a, b, day=1)]))
            await asyncio.wait({second}, timeout=0.3)
        await second
        assert {row["customer_id"] for row in await profile.facets()} == {own_customer_id(a.key)}


async def test_a_writer_makes_its_facets_in_the_order_of_their_names(database: Database) -> None:
    """Else two batches that meet the same people would wait for each other, and one would have to give way."""
    ids = {f"loyalty_card:{number:04}": f"own-{number:04}" for number in range(40)}
    first, *later = ids
    async with running_profile(database) as profile, AsyncExitStack() as open_ones:
        txs = [await open_ones.enter_async_context(profile.parts.transactions.begin()) for _ in range(3)]
        await PostgresProfileStore(txs[0]).facets.make({first: ids[first]})
        waiting = asyncio.create_task(PostgresProfileStore(txs[1]).facets.make(ids))
        await asyncio.wait({waiting}, timeout=0.5)
        async with asyncio.timeout(30.0):
            await PostgresProfileStore(txs[2]).facets.make({name: ids[name] for name in later})
        assert not waiting.done()
        for tx in (txs[0], txs[2]):
            await tx.connection.commit()
        await waiting


async def test_links_and_consents_of_a_batch_make_their_facets_in_one_order_too(database: Database) -> None:
    """The same between a batch of links and consents and one of sales."""
    link, consent = a_link("l", visitor(1), visitor(2)), a_consent("c", card(1))
    async with running_profile(database) as profile, profile.parts.transactions.begin() as sales:
        make = PostgresProfileStore(sales).facets.make
        await make({card(1).key: own_customer_id(card(1).key)})
        both = asyncio.create_task(profile.take([link, consent]))
        await asyncio.wait({both}, timeout=0.5)
        async with asyncio.timeout(30.0):
            await make({visitor(1).key: own_customer_id(visitor(1).key)})
        assert not both.done()
        await sales.connection.commit()
        await both
        assert len(await profile.facets()) == 3
