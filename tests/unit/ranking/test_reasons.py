"""Why one candidate of many stands where it does is told to the last bit as it would be told of all of them."""

import numpy as np
import pytest

from libs.ranking.model import ENTRIES, cells_of, lift_of, lifts, parts_of
from libs.ranking.ranked import explaining, top
from libs.ranking.ranker import LearnedRanker
from libs.ranking.sketched import candidates_by_sketch
from tests.unit.ranking.test_sketch import CROWD, MODEL, an_asker


@pytest.mark.parametrize("candidates", [1, 2, 7, 8, 9, 129, 232])
def test_a_lift_alone_is_the_one_beside_the_means(candidates: int) -> None:
    random = np.random.default_rng(candidates)
    for _ in range(30):
        parts = random.normal(size=(ENTRIES, candidates)) * 10.0 ** random.integers(-4, 4, size=(ENTRIES, 1))
        place = int(random.integers(candidates))
        means = parts.mean(axis=1)
        assert lifts(parts, [place]) == [lift_of(parts[:, place] - means)]


def test_reasons_are_those_of_the_customers_own_candidates() -> None:
    posed = [an_asker(seed).by_sketch(20) for seed in range(12)]
    found = candidates_by_sketch(posed, CROWD)
    parts = parts_of(LearnedRanker.of(MODEL).table, cells_of(found))
    told = []
    for one in found.each():
        mine = one.of(parts)
        why = explaining(parts, one)
        for place in range(mine.shape[1]):
            [lift] = lifts(mine, [place])
            told.append(why(place))
            assert told[-1] == top(lift)
    assert len(set(told)) > len(posed)
