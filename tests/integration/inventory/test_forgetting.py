"""What is over is forgotten after its time, piece by piece, and nothing else: on a real database."""

from datetime import datetime, timedelta
from importlib.resources import files

import pytest

from libs.common.clock import FixedClock
from services.inventory.bootstrap import assemble, parts, rounds
from services.inventory.domain.commands.command import OVERDUE_GRACE
from tests.integration.inventory.test_reviews import a_fortnight
from tests.support.inventory_events import a_void, an_answer, an_event, at
from tests.support.inventory_running import RunningInventory, running_inventory
from tests.support.postgres import Database

TABLES = ("receipts", "commands", "acknowledgements", "command_decisions", "command_log")


async def forget(service: RunningInventory, now: datetime) -> None:
    """What the worker of a live deployment does each hour, when its clock shows that."""
    live = service.parts.settings.model_copy(update={"play_mode": False})
    worker = assemble(live, "worker", FixedClock(now))
    try:
        await rounds.forgetting_round(worker)()
    finally:
        await worker.engine.dispose()


async def counts(service: RunningInventory) -> dict[str, int]:
    found = {}
    for table in TABLES:
        (row,) = await service.rows(f"SELECT count(*) AS rows FROM {table}")  # noqa: S608  # our own names
        found[table] = row["rows"]
    return found


async def traded(service: RunningInventory) -> dict[str, int]:
    """Some days of a chain: receipts of 2031, orders that were answered with no, and others that are open."""
    await service.take(a_fortnight(items=4))
    await service.review(4.2)
    first, second, *_ = await service.commands_sent()
    answers = [an_answer(one.command_id, one.item_id, "rejected") for one in (first, second)]
    await service.take([an_event(body, f"no-{body.command_id}", 4.3) for body in answers])
    for body in answers:
        await service.rows(
            """INSERT INTO command_decisions VALUES (:id, 1, 'approve', NULL, NULL, 'a buyer', now()) RETURNING 1""",
            id=body.command_id,
        )
    await service.rows("UPDATE receipts SET heard_on = '2031-03-07' RETURNING 1")
    await service.rows("UPDATE command_log SET position = log_id RETURNING 1")
    return await counts(service)


async def test_what_is_over_is_forgotten_after_its_time_and_nothing_else(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (parts, rounds):
        monkeypatch.setattr(module, "TOGETHER", 1)  # a piece at a time: all pieces are found
    async with running_inventory(database) as service:
        before = await traded(service)
        assert min(before.values()) >= 2
        await forget(service, at(4.3 + 80))
        assert await counts(service) == before
        await forget(service, at(4.3 + 86))
        assert await counts(service) == {**before, "receipts": 0}
        await forget(service, at(4.3 + 92))
        after = await counts(service)
        assert after.pop("commands") == before["commands"] - 2, "open ones stay, however old they are"
        assert set(after.values()) == {0}


async def test_ended_count_requests_and_rounds_of_lanes_are_forgotten_and_open_requests_stay(
    database: Database,
) -> None:
    async with running_inventory(database) as service:
        await service.take(a_fortnight(items=2))
        (shelf,) = await service.rows(
            """SELECT greatest(moved_day, floor(extract(epoch FROM counted_at) / 86400)::integer) AS since FROM stock
               WHERE item_id = 'i00' AND store_id = 's1'"""
        )
        for name, since, asked_at in (
            ("open", shelf["since"], at(5)),
            ("ended", shelf["since"] - 9, at(5)),
            ("new", 1, at(60)),
        ):
            await service.rows(
                """INSERT INTO count_requests VALUES (:name, 'i00', 's1', :since, :asked_at, 1, 0.9, 1, '') RETURNING 1""",
                name=name,
                since=since,
                asked_at=asked_at,
            )
        for closed_at in (at(5), at(60)):
            await service.rows(
                "INSERT INTO lane_rounds (lane_id, closed_at, decided_at) VALUES ('lane', :at, :at) RETURNING 1",
                at=closed_at,
            )
        await forget(service, at(5 + 92))
        left = await service.rows("SELECT request_id FROM count_requests ORDER BY 1")
        assert [row["request_id"] for row in left] == ["new", "open"]
        assert await service.rows("SELECT closed_at FROM lane_rounds") == [{"closed_at": at(60)}]


async def test_what_comes_for_what_was_forgotten_harms_nothing(database: Database) -> None:
    async with running_inventory(database) as service:
        await traded(service)
        gone = await service.rows("SELECT command_id, item_id FROM commands WHERE status = 'rejected'")
        await forget(service, at(4.3 + 92))
        shelves = await service.shelves()
        late = an_answer(gone[0]["command_id"], gone[0]["item_id"])
        batch = await service.apply("inventory.acknowledgements.v1", [an_event(late, "late", 97.0)])
        assert len(batch.rejected) == 1
        await service.take([a_void("v1", "r0-s1", 97.0)])
        assert await service.shelves() == shelves


async def test_a_promise_of_the_year_9999_that_a_release_before_kept_holds_up_no_review(database: Database) -> None:
    async with running_inventory(database) as service:
        await service.take(a_fortnight(items=2))
        await service.review(4.2)
        await service.rows(
            "UPDATE commands SET expected_at = '9999-12-31T00:00:00Z', status = 'acknowledged' RETURNING 1"
        )
        (near,) = await service.rows(
            """UPDATE commands SET expected_at = decided_at + interval '30 days'
               WHERE command_id = (SELECT min(command_id) FROM commands) RETURNING command_id"""
        )
        sql = files("services.inventory.migrations").joinpath("0072_pre_promises.sql").read_text(encoding="utf-8")
        async with service.parts.transactions.begin() as tx:
            await tx.connection.exec_driver_sql(sql)
        kept = await service.rows("SELECT command_id FROM commands WHERE expected_at IS NOT NULL")
        assert kept == [near]
        days = 8.0 + OVERDUE_GRACE / timedelta(days=1)
        await service.close(days)
        await service.review(days)
        states = await service.rows(
            "SELECT DISTINCT status FROM commands WHERE expected_at IS NULL AND decided_at < '2031-03-08'"
        )
        assert {"status": "expired"} in states
