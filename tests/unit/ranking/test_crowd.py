"""What stands for a name is the same whether a population knows it or not."""

from libs.ranking.crowd import Crowd
from libs.ranking.population import UNKNOWN, PopulationState
from libs.ranking.sketch import hash_of
from tests.unit.ranking.test_sketch import CROWD, ITEMS


def test_names_have_their_hashes_whoever_knows_them() -> None:
    names = ["nobody knows it", *ITEMS[5:30:4], "nor this", ITEMS[5]]
    for crowd in (CROWD, Crowd.of(PopulationState())):
        rows = crowd.population.rows(names)
        assert rows[0] == rows[-2] == UNKNOWN
        assert crowd.hashes_of(names, rows).tolist() == [hash_of(name) for name in names]
        assert crowd.hashes_of([], rows[:0]).tolist() == []
