"""Features of the candidates of one question, vectorised: rankers score them, the learner learns from them.

Candidates are what the customer has bought (in the state, ascending ids) and then popular items that were not.
A feature is cut into 256 levels, so that a score is a sum of table entries and the same everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from libs.ranking import population as columns
from libs.ranking.history import SAME_DAY, Floats, History, summed
from libs.ranking.likeness import FADED_10, FADED_35, FADED_120, FADED_SHARE, FADED_TRIPS, LIKE_HOUR, Weighted
from libs.ranking.population import PopulationState
from libs.ranking.schema import CATEGORY_SLOTS, FEATURES, HIGH, LEVELS, LOGARITHMIC, LOW, ROW, TYPE_SLOTS
from libs.ranking.state import Integers, Moment

POPULAR_CANDIDATES = 40
LONG_AGO_DAYS = 400.0  # how long ago is "never"
NO_GAP_YET = 1e9


@dataclass(frozen=True, slots=True)
class Candidates:
    """The candidates of one question: ids (the first `owned` were bought before), levels (features x candidates), label slots."""

    item_ids: tuple[str, ...]
    owned: int
    levels: npt.NDArray[np.uint8]
    faded_120: Floats
    popularity: Floats
    category_slots: Integers
    type_slots: Integers


def candidates_of(history: History, population: PopulationState, moment: Moment) -> Candidates:
    """All candidates of a customer at a moment, with their features."""
    owned = len(history.state.items)
    popular = _popular(history, population)
    rows = np.append(history.rows, popular)
    category_codes = np.append(history.category_codes, population.category_codes[popular])
    type_codes = np.append(history.type_codes, population.type_codes[popular])
    weighted = Weighted.of(history, moment)
    faded = population.stats[rows, columns.FADED].T * population.fading(weighted.clock.known_at)[:, None]
    log_gap = population.log_gap(rows)
    raw = np.zeros((len(FEATURES), len(rows)))
    _fill(raw, _popularity(population.stats[rows].T, faded, log_gap))
    _fill(raw, _trip(weighted))
    _fill(raw[:, :owned], _habit(weighted))
    _fill(raw[:, :owned], _due(weighted, log_gap[:owned]))
    _fill(raw[:, owned:], _never_bought(log_gap[owned:]))
    _fill(raw, _label("category", weighted, history.category_codes, category_codes, len(population.categories)))
    _fill(raw, _label("type", weighted, history.type_codes, type_codes, len(population.types)))
    return Candidates(
        item_ids=(*history.state.items, *(population.item_ids[row] for row in popular.tolist())),
        owned=owned,
        levels=_levels(raw),
        faded_120=np.append(weighted.counts[FADED_120], np.zeros(len(popular))),
        popularity=faded[1],
        category_slots=population.categories.slots(category_codes, CATEGORY_SLOTS),
        type_slots=population.types.slots(type_codes, TYPE_SLOTS),
    )


def _popular(history: History, population: PopulationState) -> Integers:
    """The most popular rows that the customer has not bought."""
    owned = set(history.rows.tolist())
    ranked = population.popular[: POPULAR_CANDIDATES + len(owned)].tolist()
    return np.array([row for row in ranked if row not in owned][:POPULAR_CANDIDATES], np.int64)


def _fill(raw: Floats, features: Mapping[str, Floats | float]) -> None:
    for name, values in features.items():
        raw[ROW[name]] = values


def _levels(raw: Floats) -> npt.NDArray[np.uint8]:
    logs = raw[:LOGARITHMIC]
    np.maximum(logs, 1e-9, out=logs)
    np.log(logs, out=logs)
    scaled = (raw - LOW) * ((LEVELS - 1) / (HIGH - LOW))
    np.clip(scaled, 0, LEVELS - 1, out=scaled)
    levels: npt.NDArray[np.uint8] = scaled.astype(np.uint8)
    return levels


def _habit(weighted: Weighted) -> dict[str, Floats]:
    history, counts, norms = weighted.history, weighted.counts, weighted.norms
    visits = history.state.visits
    frequency = counts / (norms + 0.5)[:, None]
    usual = frequency[FADED_120]
    like = (counts[LIKE_HOUR:] + usual) / (norms[LIKE_HOUR:] + 1.0)[:, None] + 0.002
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
    rhythm, visits = history.rhythm, history.state.visits
    since = weighted.clock.at - history.days[history.last_visit]
    trips = visits - history.last_visit
    weight = np.maximum(rhythm.weight, 1e-9)
    variance = rhythm.log_square_sum / weight - (rhythm.log_sum / weight) ** 2
    interval = np.exp(history.log_interval_days(pooled_log_gap))
    due_newest = (since + SAME_DAY) / (rhythm.newest_days + SAME_DAY)
    return {
        "since_days": since + 0.25,
        "since_trips": trips,
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


def _trip(weighted: Weighted) -> dict[str, float]:
    history, clock = weighted.history, weighted.clock
    visits = history.state.visits
    since = max(clock.at - float(history.days[-1]), 0.0) if visits else LONG_AGO_DAYS
    return {
        "trips": max(visits, 1),
        "usual_size": history.usual_size,
        "trip_since": since + 0.1,
        "trip_due": (since + 0.2) / (history.trip_gap_days + 0.2),
        "hour": clock.local_hour,
        "weekday": clock.weekday,
    }


def _label(name: str, weighted: Weighted, owned: Integers, codes: Integers, size: int) -> dict[str, Floats]:
    """Features of the category or type of each candidate: how much, how lately, how due, and the item's share in it."""
    history, counts, now = weighted.history, weighted.counts, weighted.clock.at
    faded_35 = summed(owned, counts[FADED_35], size)[codes]
    faded_120 = summed(owned, counts[FADED_120], size)[codes]
    last = np.full(size, -1)
    last[owned[history.state.line_items]] = history.state.line_visits
    visit = last[codes]
    since = np.where(visit >= 0, now - np.append(history.days, 0.0)[visit], LONG_AGO_DAYS)
    span = now - float(history.days[0]) if history.state.visits else 0.0
    per_day = faded_120 / (120.0 * (1 - np.exp(-span / 120.0)) + 7.0)
    own = np.append(counts[FADED_120], np.zeros(len(codes) - len(owned)))
    features = {
        f"{name}_faded": faded_35 / (weighted.norms[FADED_35] + 0.5) + 0.002,
        f"{name}_since": since + 0.25,
        f"{name}_due": np.where(visit >= 0, (since + SAME_DAY) * per_day, 1.0),
        f"share_in_{name}": own / (faded_120 + 0.1),
    }
    if name == "type":
        features["type_variety"] = np.bincount(owned, minlength=size)[codes] + 0.5
    return features
