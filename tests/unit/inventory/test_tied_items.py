"""Items that links tie, in the kernel: start-up demand, what empty shelves send over, and who follows whom."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.domain.closing.links import ClosingLinks, ItemLink, Tie
from services.inventory.domain.closing.succession import Succession
from services.inventory.domain.learning import start_up
from services.inventory.domain.learning.closing import Closed, close_day
from services.inventory.domain.learning.facts import LINE_SIZES, DayFacts, FloatArray, Shelves, Supply
from services.inventory.domain.learning.pooling import combine, nothing_known
from services.inventory.domain.learning.state import fresh, to_bytes
from services.inventory.domain.learning.substitution import met_elsewhere, served_elsewhere
from services.inventory.domain.learning.ties import NO_TIES, Look, Substitutes, Ties
from tests.support.learned_chains import RULES

STORES = 3
NEW, OLD, OTHER = 0, 1, 2
SHELVES = Shelves(
    item_ids=["new", "old", "other"],
    starts=np.array([0, STORES, 2 * STORES, 3 * STORES]),
    store_ids=["a", "b", "c"] * 3,
    pack=np.ones(3 * STORES),
    price_cents=np.full(3 * STORES, 300.0),
)
NONE = np.zeros(3 * STORES, dtype=np.int64)
SUPPLY = Supply(wait_days=NONE, lead_days=NONE + 2, review_days=NONE + 1, late_from=NONE, late_until=NONE)


def facts(day: int, sold: FloatArray, open_ratio: FloatArray | None = None) -> DayFacts:
    rows = len(sold)
    return DayFacts(
        day=day,
        sold=sold,
        open_ratio=np.ones(rows) if open_ratio is None else open_ratio,
        emptied_by=np.zeros(rows),
        line_sizes=np.zeros((3, LINE_SIZES)),
    )


def lived(days: int, new: float, ties: Ties = NO_TIES, since: int = 28) -> Closed:
    """Two items that sell 1, 2 and 3 a day in three stores, and a new one that sells `new` of that after `since` days."""
    pooled, by_store = nothing_known(-1), np.array([1.0, 2.0, 3.0])
    states = fresh(SHELVES)
    for day in range(since + days):
        if day == since:  # seen for the first time
            blank = fresh(SHELVES)
            rows = SHELVES.rows(NEW)
            for name, array in blank.shelf.items():
                states.shelf[name][:, rows] = array[:, rows]
            for name, array in blank.item.items():
                states.item[name][:, NEW] = array[:, NEW]
        sold = np.concatenate([by_store * new * (day >= since), by_store, by_store])
        closed = close_day(states, SHELVES, facts(day, sold), SUPPLY, pooled, RULES, None, ties)
        states, pooled = closed.states, combine(pooled, [closed.contribution], day)
    return closed


LOOK = Ties(looks=[Look(item=NEW, references=[OLD, OTHER], ratio=0.5)])


def rates(closed: Closed, item: int) -> FloatArray:
    return closed.plans.demand.rate[SHELVES.rows(item)]


def test_a_new_item_is_expected_to_sell_as_its_references_do_store_by_store() -> None:
    closed = lived(1, 0.5, LOOK)
    assert np.allclose(rates(closed, NEW), rates(closed, OLD) / 2, rtol=0.1)
    assert rates(closed, NEW)[2] > 2.5 * rates(closed, NEW)[0], "by store, as the references"
    wide, usual = (closed.plans.spread.week[SHELVES.rows(item)] for item in (NEW, OLD))
    assert (wide > usual + 0.1).all()


@pytest.mark.parametrize("truth", [0.1, 2.0])
def test_a_wrong_guess_gives_way_to_what_sells(truth: float) -> None:
    far = [abs(rates(lived(days, truth, LOOK), NEW) - truth * np.array([1.0, 2.0, 3.0])).sum() for days in (1, 7, 28)]
    assert far[0] > 2 * far[1] > 2 * far[2]
    told, plain = (lived(int(start_up.LASTS_DAYS) + 1, truth, ties) for ties in (LOOK, NO_TIES))
    assert np.array_equal(rates(told, NEW), rates(plain, NEW)), "after twelve weeks nothing is left of it"


def test_links_leave_the_learned_state_and_other_items_to_the_bit() -> None:
    told, plain = lived(5, 1.0, LOOK), lived(5, 1.0)
    others = slice(STORES, None)
    for name in ("trigger", "need_mean", "need_deviation"):
        assert np.array_equal(getattr(told.plans, name)[others], getattr(plain.plans, name)[others])
    assert to_bytes(told.states, SHELVES)[1:] == to_bytes(plain.states, SHELVES)[1:]
    learned = [name for name in plain.states.shelf if not name.startswith("shadow")]
    assert all(np.array_equal(told.states.shelf[name], plain.states.shelf[name]) for name in learned)


SET = Substitutes(link_id="x", items=[NEW, OLD])


@given(
    st.lists(st.floats(0, 9), min_size=3 * STORES, max_size=3 * STORES),
    st.lists(st.floats(0, 1), min_size=3 * STORES, max_size=3 * STORES),
    st.floats(0, 1),
)
def test_a_set_asks_for_what_it_sold_and_what_was_truly_lost(
    sold: list[float], closed_ratio: list[float], ratio: float
) -> None:
    day = facts(0, np.round(sold), np.where(np.array(closed_ratio) > 0.5, 1 - np.array(closed_ratio), 1.0))
    mean = np.full(3 * STORES, 2.0)
    asked = day.sold + (1 - day.open_ratio) * mean
    own, _ = met_elsewhere(SHELVES, day, [replace(SET, stated_ratio=ratio)], asked, mean)
    assert np.array_equal(own[2 * STORES :], asked[2 * STORES :]), "an item outside the set is left alone"
    assert (own >= 0).all()
    assert (own <= asked).all()
    for store in range(STORES):
        rows = [store, STORES + store]
        full = [row for row in rows if day.open_ratio[row] >= 1]
        hidden = ((1 - day.open_ratio[rows]) * mean[rows]).sum()
        taken = min(ratio * hidden, day.sold[full].sum()) if full else 0.0
        assert asked[rows].sum() - own[rows].sum() == pytest.approx(taken)


def test_only_an_ample_substitute_makes_a_shelf_less_urgent() -> None:
    stock = np.array([0.0, 0, 0, 9, 2, 0, 9, 9, 9])
    found = served_elsewhere(SHELVES, [replace(SET, stated_ratio=0.4)], stock, np.full(9, 5.0))
    assert found.tolist() == [0.4, 0, 0, 0, 0, 0, 0, 0, 0]


def test_nothing_is_believed_of_substitutes_before_it_was_seen() -> None:
    assert SET.ratio == 0
    assert replace(SET, served=20.0, missed=35.0).ratio == 0.5
    assert replace(SET, served=-3.0, missed=9.0).ratio == 0
    assert replace(SET, served=90.0, missed=9.0).ratio == 1


def test_a_chain_of_successors_ends_with_the_last() -> None:
    links = [
        ItemLink(link_id=str(n), tie=Tie.SUPERSEDES, item_id=new, other_ids=(old,), first_day=first)
        for n, (new, old, first) in enumerate([("c", "b", 9), ("b", "a", 3), ("d", "c", 99)])
    ]
    known = ClosingLinks.of(links, set("abcd"))
    succession = Succession.of(known, "abcd", day=10)
    assert [link.link_id for link in succession.handed] == ["1", "0"]
    assert succession.heirs == {"a": "c", "b": "c"}
    assert list(succession.predecessors("c")) == ["a", "b"]
    after, own = succession.states({"a": b"A", "b": b"B", "c": None, "d": b"D"})
    assert after == {"a": None, "b": None, "c": b"A", "d": b"D"}
    assert own == {"c": b"B"}
