"""Erasures where something else is near: returns before the sweep, clocks that are ahead, a topic that keeps longer, a learner at work."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from libs.common.clock import FixedClock
from libs.common.contracts import Event, new_event
from libs.common.contracts.topics import SUPPRESSION_RETENTION
from services.profile.bootstrap.rounds import prune_round, sweep_round
from services.profile.handlers.erasing import ANSWERING, Erasing, catch_up, sweep
from services.profile.handlers.intake import own_customer_id
from services.profile.ports.privacy import OpenErasures, ServiceReceipt
from services.profile.store import PostgresProfileStore
from tests.integration.profile.test_erasures import ONE, OTHER, erasing_of, requests
from tests.support.postgres import Database
from tests.support.profile_events import a_catalogue, a_return, a_sale, a_void, at
from tests.support.profile_running import RunningProfile, running_profile


async def test_what_comes_back_on_a_forgotten_receipt_before_the_sweep_is_nobodys(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([*a_catalogue(), a_sale("r1", ONE), a_sale("r2", ONE), a_sale("r3", OTHER)])
        await profile.fold_all()
        await erasing_of(profile, 10).erase(own_customer_id(ONE.key))
        await profile.take([a_return("b1", "r1", day=11), a_return("b3", "r3", day=11), a_void("v2", "r2", day=11)])
        (left,) = await profile.facets()
        assert (left["identifier"], left["returns_count"]) == (OTHER.key, 1)
        async with profile.parts.transactions.begin() as tx:
            assert await sweep(PostgresProfileStore(tx)) == 1
        assert {row["receipt_id"] for row in await profile.rows("SELECT receipt_id FROM parked")} == {"r1", "r2"}
        await profile.take([a_sale("r4", ONE, day=12), a_return("b4", "r4", day=13)])
        (back,) = [row for row in await profile.facets() if row["identifier"] == ONE.key]
        assert (back["receipts_count"], back["returns_count"]) == (1, 1), (
            "who comes back is somebody new, returns and all"
        )


async def test_what_was_accepted_before_an_erasure_has_no_effect_however_far_ahead_its_clock_was(
    database: Database,
) -> None:
    async with running_profile(database) as profile:
        await erasing_of(profile, 10).erase_with(ONE.key)
        two_minutes = 2 / 1_440
        await profile.take([accepted(a_sale("ahead", ONE, day=10 + two_minutes), at_day=10 - two_minutes)])
        assert await profile.facets() == []
        await profile.take([accepted(a_sale("after", ONE, day=10 + two_minutes), at_day=10 + two_minutes)])
        assert len(await profile.facets()) == 1


async def test_what_waits_to_be_learned_goes_too_however_far_ahead_its_clock_was(database: Database) -> None:
    async with running_profile(database) as profile:
        two_minutes = 2 / 1_440
        ahead = accepted(a_sale("ahead", ONE, day=10 + two_minutes), at_day=10 - two_minutes)
        others = accepted(a_sale("others", OTHER, day=10 + two_minutes), at_day=10 - two_minutes)
        await profile.take([*a_catalogue(), ahead, others])
        await erasing_of(profile, 10).erase_with(ONE.key)
        await profile.take([accepted(a_sale("after", ONE, day=10 + two_minutes), at_day=10 + two_minutes)])
        assert await swept(profile) == 1
        waiting = await profile.rows("SELECT event_id FROM learning_queue ORDER BY event_id")
        assert [row["event_id"].rpartition("#")[2] for row in waiting] == ["sale-after", "sale-others"]


async def test_in_a_play_an_erasure_holds_for_what_is_not_folded_yet(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([*a_catalogue(), a_sale("r1", ONE, day=1)])
        await profile.fold_all()
        await profile.take([a_sale("r2", ONE, day=5)])
        erasing = Erasing(profile.parts.transactions, PostgresProfileStore, FixedClock(at(900)), play_mode=True)
        assert (await erasing.erase(own_customer_id(ONE.key))).erased_at == at(5)
        assert await swept(profile) == 1
        assert await profile.rows("SELECT * FROM learning_queue") == []
        await profile.take([a_sale("r3", ONE, day=4.9), a_sale("r4", ONE, day=6)])
        assert [facet["receipts_count"] for facet in await profile.facets()] == [1]


async def test_an_erasure_that_the_topic_keeps_longer_than_the_tables_is_not_done_a_second_time(
    database: Database,
) -> None:
    async with running_profile(database) as profile:
        await erasing_of(profile, 10).erase_with(ONE.key)
        asked = await requests(profile)
        await profile.take([*a_catalogue(), a_sale("back", ONE, day=20)])
        known = await profile.facets()
        now = FixedClock(at(10) + SUPPRESSION_RETENTION + timedelta(hours=1))
        async with profile.parts.transactions.begin() as tx:
            await PostgresProfileStore(tx).privacy.forget_before(now.now() - SUPPRESSION_RETENTION)
        assert await profile.rows("SELECT * FROM erasures") == []
        async with profile.parts.transactions.begin() as tx:
            assert await catch_up(PostgresProfileStore(tx), asked, now) == 0
        assert await profile.facets() == known != []


async def test_erasures_that_everybody_has_answered_are_not_counted_again(database: Database) -> None:
    async with running_profile(database) as profile:
        first, second = [await erasing_of(profile, 10).erase_with(who.key) for who in (ONE, OTHER)]
        await answer(profile, first.erasure_id, ANSWERING[1:])
        await answer(profile, second.erasure_id, ANSWERING)
        assert (await open_ones(profile)).count == 1
        [row] = await profile.rows("SELECT erasure_id FROM erasures WHERE answered")
        assert row["erasure_id"] == second.erasure_id
        await answer(profile, first.erasure_id, ANSWERING[:1])
        assert await open_ones(profile) == OpenErasures(count=0, oldest_age_seconds=0.0)


async def test_what_is_older_than_any_late_event_is_forgotten_once_an_hour(database: Database) -> None:
    async with running_profile(database, play_mode=False) as profile:
        await erasing_of(profile, 10).erase_with(ONE.key)
        assert await swept(profile) == 1
        await profile.rows(
            "UPDATE erasures SET erased_at = '2020-01-01Z', requested_at = '2020-01-01Z' RETURNING erasure_id"
        )
        assert await sweep_round(profile.parts)() == 0
        assert len(await profile.rows("SELECT * FROM erasures")) == 1, "not twice a second"
        assert await prune_round(profile.parts)() == 0
        assert await profile.rows("SELECT * FROM erasures") == []


async def open_ones(profile: RunningProfile) -> OpenErasures:
    async with profile.parts.transactions.begin() as tx:
        return await PostgresProfileStore(tx).privacy.open_erasures(len(ANSWERING))


async def answer(profile: RunningProfile, erasure_id: str, services: Sequence[str]) -> None:
    async with profile.parts.transactions.begin() as tx:
        await PostgresProfileStore(tx).privacy.answered(
            [
                ServiceReceipt(erasure_id=erasure_id, service=service, removed={}, answered_at=at(11))
                for service in services
            ]
        )


async def test_a_sweep_and_a_learner_at_work_wait_for_each_other_one_way_only(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([*a_catalogue(), a_sale("r1", ONE), a_sale("r2", OTHER)])
        await erasing_of(profile, 10).erase(own_customer_id(ONE.key))
        async with profile.parts.transactions.begin() as learner:
            await PostgresProfileStore(learner).learning.lock()
            sweeping = asyncio.create_task(swept(profile))
            assert not (await asyncio.wait({sweeping}, timeout=0.5))[0]
            taken = await PostgresProfileStore(learner).learning.take(at(1), 10)
            assert taken is not None
            assert len(taken) == 2
        assert await sweeping == 1


async def swept(profile: RunningProfile) -> int:
    async with profile.parts.transactions.begin() as tx:
        return await sweep(PostgresProfileStore(tx))


def accepted(event: Event, *, at_day: float) -> Event:
    """The same event, accepted at another time."""
    return new_event(
        event.data, event_id=event.id, source=event.source, occurred_at=event.occurred_at, received_at=at(at_day)
    )
