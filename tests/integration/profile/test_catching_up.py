"""How long a change waits to be folded while contacts come late: on a real database."""

from hypothesis import given
from hypothesis import strategies as st

from services.profile.bootstrap.rounds import Late, fold_round
from services.profile.handlers.folding import BEHIND_SECONDS, patience_seconds
from services.profile.store import PostgresProfileStore, RememberedDeltas
from tests.support.postgres import Database
from tests.support.profile_events import a_sale, card
from tests.support.profile_running import RunningProfile, running_profile

SECONDS = st.floats(0, 1e6)


@given(SECONDS, SECONDS)
def test_nothing_waits_longer_than_it_came_late_or_than_is_allowed(behind: float, longest: float) -> None:
    waits = patience_seconds(behind, longest, crowded=False)
    assert waits <= min(behind, longest)
    assert waits == (min(behind, longest) if behind > BEHIND_SECONDS else 0)
    assert patience_seconds(behind, longest, crowded=True) == 0


async def waited(profile: RunningProfile, seconds: float) -> None:
    """All marks are so much older."""
    await profile.rows(
        "UPDATE dirty_customers SET marked_at = marked_at - make_interval(secs => :seconds) RETURNING 1",
        seconds=seconds,
    )


async def folded(profile: RunningProfile) -> list[tuple[int, int]]:
    """The version of each customer's view, and how many receipts are worked in."""
    rows = await profile.rows("SELECT version, receipts_count FROM facets JOIN customers USING (customer_id)")
    return [(row["version"], row["receipts_count"]) for row in rows]


async def test_while_contacts_come_late_a_customer_is_folded_once_for_all_that_came_meanwhile(
    database: Database,
) -> None:
    async with running_profile(database) as profile:
        behind, crowded = 1_000.0, False
        late = Late(lambda: behind, lambda: crowded)
        settings = profile.parts.settings
        fold = fold_round(profile.parts, profile.judge, PostgresProfileStore, late)
        await profile.take([a_sale("r1", card(1))])
        await fold()
        assert not await folded(profile)
        await waited(profile, settings.fold_patience_seconds / 2)
        await profile.take([a_sale("r2", card(1))])
        await fold()
        assert not await folded(profile)
        await waited(profile, settings.fold_patience_seconds / 2)
        await fold()
        assert await folded(profile) == [(1, 2)]


async def test_who_has_caught_up_folds_at_once(database: Database) -> None:
    async with running_profile(database) as profile:
        late = Late(lambda: BEHIND_SECONDS, lambda: False)
        fold = fold_round(profile.parts, profile.judge, PostgresProfileStore, late)
        await profile.take([a_sale("r1", card(1))])
        await fold()
        await profile.take([a_sale("r2", card(1))])
        await fold()
        assert await folded(profile) == [(2, 2)]


async def test_what_memory_has_no_room_for_is_folded_however_late_contacts_come(database: Database) -> None:
    async with running_profile(database) as profile:
        fold = fold_round(profile.parts, profile.judge, PostgresProfileStore, Late(lambda: 1_000.0, lambda: True))
        await profile.take([a_sale("r1", card(1))])
        await fold()
        assert await folded(profile) == [(1, 1)]


def test_memory_is_crowded_before_anything_has_to_make_room() -> None:
    deltas = RememberedDeltas(most_bytes=100)
    deltas.met({1: b"x" * 75})
    assert not deltas.crowded
    deltas.met({2: b"x"})
    assert deltas.crowded
    assert deltas.take(1) is not None
    assert not deltas.crowded
