"""The features as numbers, formula by formula: of questions side by side, before they are cut into levels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from libs.ranking import population as columns
from libs.ranking.history import SAME_DAY, Floats, summed
from libs.ranking.likeness import FADED_10, FADED_35, FADED_120, FADED_SHARE, FADED_TRIPS, LIKE_HOUR, Weighted
from libs.ranking.schema import FEATURES, ROW
from libs.ranking.state import Integers

LONG_AGO_DAYS = 400.0  # how long ago is "never"
NO_GAP_YET = 1e9


@dataclass(frozen=True, slots=True)
class Labelled:
    """The labels of all customers side by side, each its own: of `candidates` (category, type x candidates) by number.

    Of each label: how much of it, faded over 35 and 120 days (2 x moments x labels), the last trip with it (-1: never), and how many
    items of it were bought.
    """

    candidates: Integers
    faded: Floats
    last: Integers
    items: Integers


def measured(weighted: Weighted, stats: Floats, faded: Floats, labelled: Labelled) -> Floats:
    """(features x moments x candidates), by the candidates' statistics, these faded, and what is known of their labels."""
    owned, log_gap = weighted.together.bought, columns.log_gap(stats)
    raw = np.zeros((len(FEATURES), *faded.shape[1:]))
    _fill(raw, _popularity(stats, faded, log_gap))
    _fill(raw, _trip(weighted))
    _fill(raw[:, :, :owned], _habit(weighted))
    _fill(raw[:, :, :owned], _due(weighted, log_gap[:owned]))
    _fill(raw[:, :, owned:], _never_bought(log_gap[owned:]))
    _fill(raw, _labels(weighted, labelled))
    return raw


def _fill(raw: Floats, features: Mapping[str, Floats | float]) -> None:
    for name, values in features.items():
        raw[ROW[name]] = values


def _habit(weighted: Weighted) -> dict[str, Floats]:
    together, habits, counts = weighted.together, weighted.together.habits, weighted.counts
    visits, norms = together.by_bought(together.visits), together.by_bought(weighted.norms)
    since_first = together.by_bought(together.first_visits + together.visits) - habits.first_visit
    frequency = counts[:FADED_SHARE] / (norms[:FADED_SHARE] + 0.5)
    usual = frequency[FADED_120]
    like = (counts[LIKE_HOUR:] + usual) / (norms[LIKE_HOUR:] + 1.0) + 0.002
    return {
        "count": habits.counts,
        "rate": (habits.counts + 0.1) / (visits + 1),
        "rate_since_first": (habits.counts + 0.2) / (since_first + 1),
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
    together, habits, rhythm = weighted.together, weighted.together.habits, weighted.together.habits.rhythm
    since = together.by_bought(weighted.clock.at) - habits.days.take(habits.last_visit)
    trips = together.by_bought(together.first_visits + together.visits) - habits.last_visit
    weight = np.maximum(rhythm.weight, 1e-9)
    variance = rhythm.log_square_sum / weight - (rhythm.log_sum / weight) ** 2
    interval = np.exp(habits.log_interval_days(pooled_log_gap))
    due_newest = (since + SAME_DAY) / (rhythm.newest_days + SAME_DAY)
    return {
        "since_days": since + 0.25,
        "since_trips": trips.astype(np.float64),
        "interval_days": interval,
        "due_days": (since + SAME_DAY) / interval,
        "due_trips": trips / habits.trips_between(),
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
    together, clock = weighted.together, weighted.clock
    since = np.maximum(clock.at - together.last_day, 0.0)
    since[np.isinf(since)] = LONG_AGO_DAYS
    return {
        name: together.by_candidate(values)
        for name, values in {
            "trips": np.maximum(together.visits, 1),
            "usual_size": together.usual_size,
            "trip_since": since + 0.1,
            "trip_due": (since + 0.2) / (together.trip_gap_days + 0.2),
            "hour": clock.local_hour,
            "weekday": clock.weekday,
        }.items()
    }


def labelled(weighted: Weighted, codes: Sequence[Integers], sizes: Sequence[int]) -> Labelled:
    """By the codes of categories, then of types, of all that was bought and then of the popular; both are worked out in one go."""
    together, counts = weighted.together, weighted.counts
    candidates, size = len(codes[0]), sum(sizes)
    both = np.concatenate((codes[0], codes[1] + sizes[0])).reshape(2, candidates) + together.by_candidate(
        np.arange(0, size * len(together.owned), size)
    )
    size *= len(together.owned)
    owned = both[:, : together.bought]
    last = np.full(size, -1)
    last[owned.take(together.trips.line_items, axis=1)] = together.trips.line_visits
    return Labelled(
        both,
        _by_label(owned, counts[FADED_35 : FADED_120 + 1], size),
        last,
        np.bincount(owned.ravel(), minlength=size),
    )


def _labels(weighted: Weighted, labels: Labelled) -> dict[str, Floats]:
    """Features of the category and the type of each candidate: how much, how lately, how due, and the item's share in it."""
    together, both = weighted.together, labels.candidates
    faded = labels.faded.take(both, axis=2)
    faded_35, faded_120 = faded[0], faded[1]  # moments x (category, type) x candidates
    visit = labels.last.take(both)
    now = together.by_candidate(weighted.clock.at)[:, None]
    since = (
        now - together.habits.days.take(visit, mode="wrap") if len(together.habits.days) else np.zeros(faded_35.shape)
    )
    span = together.by_candidate(weighted.clock.at - together.first_day)[:, None]
    due = (since + SAME_DAY) * (faded_120 / (120.0 * (1 - np.exp(-span / 120.0)) + 7.0))
    share, bought = np.zeros_like(faded_120), together.bought
    share[:, :, :bought] = weighted.counts[FADED_120][:, None] / (faded_120[:, :, :bought] + 0.1)
    never = visit < 0
    np.copyto(since, LONG_AGO_DAYS, where=never)
    np.copyto(due, 1.0, where=never)
    norms = together.by_candidate(weighted.norms[FADED_35])
    amount = faded_35 / (norms[:, None] + 0.5) + 0.002
    since += 0.25
    features = {"type_variety": labels.items.take(both[1]) + 0.5}
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
