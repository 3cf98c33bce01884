"""Who is in which segment follows the views; what is told alternates and adds up, whatever order events and saves come in."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Any

import pytest

from libs.common.contracts import Event, decode
from libs.common.contracts.profile import SegmentEntered, SegmentLeft
from libs.common.errors import RetryableError
from libs.common.persistence.messages import decode_headers
from services.profile.handlers.folding import fold_dirty
from services.profile.handlers.intake import own_customer_id
from services.profile.ports.segments import SegmentRow
from services.profile.store import PostgresProfileStore
from tests.support.postgres import Database
from tests.support.profile_events import a_catalogue, a_history, a_link, a_sale, a_view, card, visitor
from tests.support.profile_running import RunningProfile, running_profile
from tests.support.segments import a_segment, visits_at_least

SAVED_AT = datetime(2026, 3, 1, tzinfo=UTC)


async def save(profile: RunningProfile, segment_id: str, rule: dict[str, Any], version: int = 1, **told: Any) -> None:
    """As the API does it, after its checks."""
    async with profile.parts.transactions.begin() as tx:
        segments = PostgresProfileStore(tx).segments
        row = SegmentRow(
            segment=a_segment(segment_id, rule, version=version, **told), saved_at=SAVED_AT, saved_by="test"
        )
        await segments.save(row, await segments.lock() + 1)


async def told(profile: RunningProfile) -> list[Event]:
    """What waits to be published, in the order in which it will be."""
    rows = await profile.rows("SELECT headers, value FROM outbox WHERE topic = 'profile.segments.v1' ORDER BY id")
    return [decode(decode_headers(row["headers"]), row["value"]) for row in rows]


async def members(profile: RunningProfile) -> set[tuple[str, str]]:
    return {(row["customer_id"], row["segment_id"]) for row in await profile.rows("SELECT * FROM segment_members")}


async def assert_adds_up(profile: RunningProfile) -> None:
    """Told, kept, counted and shown are one and the same."""
    now: set[tuple[str, str]] = set()
    versions: dict[str, int] = defaultdict(int)
    events = await told(profile)
    assert len({event.id for event in events}) == len(events)
    for event in events:
        assert isinstance(event.data, SegmentEntered | SegmentLeft)
        member = (event.data.customer_id, event.data.segment_id)
        assert isinstance(event.data, SegmentEntered) is (member not in now)
        now ^= {member}
        assert event.data.version >= versions[event.data.customer_id]
        versions[event.data.customer_id] = event.data.version
    shown = {(name, segment) for name, view in (await profile.snapshots()).items() for segment in view.segments}
    assert now == await members(profile) == shown
    sizes = {row["segment_id"]: row["members_count"] for row in await profile.rows("SELECT * FROM segment_sizes")}
    counted = dict.fromkeys(sizes, 0)
    for _, segment in now:
        counted[segment] += 1
    assert sizes == counted


@pytest.mark.parametrize("seed", [1, 2])
async def test_told_kept_counted_and_shown_are_the_same_through_a_history(database: Database, seed: int) -> None:
    random = Random(seed)
    events = a_history(seed)
    async with running_profile(database) as profile:
        await profile.take(a_catalogue())
        for start in range(0, len(events), 20):
            await profile.take(events[start : start + 20])
            await save(profile, "often", visits_at_least(random.randint(1, 8)), version=1 + start)
            await profile.fold_once(limit=random.choice([1, 5, 50]))
            if random.random() < 0.5:
                await profile.reevaluate_all()
        await profile.reevaluate_all()
        await assert_adds_up(profile)
        assert any(segment == "often" for _, segment in await members(profile))


async def test_a_saved_rule_reaches_those_that_nothing_happens_to_and_moves_nobody_else(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_sale(f"r{n}", card(n % 3), day=n / 10) for n in range(5)])
        await profile.fold_all()
        before = {name: view.version for name, view in (await profile.snapshots()).items()}
        await save(profile, "twice", visits_at_least(2))
        await profile.reevaluate_all(limit=1)
        views = await profile.snapshots()
        twice = {own_customer_id(card(0).key), own_customer_id(card(1).key)}
        assert {name for name, view in views.items() if "twice" in view.segments} == twice
        assert {name for name, view in views.items() if view.version > before[name]} == twice
        [sweep] = await profile.rows("SELECT * FROM segment_sweep")
        assert (sweep["customers_done"], sweep["customers_total"], sweep["changed_count"]) == (3, 3, 2)
        await assert_adds_up(profile)


async def test_an_archived_segment_is_left_by_all_of_its_members(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_sale("r1", card(1))])
        await save(profile, "anybody", visits_at_least(0))
        await profile.fold_all()
        await save(profile, "anybody", visits_at_least(0), version=2, archived=True)
        await profile.reevaluate_all()
        left = [event.data for event in await told(profile) if isinstance(event.data, SegmentLeft)]
        assert [(one.segment_id, one.reason) for one in left] == [("anybody", "archived")]
        await assert_adds_up(profile)


async def test_a_superseded_id_leaves_its_segments_and_comes_back_to_them(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_sale("r1", card(1)), a_view("w1", visitor(1))])
        await profile.fold_all()
        before = await members(profile)
        await profile.take([a_link("l1", card(1), visitor(1), day=1)])
        await profile.fold_all()
        greater = max(own_customer_id(card(1).key), own_customer_id(visitor(1).key))
        left = [event for event in await told(profile) if isinstance(event.data, SegmentLeft)]
        assert {(event.data.customer_id, event.data.reason) for event in left} == {(greater, "superseded")}  # type: ignore[attr-defined]  # filtered
        await profile.take([a_link("l2", card(1), visitor(1), linked=False, day=2)])
        await profile.fold_all()
        assert await members(profile) == before
        await assert_adds_up(profile)


async def test_a_segment_of_segments_moves_with_them(database: Database) -> None:
    async with running_profile(database) as profile:
        await save(
            profile, "anew", {"kind": "all", "of": [{"kind": "segment", "segment_id": "new"}, visits_at_least(2)]}
        )
        await profile.take([a_sale("r1", card(1))])
        await profile.fold_all()
        assert [view.segments for view in (await profile.snapshots()).values()] == [("new",)]
        await profile.take([a_sale("r2", card(1), day=1)])
        await profile.fold_all()
        assert [view.segments for view in (await profile.snapshots()).values()] == [("anew", "new")]


async def test_nobody_is_looked_at_after_a_change_of_rules_while_they_are_being_forgotten(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_sale("r1", card(1)), a_sale("r2", card(2))])
        await profile.fold_all()
        async with profile.parts.transactions.begin() as tx:
            await PostgresProfileStore(tx).privacy.exclude()
            waiting = asyncio.create_task(profile.reevaluate_all())
            done, _ = await asyncio.wait({waiting}, timeout=0.3)
            assert not done
        await waiting


async def test_a_save_waits_for_views_that_are_made_by_the_rules_before_it(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([a_sale("r1", card(1))])
        async with profile.parts.transactions.begin() as tx:
            await fold_dirty(PostgresProfileStore(tx), 10, profile.judge)
            saving = asyncio.create_task(save(profile, "once", visits_at_least(1)))
            await asyncio.wait([saving], timeout=0.3)
            assert not saving.done(), "a sweep under the new rule would not see what this fold is about to commit"
        await saving
        await profile.reevaluate_all()
        assert {segment for _, segment in await members(profile)} == {"new", "once"}


async def test_folders_saves_and_sweeps_at_once_end_where_the_last_rule_says(database: Database) -> None:
    events = [a_sale(f"r{n}", card(n % 9), day=n / 10) for n in range(60)]
    async with running_profile(database) as profile:
        await asyncio.gather(
            in_turn([partial(profile.take, events[start : start + 6]) for start in range(0, 60, 6)]),
            in_turn([partial(save, profile, "often", visits_at_least(n % 7), version=n) for n in range(1, 12)]),
            in_turn([profile.reevaluate_all] * 6),
            in_turn([partial(profile.fold_once, limit=3)] * 20),
            in_turn([partial(profile.fold_once, limit=3)] * 20),
        )
        await profile.reevaluate_all()
        trips = {
            name: len(view.ranking_state["visit_at_seconds"]) for name, view in (await profile.snapshots()).items()
        }
        often = {customer_id for customer_id, segment in await members(profile) if segment == "often"}
        assert often == {name for name, count in trips.items() if count >= 11 % 7}
        await assert_adds_up(profile)


async def in_turn(steps: Sequence[Callable[[], Awaitable[object]]]) -> None:
    """As a loop of the worker does: what had to give way is tried again."""
    for step in steps:
        done = False
        while not done:
            with suppress(RetryableError):
                await step()
                done = True
