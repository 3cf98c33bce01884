"""The verifier of the front door's law sees each way in which it can be broken."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.ingest_journal import Answered, Entry, Offered
from tests.support.ingest_laws import Effect, Found, broken_laws

POS = "ingest.pos.v1"
FIRST, SECOND, BAD = (("till", name) for name in ("e1", "e2", "bad"))
MINE = "loyalty_card:7"
JOURNAL: list[Entry] = [
    Offered(*FIRST, "sale", customer=MINE, receipts=1, amount_cents=100),
    Offered(*BAD, "sale", fault="contract-violation"),
    Answered(*FIRST, "unknown"),
    Answered(*FIRST, "accepted"),
    Answered(*BAD, "quarantined", "contract-violation", "q1"),
    Offered(*SECOND, "sale", customer=MINE, receipts=1, amount_cents=50),
    Answered(*SECOND, "accepted"),
]
FOUND = Found(
    records=[((POS, 0, 0), FIRST), ((POS, 0, 1), FIRST), ((POS, 0, 2), SECOND)],
    quarantine={"q1": BAD},
    facets={MINE: Effect(2, 150, 2)},
)


def test_a_repeat_on_the_wire_breaks_no_law() -> None:
    assert broken_laws([JOURNAL], FOUND, str) == []
    assert FOUND.repeats == 1


def test_identifiers_are_looked_for_as_tables_have_them() -> None:
    found = replace(FOUND, facets={"loyalty_card:p": Effect(2, 150, 2)})
    assert broken_laws([JOURNAL], found, lambda _: "loyalty_card:p") == []
    assert broken_laws([JOURNAL], found, str)


@pytest.mark.parametrize(
    ("spoil", "law"),
    [
        (lambda f: replace(f, records=f.records[:2]), "acknowledged, not in a topic"),
        (lambda f: replace(f, records=[*f.records, ((POS, 0, 3), ("who", "x"))]), "in a topic, never offered"),
        (lambda f: replace(f, records=[*f.records, ((POS, 0, 3), BAD)]), "in a topic although invalid"),
        (lambda f: replace(f, facets={MINE: Effect(3, 150, 2)}), "receipts: 0 lost, 1 too many"),
        (lambda f: replace(f, facets={MINE: Effect(2, 50, 2)}), "amount_cents: 100 lost"),
        (lambda f: replace(f, facets={MINE: Effect(2, 150, 1)}), "contacts: 1 lost"),
        (lambda f: replace(f, facets={**f.facets, "app:x": Effect(1, 1, 1)}), "receipts: 0 lost, 1 too many"),
        (lambda f: replace(f, quarantine={}), "in quarantine, said the door, and it is not"),
        (lambda f: replace(f, quarantine={**f.quarantine, "q2": BAD}), "in quarantine more than once"),
        (lambda f: replace(f, quarantine={**f.quarantine, "q2": None}), "in quarantine, and nobody was told"),
        (lambda f: replace(f, quarantine={**f.quarantine, "q2": FIRST}), "in quarantine although valid"),
        (lambda f: replace(f, records=[((POS, 0, 0), SECOND), ((POS, 0, 1), FIRST)]), "of one key, out of order"),
        (lambda f: replace(f, records=[((POS, 0, 0), FIRST), ((POS, 1, 1), SECOND)]), "of one key, out of order"),
    ],
)
def test_each_broken_law_is_named(spoil: Callable[[Found], Found], law: str) -> None:
    assert any(said.startswith(law) for said in broken_laws([JOURNAL], spoil(FOUND), str))


def test_what_nobody_ever_answered_is_named_and_may_be_there_or_not() -> None:
    journal = JOURNAL[:-1]
    for found in (FOUND, replace(FOUND, records=FOUND.records[:2], facets={MINE: Effect(1, 100, 1)})):
        (said,) = broken_laws([journal], found, str)
        assert said.startswith("never settled: 1")


def test_one_invalid_event_under_two_names_in_quarantine_is_named() -> None:
    journal = [*JOURNAL, Answered(*BAD, "quarantined", "contract-violation", "q2")]
    found = replace(FOUND, quarantine={"q1": BAD, "q2": BAD})
    assert any("several quarantine ids" in said for said in broken_laws([journal], found, str))


def test_two_clients_need_not_agree_on_an_order() -> None:
    found = replace(FOUND, records=[((POS, 0, 0), SECOND), ((POS, 0, 1), FIRST)])
    assert broken_laws([JOURNAL[:5], JOURNAL[5:]], found, str) == []
