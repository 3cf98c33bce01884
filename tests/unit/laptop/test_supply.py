"""Laws of the simulated ERP's plans and of its book."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from libs.common.contracts import Event, StructuredEvent, contract_of, new_event
from libs.common.contracts.inventory import Acknowledged, AcknowledgementStatus, Reorder, Reroute
from libs.laptop.erp_book import Book
from libs.laptop.supply import Channel, Plan, plan
from tests.support.receipts import NOON


def reorder(number: int = 1, *, version: int = 1) -> Event:
    command = Reorder(
        command_id=f"c{number}",
        version=version,
        item_id="milk",
        store_id="1",
        quantity=Decimal(10),
        needed_at=NOON,
        valid_until=NOON + timedelta(days=3),
        explanation="low",
        supplier_id="dry-goods",
        lane_id="lane-dry",
        packs=10,
    )
    return new_event(command, event_id=f"c{number}.{version}", source="inventory", occurred_at=NOON)


def reroute(number: int = 1) -> Event:
    command = Reroute(
        command_id=f"t{number}",
        version=1,
        item_id="milk",
        store_id="1",
        from_store_id="2",
        quantity=Decimal(4),
        needed_at=NOON,
        valid_until=NOON + timedelta(days=3),
        explanation="uneven",
    )
    return new_event(command, event_id=f"t{number}", source="inventory", occurred_at=NOON)


def plans() -> list[Plan]:
    return [plan(reorder(number), seed=1) for number in range(500)]


def test_the_same_command_has_the_same_plan() -> None:
    assert plans() == plans()


def test_some_are_rejected_some_come_short_some_late_and_most_come_as_asked() -> None:
    made = plans()
    rejected = sum(each.status is AcknowledgementStatus.REJECTED for each in made)
    short = sum(each.status is AcknowledgementStatus.AMENDED for each in made)
    late = sum(each.delivers_at is not None and each.delivers_at > NOON + timedelta(hours=48) for each in made)
    assert 5 <= rejected <= 30
    assert 15 <= short <= 60
    assert 30 <= late <= 100
    assert {each.channel for each in made} == set(Channel)


def test_every_answer_and_delivery_keeps_its_contract() -> None:
    for made in [*plans(), plan(reroute(), seed=1)]:
        Acknowledged.model_validate(made.acknowledgement())
        if made.delivers_at is not None:
            Acknowledged.model_validate(made.receipt())
            for event in map(StructuredEvent.model_validate, made.deliveries()):
                contract_of(event.type).model_validate(event.data)


def test_a_reroute_takes_from_one_store_what_it_gives_to_another() -> None:
    out, back = plan(reroute(), seed=1).deliveries()
    assert (out["data"]["store_id"], back["data"]["store_id"]) == ("2", "1")
    assert Decimal(out["data"]["change"]) + Decimal(back["data"]["change"]) == 0


def test_a_short_delivery_is_never_more_than_asked_and_never_nothing() -> None:
    assert all(0 < each.quantity <= 10 for each in plans() if each.delivers_at is not None)


def test_a_command_that_comes_again_is_taken_once(tmp_path: Path) -> None:
    book = Book.read(tmp_path / "erp.jsonl", seed=1)
    assert book.take(reorder())
    assert not book.take(reorder())
    assert book.take(reorder(version=2))
    assert not book.take(reorder(version=1))
    assert book.counts()["commands"] == 1


def test_what_was_promised_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "erp.jsonl"
    book = Book.read(path, seed=1)
    for number in range(20):
        book.take(reorder(number))
    book.answered(book.unanswered())
    due = book.due(NOON + timedelta(hours=48))
    book.delivered(due[:5])
    with path.open("ab") as file:
        file.write(b'{"delivered":"c')  # killed while writing
    again = Book.read(path, seed=1)
    assert again.counts() == book.counts()
    assert not again.unanswered()
    assert again.due(NOON + timedelta(hours=48)) == due[5:]


def test_nothing_is_due_before_its_lead_time(tmp_path: Path) -> None:
    book = Book.read(tmp_path / "erp.jsonl", seed=1)
    book.take(reorder())
    assert not book.due(NOON + timedelta(hours=47))


def test_what_is_taken_back_is_neither_answered_nor_delivered_also_after_a_restart(tmp_path: Path) -> None:
    book = Book.read(tmp_path / "book", seed=1)
    for number in (1, 2):
        book.take(reorder(number))
    assert book.withdraw("c1", 1)
    for known in (book, Book.read(tmp_path / "book", seed=1)):
        assert {plan.command.command_id for plan in known.unanswered()} <= {"c2"}
        assert {plan.command.command_id for plan in known.due(NOON + timedelta(days=90))} <= {"c2"}
    book.take(reorder(1))
    assert "c1" not in {plan.command.command_id for plan in book.unanswered()}
    book.take(reorder(1, version=2))
    assert "c1" in {plan.command.command_id for plan in book.unanswered()}


def test_what_is_delivered_or_replaced_is_not_taken_back(tmp_path: Path) -> None:
    book = Book.read(tmp_path / "book", seed=1)
    book.take(reorder(1))
    book.delivered([plan for plan in book.unanswered() if plan.command.command_id == "c1"])
    assert not book.withdraw("c1", 1)
    book.take(reorder(2, version=2))
    assert not book.withdraw("c2", 1)


def test_a_version_that_comes_again_is_answered_again_and_delivered_once(tmp_path: Path) -> None:
    book = Book.read(tmp_path / "book", seed=1)
    book.take(reorder(1))
    book.answered(book.unanswered())
    assert book.unanswered() == []
    assert not book.take(reorder(1))
    assert [plan.command.command_id for plan in book.unanswered()] == ["c1"]
    assert book.counts()["commands"] == 1
