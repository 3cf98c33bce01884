"""Laws of the journal and of what it makes the verifier expect."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.laptop.journal import Answered, CheckedOut, Entry, Journal, Redeemed, Sent, Status, read, size_of
from libs.laptop.ledger import Range, compare, expect

SALE = "usual.pos.sale.v1"


def sale(event_id: str = "s1", *, amount_cents: int = 100, units: str = "2") -> Sent:
    return Sent("till", event_id, SALE, customer="card:7", store="1", amount_cents=amount_cents, units={"milk": units})


def answered(status: Status, event_id: str = "s1") -> Answered:
    return Answered("till", event_id, status)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    entries: list[Entry] = [sale(), answered("ok"), CheckedOut("c", "ok", 0, ("v",), 1.5), Redeemed("r", "v", "ok", 30)]
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.write(entries[:2])
        middle = size_of(path)
        journal.write(entries[2:])
    assert list(read(path)) == entries
    assert list(read(path, middle)) == entries[2:]
    assert list(read(path, 0, middle)) == entries[:2]


def test_a_line_that_a_death_cut_short_is_left_out_and_the_next_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.write([sale(), answered("ok")])
    path.write_bytes(path.read_bytes()[:-5])
    with Journal(path) as journal:
        journal.write([answered("unknown")])
    assert list(read(path)) == [sale(), answered("unknown")]


def test_an_accepted_sale_must_have_its_effects_once() -> None:
    ledger = expect([sale(), answered("ok"), sale(), answered("ok")])
    assert ledger.receipts["card:7"] == Range(1, 1)
    assert ledger.amounts_cents["card:7"] == Range(100, 100)
    assert ledger.sold_units["1", "milk"] == Range(Decimal(2), Decimal(2))


@pytest.mark.parametrize("entries", [[sale()], [sale(), answered("unknown")]])
def test_a_sale_without_an_answer_may_have_its_effects_or_not(entries: list[Entry]) -> None:
    assert expect(entries).receipts["card:7"] == Range(0, 1)


def test_a_later_answer_heals_an_unknown_and_is_never_forgotten() -> None:
    assert expect([sale(), answered("unknown"), answered("ok")]).receipts["card:7"] == Range(1, 1)
    assert expect([sale(), answered("ok"), answered("unknown")]).receipts["card:7"] == Range(1, 1)


def test_a_refused_sale_must_have_no_effect() -> None:
    ledger = expect([sale(), answered("fail")])
    assert not ledger.receipts
    assert not ledger.events


def test_units_that_came_back_are_taken_off_for_certain_only_when_accepted() -> None:
    back = sale("r1", units="-2")
    assert expect([back, answered("ok", "r1")]).sold_units["1", "milk"] == Range(Decimal(-2), Decimal(-2))
    assert expect([back]).sold_units["1", "milk"] == Range(Decimal(-2), Decimal(0))


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 5)), st.dictionaries(st.text(max_size=3), st.integers(0, 5)))
def test_lost_less_doubled_is_the_difference_of_the_sums(wanted: dict[str, int], found: dict[str, int]) -> None:
    difference = compare("units", {key: Range(count, count) for key, count in wanted.items()}, found)
    assert difference.lost - difference.doubled == sum(wanted.values()) - sum(found.values())
    assert (difference.lost == difference.doubled == 0) == (
        {key: count for key, count in wanted.items() if count} == {key: count for key, count in found.items() if count}
    )


def test_a_loss_here_does_not_hide_a_double_there() -> None:
    difference = compare("receipts", {"a": Range(1, 1), "b": Range(1, 1)}, {"b": 2})
    assert (difference.lost, difference.doubled) == (1, 1)
    assert len(difference.examples) == 2
