"""Judging the lists: a ranking that knows the truth has full marks, one that turns it round the least."""

import numpy as np
import pytest

from services.inventory.simulate.assortment import scored


def test_the_truth_scores_one_and_its_opposite_minus_one() -> None:
    later = np.random.default_rng(1).gamma(1.0, 4.0, (30, 10))
    hidden = np.ones(later.shape, dtype=np.bool_)
    best, worst = scored(later, later, hidden), scored(-later, later, hidden)
    assert (best.items_of_store, best.stores_of_item, best.top_share) == pytest.approx((1.0, 1.0, 1.0))
    assert (worst.items_of_store, worst.stores_of_item) == pytest.approx((-1.0, -1.0))
    assert worst.top_share < 0.1


def test_what_was_not_hidden_is_not_judged() -> None:
    later = np.random.default_rng(1).gamma(1.0, 4.0, (30, 10))
    hidden = np.arange(300).reshape(30, 10) % 3 == 0
    ranking = np.where(hidden, later, -later)
    assert scored(ranking, later, hidden).items_of_store == pytest.approx(1.0)
