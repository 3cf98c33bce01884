"""However a customer's events arrive, and under whichever of two linked handles, the view is that of the orderly run under one."""

import os
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from libs.common.contracts import Event
from libs.common.contracts.values import Identifier
from services.profile.domain.facet import fold
from services.profile.domain.facet_codec import decode, digest
from services.profile.handlers.intake import own_customer_id
from tests.support.one_customer import (
    DAYS,
    Life,
    a_farewell,
    arriving,
    batches,
    either,
    two_handles,
)
from tests.support.postgres import Database
from tests.support.profile_events import a_catalogue, a_link
from tests.support.profile_running import RunningProfile, running_profile

CUSTOMERS = range(1, 1 + int(os.environ.get("USUAL_SAME_VIEW_CUSTOMERS", "24")))  # noqa: TID251 - the test run's own
WINDOWS_DAYS = (14.0, 400.0)
"""As late as a till that was away is; and the oldest that the door takes, which is any order whatever."""
PLAIN = (
    "receipts_count", "lines_count", "amount_cents", "returns_count", "refund_cents", "contacts_count", "currency",
)  # fmt: skip


async def applied(profile: RunningProfile, events: Sequence[Event], random: Random) -> None:
    """In batches of any size, with folds of a few customers in between."""
    await profile.take(a_catalogue())
    for batch in batches(events, random):
        await profile.take(batch)
        if random.random() < 0.5:
            await profile.fold_once(limit=random.randint(1, 9))
    await profile.fold_all()


def shown(view: dict[str, Any]) -> dict[str, Any]:
    """The view without whose it is."""
    return {name: value for name, value in view.items() if name not in {"customer_id", "identifiers", "version"}}


async def published(profile: RunningProfile) -> dict[str, dict[str, Any]]:
    """All that is published of each customer, but the number of the version."""
    return {
        customer_id: snapshot.model_dump(mode="json", exclude={"version"})
        for customer_id, snapshot in (await profile.snapshots()).items()
    }


def linking(number: int, handles: tuple[Identifier, Identifier], random: Random) -> Event:
    return a_link(f"link-{number}", *random.sample(handles, 2), day=random.uniform(0, DAYS))


async def the_parts(profile: RunningProfile) -> dict[str, list[dict[str, Any]]]:
    """The facets by the customer that they make up."""
    parts: dict[str, list[dict[str, Any]]] = {}
    for facet in await profile.facets():
        parts.setdefault(facet["customer_id"], []).append(facet)
    return parts


def sums(parts: Sequence[dict[str, Any]]) -> list[Any]:
    return [
        max(part[name] or "" for part in parts) if name == "currency" else sum(part[name] for part in parts)
        for name in PLAIN
    ]


@pytest.mark.parametrize("window_days", WINDOWS_DAYS)
async def test_shuffled_repeated_and_split_over_two_handles_that_are_linked_gives_the_view_of_the_orderly_run_under_one(
    database: Database, other_database: Database, window_days: float
) -> None:
    random = Random(window_days)
    orderly, split = [], []
    for number in CUSTOMERS:
        one, other = two_handles(number)
        farewell = a_farewell(number, [one])
        orderly += [*Life(number, lambda one=one: one).events(), *farewell]  # type: ignore[misc]  # bound early
        split += [*Life(number, either(one, other, random)).events(), *farewell, linking(number, (one, other), random)]
    orderly.sort(key=lambda event: (event.occurred_at, event.id))
    async with running_profile(database) as profile:
        await applied(profile, orderly, random)
        whole, expected = await the_parts(profile), await published(profile)
    async with running_profile(other_database) as profile:
        await applied(profile, arriving(split, random, window_days=window_days), random)
        parts, found = await the_parts(profile), await published(profile)
        assert await profile.rows("SELECT * FROM parked") == []
    assert len(found) == len(CUSTOMERS)
    for number in CUSTOMERS:
        handles = two_handles(number)
        mine_id, other_id = (own_customer_id(handle.key) for handle in handles)
        name = min(mine_id, other_id)
        [mine], both = whole[mine_id], parts[name]
        assert shown(found[name]) == shown(expected[mine_id])
        assert {identifier["value"] for identifier in found[name]["identifiers"]} == {who.value for who in handles}
        assert digest(fold(decode(part["state"]) for part in both)) == digest(decode(mine["state"]))
        assert sums(both) == sums([mine])


@pytest.mark.parametrize("window_days", WINDOWS_DAYS)
async def test_merging_and_unmerging_restores_both_sides_to_the_byte_with_all_that_came_in_between(
    database: Database, other_database: Database, window_days: float
) -> None:
    random = Random(window_days + 1)
    apart, joined = [], []
    for number in CUSTOMERS:
        handles = two_handles(number)
        life = [*Life(number, either(*handles, random)).events(), *a_farewell(number, handles)]
        apart += life
        joined += [*life, linking(number, handles, random)]
    unlinked = [
        a_link(f"unlink-{n}", *two_handles(n), linked=False, day=DAYS + random.uniform(0, 9)) for n in CUSTOMERS
    ]
    async with running_profile(database) as profile:
        await applied(profile, apart, random)
        expected = await profile.facets(), await published(profile)
    async with running_profile(other_database) as profile:
        arrivals = arriving(joined, random, window_days=window_days)
        before, after = arrivals[: len(arrivals) * 2 // 3], arrivals[len(arrivals) * 2 // 3 :]
        await applied(profile, before, random)
        merged = await profile.views()
        await applied(profile, arriving([*after, *unlinked], random, window_days=window_days), random)
        found = await profile.facets(), await published(profile)
        changes = await profile.rows("SELECT customer_id, now_customer_id FROM identity_changes")
    assert len(merged) < len(expected[1]) == 2 * len(CUSTOMERS)
    assert found == expected
    assert all(change["customer_id"] == change["now_customer_id"] for change in changes)
    assert changes
