"""The learner of a large chain: however many have something to be learned, no statement is about all, and none is long in coming."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from libs.common.persistence import Transaction
from libs.ranking.state import DAY_SECONDS
from services.profile.domain.return_chance import Waiting
from services.profile.domain.shopper import Shopper
from services.profile.handlers.learning import EXAMPLES_TOGETHER, Step, learn
from services.profile.handlers.shoppers import AT_ONCE, SECONDS_AT_ONCE, Shoppers
from services.profile.ports import Due, LearnerCustomer
from services.profile.store import PostgresProfileStore
from services.profile.store.learning import PostgresLearning
from tests.support.postgres import Database
from tests.support.profile_events import a_catalogue, a_sale, at, card
from tests.support.profile_running import RunningProfile, running_profile

PROBES_DUE = 12
CUSTOMERS = EXAMPLES_TOGETHER // PROBES_DUE + 2 * AT_ONCE


class Watched(PostgresLearning):
    """Notes how much each statement was about, and when the transaction said that it is at work."""

    def __init__(self, tx: Transaction) -> None:
        super().__init__(tx)
        self.read: list[int] = []
        self.moved: list[int] = []
        self.at_work = 0

    async def due_customers(self, before_seconds: int, after: Due, limit: int) -> Sequence[Due]:
        found = await super().due_customers(before_seconds, after, limit)
        self.read.append(len(found))
        return found

    async def set_due(self, due_at_seconds: Mapping[str, int | None]) -> None:
        self.moved.append(len(due_at_seconds))
        await super().set_due(due_at_seconds)

    async def say_at_work(self) -> None:
        self.at_work += 1
        await super().say_at_work()


async def test_those_who_have_something_due_are_read_and_moved_on_a_page_at_a_time(database: Database) -> None:
    async with running_profile(database) as profile:
        await profile.take([*a_catalogue(), a_sale("r1", card(1))])
        await keep_waiting(profile)
        async with profile.parts.transactions.begin() as tx:
            store = PostgresProfileStore(tx)
            store.learning = watched = Watched(tx)
            _, learned = await learn(store, None, Step(at(1), 500, 4_000, 10_000))
        assert learned == 1
        assert max(watched.read) == max(watched.moved) == AT_ONCE
        assert sum(watched.moved) == CUSTOMERS * PROBES_DUE, "everybody, and nobody twice for the same minutes"
        assert watched.at_work >= CUSTOMERS * PROBES_DUE / EXAMPLES_TOGETHER > 1
        due = await profile.rows("SELECT DISTINCT due_at_seconds FROM learner_customers WHERE identifier LIKE 'app:%'")
        assert due == [{"due_at_seconds": None}], "of a trip so long ago everything is learned"


async def test_memory_holds_what_is_due_within_minutes_and_all_of_it_comes_in_the_order_of_time(
    database: Database,
) -> None:
    async with running_profile(database) as profile:
        await keep_waiting(profile)
        async with profile.parts.transactions.begin() as tx:
            found = [some async for some in Shoppers(10).matured(PostgresProfileStore(tx), 0, int(at(1).timestamp()))]
        moments = [sorted(example.due_at_seconds for example in some) for some in found]
        assert sum(map(len, found)) == CUSTOMERS * PROBES_DUE
        assert all(some[-1] // SECONDS_AT_ONCE == some[0] // SECONDS_AT_ONCE for some in moments)
        assert all(earlier[-1] < later[0] for earlier, later in pairwise(moments))


async def test_where_little_is_due_a_page_is_learned_at_once_however_many_minutes_it_spans(database: Database) -> None:
    async with running_profile(database) as profile:
        await keep_waiting(profile, apart_seconds=60)
        async with profile.parts.transactions.begin() as tx:
            found = [some async for some in Shoppers(10).matured(PostgresProfileStore(tx), 0, int(at(1).timestamp()))]
        moments = [sorted(example.due_at_seconds for example in some) for some in found]
        assert sum(map(len, found)) == CUSTOMERS * PROBES_DUE
        assert all(earlier[-1] < later[0] for earlier, later in pairwise(moments))
        assert max(len({moment // SECONDS_AT_ONCE for moment in some}) for some in moments) > AT_ONCE / 20
        assert len(found) < 2 * CUSTOMERS * PROBES_DUE / AT_ONCE


async def keep_waiting(profile: RunningProfile, *, apart_seconds: int = 0) -> None:
    """Many whose every example became due a year ago: at the same two or three moments, or each some time after the one before."""
    a_year_ago = int(at(0).timestamp()) - 365 * DAY_SECONDS
    rows: list[Any] = []
    for number in range(CUSTOMERS):
        shopper = Shopper()
        trip_at = a_year_ago + (number * apart_seconds or number % 3)
        shopper.waiting = [Waiting(trip_at, 3, 7.0, 5_000, 1.0, 1.0)]
        due = trip_at + 14 * DAY_SECONDS
        rows.append(LearnerCustomer(identifier=f"app:{number}", due_at_seconds=due, state=shopper.encode()))
    async with profile.parts.transactions.begin() as tx:
        await PostgresProfileStore(tx).learning.keep_customers(rows)
