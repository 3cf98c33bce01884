"""Features of the candidates of questions, vectorised: rankers score them, the learner learns from them.

Candidates are what the customer has bought (in the order of the history's items) and then popular items that were not.
A feature is cut into 256 levels, so that a score is a sum of table entries and the same everywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from libs.ranking import population as columns
from libs.ranking.history import SAME_DAY, Floats, History, summed
from libs.ranking.likeness import FADED_10, FADED_35, FADED_120, FADED_SHARE, FADED_TRIPS, LIKE_HOUR, Weighted
from libs.ranking.population import PopulationState
from libs.ranking.schema import CATEGORY_SLOTS, FEATURES, LEVELS, LOGARITHMIC, LOW, ROW, SCALE, TYPE_SLOTS
from libs.ranking.state import Integers, Moment

POPULAR_CANDIDATES = 40
LONG_AGO_DAYS = 400.0  # how long ago is "never"
NO_GAP_YET = 1e9

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
    goods, owned = history.goods, len(history.goods.rows)
    popular = _popular(goods.rows, population)
    rows = np.concatenate((goods.rows, popular))
    category_codes = np.concatenate((goods.category_codes, population.category_codes[popular]))
    type_codes = np.concatenate((goods.type_codes, population.type_codes[popular]))
    weighted = Weighted.of(history, moments)
    stats = population.stats.take(rows, axis=0).T
    faded = stats[columns.FADED, None] * population.fading(weighted.clock.known_at)
    log_gap = columns.log_gap(stats)
    raw = np.zeros((len(FEATURES), len(moments), len(rows)))
    _fill(raw, _popularity(stats, faded, log_gap))
    _fill(raw, _trip(weighted))
    _fill(raw[:, :, :owned], _habit(weighted))
    _fill(raw[:, :, :owned], _due(weighted, log_gap[:owned]))
    _fill(raw[:, :, owned:], _never_bought(log_gap[owned:]))
    sizes = len(population.categories), len(population.types)
    _fill(raw, _labels(weighted, (category_codes, type_codes), sizes))
    faded_120 = np.zeros((len(moments), len(rows)))
    faded_120[:, :owned] = weighted.counts[FADED_120]
    return Asked(
        rows=rows,
        owned=owned,
        levels=_levels(raw),
        faded_120=faded_120,
        popularity=faded[1],
        category_slots=population.categories.slots(category_codes, CATEGORY_SLOTS),
        type_slots=population.types.slots(type_codes, TYPE_SLOTS),
    )


def _popular(owned: Integers, population: PopulationState) -> Integers:
    """The most popular rows that the customer has not bought."""
    ranked = population.popular[: POPULAR_CANDIDATES + len(owned)]
    is_owned = np.zeros(len(population.item_ids), np.bool_)
    is_owned[owned] = True
    return ranked[~is_owned[ranked]][:POPULAR_CANDIDATES]


def _fill(raw: Floats, features: Mapping[str, Floats | float]) -> None:
    for name, values in features.items():
        raw[ROW[name]] = values


def _levels(raw: Floats) -> Levels:
    logs = raw[:LOGARITHMIC]
    np.maximum(logs, 1e-9, out=logs)
    np.log(logs, out=logs)
    raw -= LOW[:, :, None]
    raw *= SCALE[:, :, None]
    np.clip(raw, 0, LEVELS - 1, out=raw)
    return raw.astype(np.uint8)


def _habit(weighted: Weighted) -> dict[str, Floats]:
    history, counts, norms = weighted.history, weighted.counts, weighted.norms
    visits = history.visits
    frequency = counts[:FADED_SHARE] / (norms[:FADED_SHARE] + 0.5)
    usual = frequency[FADED_120]
    like = (counts[LIKE_HOUR:] + usual) / (norms[LIKE_HOUR:] + 1.0) + 0.002
    return {
        "count": history.counts,
        "rate": (history.counts + 0.1) / (visits + 1),
        "rate_since_first": (history.counts + 0.2) / (visits - history.first_visit + 1),
        "faded_10": frequency[FADED_10] + 0.002,
        "faded_35": frequency[FADED_35] + 0.002,
        "faded_120": usual + 0.002,
        "faded_trips": frequency[FADED_TRIPS] + 0.001,
        "faded_share": counts[FADED_SHARE] / (norms[FADED_120] + 0.5) + 0.0002,
        "like_hour": like[0],
        "like_store": like[1],
        "like_day": like[2],
        "like_gap": like[3],
    }


def _due(weighted: Weighted, pooled_log_gap: Floats) -> dict[str, Floats]:
    history = weighted.history
    rhythm = history.rhythm
    since = weighted.clock.at - history.days[history.last_visit]
    trips = history.visits - history.last_visit
    weight = np.maximum(rhythm.weight, 1e-9)
    variance = rhythm.log_square_sum / weight - (rhythm.log_sum / weight) ** 2
    interval = np.exp(history.log_interval_days(pooled_log_gap))
    due_newest = (since + SAME_DAY) / (rhythm.newest_days + SAME_DAY)
    return {
        "since_days": since + 0.25,
        "since_trips": trips.astype(np.float64),
        "interval_days": interval,
        "due_days": (since + SAME_DAY) / interval,
        "due_trips": trips / history.trips_between(),
        "irregularity": np.sqrt(np.maximum(variance, 0.0)),
        "due_newest": np.where(rhythm.newest_days > 0, due_newest, NO_GAP_YET),
    }


def _never_bought(pooled_log_gap: Floats) -> dict[str, Floats | float]:
    return {
        "since_days": LONG_AGO_DAYS,
        "since_trips": LONG_AGO_DAYS,
        "interval_days": np.exp(pooled_log_gap),
        "due_days": 1.0,
        "due_trips": 1.0,
        "due_newest": NO_GAP_YET,
    }


def _popularity(stats: Floats, faded: Floats, pooled_log_gap: Floats) -> dict[str, Floats]:
    baskets = stats[columns.BASKETS]
    return {
        "popular_14": faded[1] + 0.1,
        "popular_60": faded[2] + 0.1,
        "burst": (faded[0] + 0.3) / (faded[2] + 6.0),
        "repeats": (baskets - stats[columns.BUYERS] + 0.5) / (baskets + 2.0),
        "pooled_interval": np.exp(pooled_log_gap),
        "pooled_share": (stats[columns.SHARE_SUM] + 0.1) / (baskets + 1.0),
    }


def _trip(weighted: Weighted) -> dict[str, Floats | float]:
    history, clock = weighted.history, weighted.clock
    visits = history.visits
    since = np.maximum(clock.at - history.days[-1], 0.0) if visits else np.full_like(clock.at, LONG_AGO_DAYS)
    return {
        "trips": max(visits, 1),
        "usual_size": history.usual_size,
        "trip_since": since + 0.1,
        "trip_due": (since + 0.2) / (history.trip_gap_days + 0.2),
        "hour": clock.local_hour,
        "weekday": clock.weekday.astype(np.float64),
    }


def _labels(weighted: Weighted, codes: Sequence[Integers], sizes: Sequence[int]) -> dict[str, Floats]:
    """Features of the category and the type of each candidate: how much, how lately, how due, and the item's share in it.

    `codes` are of categories, then of types; both are worked out in one go, types as labels after the categories.
    """
    history, counts, now = weighted.history, weighted.counts, weighted.clock.at
    bought, candidates, size = len(history.rows), len(codes[0]), sum(sizes)
    both = np.concatenate((codes[0], codes[1] + sizes[0])).reshape(2, candidates)
    owned = both[:, :bought]
    faded = _by_label(owned, counts[FADED_35 : FADED_120 + 1], size).take(both, axis=2)
    faded_35, faded_120 = faded[0], faded[1]  # moments x (category, type) x candidates
    last = np.full(size, -1)
    last[owned.take(history.trips.line_items, axis=1)] = history.trips.line_visits
    visit = last.take(both)
    now = now[:, :, None]
    since = now - history.days.take(visit, mode="wrap") if history.visits else np.zeros(faded_35.shape)
    span = now - float(history.days[0]) if history.visits else np.zeros_like(now)
    due = (since + SAME_DAY) * (faded_120 / (120.0 * (1 - np.exp(-span / 120.0)) + 7.0))
    share = np.zeros_like(faded_120)
    share[:, :, :bought] = counts[FADED_120][:, None] / (faded_120[:, :, :bought] + 0.1)
    never = visit < 0
    np.copyto(since, LONG_AGO_DAYS, where=never)
    np.copyto(due, 1.0, where=never)
    amount = faded_35 / (weighted.norms[FADED_35][:, None] + 0.5) + 0.002
    since += 0.25
    features = {"type_variety": np.bincount(owned[1], minlength=size).take(both[1]) + 0.5}
    for place, name in enumerate(("category", "type")):
        features |= {
            f"{name}_faded": amount[:, place],
            f"{name}_since": since[:, place],
            f"{name}_due": due[:, place],
            f"share_in_{name}": share[:, place],
        }
    return features


def _by_label(owned: Integers, counts: Floats, size: int) -> Floats:
    """The counts of each label, (kinds x moments x labels); every item has a label of each sort, (sorts x items)."""
    kinds, moments, _ = counts.shape
    cells = np.arange(0, kinds * moments * size, size).reshape(kinds, moments, 1, 1) + owned
    weights = np.empty(cells.shape)
    weights[:] = counts[:, :, None]
    return summed(cells.ravel(), weights.ravel(), kinds * moments * size).reshape(kinds, moments, size)
