"""Features of the candidates of questions, vectorised: rankers score them, the learner learns from them.

Candidates are what the customer has bought (in the order of the history's items) and then popular items that were not.
A feature is cut into 256 levels, so that a score is a sum of table entries and the same everywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from libs.ranking import population as columns
from libs.ranking.history import Floats, History
from libs.ranking.likeness import FADED_120, Weighted
from libs.ranking.measured import labelled, measured
from libs.ranking.population import PopulationState
from libs.ranking.schema import CATEGORY_SLOTS, LEVELS, LOGARITHMIC, LOW, SCALE, TYPE_SLOTS
from libs.ranking.state import Integers, Moment
from libs.ranking.together import Question, Together, joined

POPULAR_CANDIDATES = 40

Levels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Asked:
    """The candidates of one history at some moments: the first `owned` rows were bought before; levels are (features x moments x rows)."""

    rows: Integers
    owned: int
    levels: Levels
    faded_120: Floats
    popularity: Floats
    category_slots: Integers
    type_slots: Integers


@dataclass(frozen=True, slots=True)
class Candidates:
    """The candidates of one question: ids (the first `owned` were bought before), levels (features x candidates), label slots."""

    item_ids: tuple[str, ...]
    owned: int
    levels: Levels
    faded_120: Floats
    popularity: Floats
    category_slots: Integers
    type_slots: Integers

    @classmethod
    def of(cls, asked: Asked, population: PopulationState, owned_ids: Sequence[str]) -> "Candidates":
        """Those of the only moment asked for."""
        names = population.item_ids
        return cls(
            item_ids=(*owned_ids, *(names[row] for row in asked.rows[asked.owned :].tolist())),
            owned=asked.owned,
            levels=asked.levels[:, 0],
            faded_120=asked.faded_120[0],
            popularity=asked.popularity[0],
            category_slots=asked.category_slots,
            type_slots=asked.type_slots,
        )


def candidates_of(
    history: History, population: PopulationState, moment: Moment, owned_ids: Sequence[str]
) -> Candidates:
    """All candidates of a customer at a moment, with their features; `owned_ids` name the history's items."""
    return Candidates.of(asked_at(history, population, [moment]), population, owned_ids)


def asked_at(history: History, population: PopulationState, moments: Sequence[Moment]) -> Asked:
    """The candidates at several moments at once, by their rows in the population."""
    [asked] = asked_together([question_of(history, population, moments)], population)
    return asked


def question_of(history: History, population: PopulationState, moments: Sequence[Moment]) -> Question:
    """Who is a candidate now, and what the population knows of each; later learning of the population does not change it."""
    rows = np.concatenate((history.rows, _popular(history.rows, population)))
    return Question(history, moments, rows, population.stats.take(rows, axis=0), population.reference_at_days)


def asked_together(questions: Sequence[Question], population: PopulationState) -> Sequence[Asked]:
    """The candidates of each question, in this or an earlier standing of the population."""
    together = Together.of(questions)
    popular = joined([question.rows[question.owned :] for question in questions])
    category_codes = np.concatenate(
        (*[question.history.goods.category_codes for question in questions], population.category_codes[popular])
    )
    type_codes = np.concatenate(
        (*[question.history.goods.type_codes for question in questions], population.type_codes[popular])
    )
    weighted = Weighted.of(together)
    stats = np.concatenate(
        [question.stats[: question.owned] for question in questions]
        + [question.stats[question.owned :] for question in questions]
    ).T
    reference = np.array([question.reference_at_days for question in questions])
    faded = stats[columns.FADED, None] * together.by_candidate(columns.fading(reference, weighted.clock.known_at))
    sizes = (len(population.categories), len(population.types))
    raw = measured(weighted, stats, faded, labelled(weighted, (category_codes, type_codes), sizes))
    faded_120 = np.zeros(raw.shape[1:])
    faded_120[:, : together.bought] = weighted.counts[FADED_120]
    parts = zip(
        questions,
        together.split(levels_of(raw)),
        together.split(faded_120),
        together.split(faded[1]),
        together.split(population.categories.slots(category_codes, CATEGORY_SLOTS)),
        together.split(population.types.slots(type_codes, TYPE_SLOTS)),
        strict=True,
    )
    return [Asked(question.rows, question.owned, *rest) for question, *rest in parts]


def _popular(owned: Integers, population: PopulationState) -> Integers:
    """The most popular rows that the customer has not bought."""
    ranked = population.popular[: POPULAR_CANDIDATES + len(owned)]
    is_owned = np.zeros(len(population.item_ids), np.bool_)
    is_owned[owned] = True
    return ranked[~is_owned[ranked]][:POPULAR_CANDIDATES]


def levels_of(raw: Floats) -> Levels:
    """Each feature cut into its levels; `raw` is used up."""
    logs = raw[:LOGARITHMIC]
    np.maximum(logs, 1e-9, out=logs)
    np.log(logs, out=logs)
    raw -= LOW[:, :, None]
    raw *= SCALE[:, :, None]
    np.clip(raw, 0, LEVELS - 1, out=raw)
    return raw.astype(np.uint8)
