"""Laws of the reference adapter: whatever comes again, late or out of order, one order a command, told until it is heard."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.erp.adapter import Adapter
from libs.erp.ledger import Habits, Ledger
from libs.erp.ports import Saying

REORDER, REROUTE = "usual.inventory.reorder.v1", "usual.inventory.reroute.v1"
WITHDRAWN = "usual.inventory.command_withdrawn.v1"
WELL = Habits()


def asked(command: str = "c1", version: int = 1, quantity: str = "10", **more: Any) -> Mapping[str, Any]:
    return {
        "command_id": command,
        "version": version,
        "item_id": "milk",
        "store_id": "s1",
        "quantity": quantity,
        "needed_at": "2031-03-09T12:00:00Z",
        "supplier_id": "dairy",
        **more,
    }


class Doors:
    """Takes what it is in the mood for."""

    def __init__(self, moods: Sequence[bool] = ()) -> None:
        self.moods, self.heard = list(moods), list[Saying]()

    async def tell(self, saying: Saying) -> bool:
        if self.moods and not self.moods.pop(0):
            return False
        self.heard.append(saying)
        return True


def orders(ledger: Ledger) -> dict[str, tuple[int, str, str]]:
    return {each["command_id"]: (each["version"], each["quantity"], each["state"]) for each in ledger.state()["orders"]}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["c1", "c2", "c3"]), st.integers(1, 4)), max_size=20))
def test_however_versions_come_each_command_has_one_order_its_newest(events: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as folder, closing(Ledger(Path(folder) / "erp.db", WELL)) as ledger:
        adapter = Adapter(ledger, Doors())
        for command, version in events:
            adapter.take(REORDER, asked(command, version, str(10 * version)))
            ledger.deliver("2031-03-09T12:00:00Z")
        newest: dict[str, int] = {}
        for command, version in events:
            newest[command] = max(version, newest.get(command, 0))
        assert orders(ledger) == {
            command: (version, str(10 * version), "delivered") for command, version in newest.items()
        }
        moved = {(item, store): Decimal(change) for item, store, change in ledger.state()["moves"]}
        assert sum(moved.values()) == sum(10 * version for version in newest.values())


async def test_what_no_door_takes_is_kept_and_told_in_order_also_after_a_restart(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path / "erp.db", WELL)) as ledger:
        adapter = Adapter(ledger, Doors([True, False]))
        for number in (1, 2, 3):
            adapter.take(REORDER, asked(f"c{number}"))
        assert await adapter.tell() == 1
    with closing(Ledger(tmp_path / "erp.db", WELL)) as again:
        doors = Doors()
        assert await Adapter(again, doors).tell() == 2
        assert [saying.body["command_id"] for saying in doors.heard] == ["c2", "c3"]
        assert await Adapter(again, doors).tell() == 0


async def test_a_version_that_comes_again_is_answered_again_and_delivered_once(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path / "erp.db", WELL)) as ledger:
        doors = Doors()
        adapter = Adapter(ledger, doors)
        for _ in range(3):
            adapter.take(REORDER, asked())
            ledger.deliver("2031-03-09T12:00:00Z")
            await adapter.tell()
        answers = [saying for saying in doors.heard if saying.door == "answer"]
        events = [saying for saying in doors.heard if saying.door == "event"]
        assert len(answers) == 3
        assert len({saying.name for saying in answers}) == 1
        assert len(events) == 1


async def test_a_transfer_leaves_one_store_and_arrives_in_the_other(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path / "erp.db", WELL)) as ledger:
        doors = Doors()
        adapter = Adapter(ledger, doors)
        adapter.take(REROUTE, asked(from_store_id="s2", supplier_id=None))
        ledger.deliver("2031-03-09T12:00:00Z")
        await adapter.tell()
        told = [
            (saying.body["data"]["store_id"], saying.body["data"]["change"], saying.body["data"]["reason"])
            for saying in doors.heard
            if saying.door == "event"
        ]
        assert told == [("s2", "-10", "transfer_out"), ("s1", "10", "transfer_in")]
        assert ledger.state()["moves"] == [["milk", "s1", "10"], ["milk", "s2", "-10"]]


def test_what_is_taken_back_is_cancelled_unless_goods_have_left(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path / "erp.db", WELL)) as ledger:
        adapter = Adapter(ledger, Doors())
        adapter.take(REORDER, asked("c1"))
        assert adapter.take(WITHDRAWN, {"command_id": "c1", "version": 1})
        assert not adapter.take(WITHDRAWN, {"command_id": "c1", "version": 1})
        adapter.take(REORDER, asked("c1"))
        assert ledger.deliver("2031-03-09T12:00:00Z") == 0
        adapter.take(REORDER, asked("c2"))
        ledger.deliver("2031-03-09T12:00:00Z")
        assert not adapter.take(WITHDRAWN, {"command_id": "c2", "version": 1})
        assert {name: state for name, (_, _, state) in orders(ledger).items()} == {"c1": "cancelled", "c2": "delivered"}


@pytest.mark.parametrize(
    ("habits", "status", "quantity"),
    [(WELL, "acknowledged", None), (Habits(shorts=1.0), "amended", "5"), (Habits(rejects=1.0), "rejected", None)],
)
async def test_it_answers_what_it_will_do(tmp_path: Path, habits: Habits, status: str, quantity: str | None) -> None:
    with closing(Ledger(tmp_path / "erp.db", habits)) as ledger:
        doors = Doors()
        adapter = Adapter(ledger, doors)
        adapter.take(REORDER, asked())
        await adapter.tell()
        (answer,) = doors.heard
        assert (answer.body["status"], answer.body.get("quantity")) == (status, quantity)


def test_events_of_other_kinds_change_nothing(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path / "erp.db", WELL)) as ledger:
        assert not Adapter(ledger, Doors()).take("usual.inventory.command_escalated.v1", asked())
        assert ledger.state()["orders"] == []


def test_goods_that_came_of_a_larger_version_count_towards_every_later_one() -> None:
    with TemporaryDirectory() as folder, closing(Ledger(Path(folder) / "erp.db", WELL)) as ledger:
        adapter = Adapter(ledger, Doors())
        for version, quantity in ((1, "10"), (2, "6"), (3, "12")):
            adapter.take(REORDER, asked("c1", version, quantity))
            ledger.deliver("2031-03-09T12:00:00Z")
        assert ledger.state()["moves"] == [["milk", "s1", "12"]]
        assert [each["delivered"] for each in ledger.state()["orders"]] == ["12"]
