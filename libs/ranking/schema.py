"""The features by name: group (as a reason names it), scale and range; the order is the format, crosses included."""

from typing import Literal, NamedTuple, TypeAlias

import numpy as np

LEVELS = 256  # of a feature
TYPE_SLOTS, CATEGORY_SLOTS = 1024, 256  # rows of the tables hashed by label

Group: TypeAlias = Literal["habit", "rhythm", "moment", "place", "category", "popularity", "trip"]


class Feature(NamedTuple):
    """A feature lies between `low` and `high` on its scale; what is outside counts as the bound."""

    name: str
    group: Group
    low: float
    high: float


_LOGARITHMIC = (
    Feature("count", "habit", 0.0, 5.0),
    Feature("rate", "habit", -6.5, 0.0),
    Feature("rate_since_first", "habit", -6.5, 0.0),
    Feature("faded_10", "habit", -6.3, 0.0),
    Feature("faded_35", "habit", -6.3, 0.0),
    Feature("faded_120", "habit", -6.3, 0.0),
    Feature("faded_trips", "habit", -7.0, 0.0),
    Feature("faded_share", "habit", -8.6, 0.0),
    Feature("like_hour", "moment", -6.3, 0.0),
    Feature("like_store", "place", -6.3, 0.0),
    Feature("like_day", "moment", -6.3, 0.0),
    Feature("like_gap", "moment", -6.3, 0.0),
    Feature("since_days", "rhythm", -1.4, 6.0),
    Feature("since_trips", "rhythm", 0.0, 5.5),
    Feature("interval_days", "rhythm", 0.0, 5.5),
    Feature("due_days", "rhythm", -3.5, 3.0),
    Feature("due_trips", "rhythm", -3.5, 3.5),
    Feature("due_newest", "rhythm", -4.0, 4.0),
    Feature("category_faded", "category", -6.3, 1.0),
    Feature("category_since", "category", -1.4, 6.0),
    Feature("category_due", "category", -3.5, 3.0),
    Feature("type_faded", "category", -6.3, 1.0),
    Feature("type_since", "category", -1.4, 6.0),
    Feature("type_due", "category", -3.5, 3.0),
    Feature("type_variety", "category", -0.7, 3.5),
    Feature("popular_14", "popularity", -2.3, 6.5),
    Feature("popular_60", "popularity", -2.3, 8.0),
    Feature("burst", "popularity", -4.5, 0.0),
    Feature("pooled_interval", "popularity", 1.5, 5.0),
    Feature("pooled_share", "popularity", -5.0, 0.0),
    Feature("trips", "trip", 0.0, 6.0),
    Feature("usual_size", "trip", 0.0, 4.0),
    Feature("trip_since", "trip", -2.3, 4.5),
    Feature("trip_due", "trip", -3.0, 3.0),
)
_PLAIN = (
    Feature("irregularity", "rhythm", 0.0, 2.0),
    Feature("share_in_category", "category", 0.0, 1.0),
    Feature("share_in_type", "category", 0.0, 1.0),
    Feature("repeats", "popularity", 0.0, 1.0),
    Feature("hour", "trip", 0.0, 24.0),
    Feature("weekday", "trip", 0.0, 7.0),
)

FEATURES = (*_LOGARITHMIC, *_PLAIN)
LOGARITHMIC = len(_LOGARITHMIC)
ROW = {feature.name: row for row, feature in enumerate(FEATURES)}
LOW = np.array([[feature.low] for feature in FEATURES])
HIGH = np.array([[feature.high] for feature in FEATURES])
SCALE = (LEVELS - 1) / (HIGH - LOW)

# Pairs whose joint level says more than the two alone: habit against time passed, trip, place and popularity.
CROSSES = (
    ("count", "since_trips"),
    ("count", "due_days"),
    ("count", "due_trips"),
    ("rate_since_first", "due_days"),
    ("trip_due", "due_trips"),
    ("trip_due", "since_trips"),
    ("trip_since", "since_days"),
    ("faded_35", "type_due"),
    ("faded_120", "due_days"),
    ("faded_120", "type_since"),
    ("faded_120", "popular_60"),
    ("faded_120", "burst"),
    ("faded_120", "like_hour"),
    ("faded_120", "like_store"),
    ("faded_120", "like_day"),
    ("faded_120", "like_gap"),
    ("faded_trips", "usual_size"),
    ("faded_share", "due_days"),
    ("faded_share", "since_trips"),
    ("faded_share", "popular_60"),
    ("faded_share", "usual_size"),
    ("faded_share", "hour"),
    ("faded_share", "trips"),
    ("faded_share", "share_in_type"),
    ("share_in_type", "type_due"),
    ("popular_14", "count"),
    ("repeats", "count"),
    ("irregularity", "due_days"),
    ("due_newest", "due_days"),
    ("pooled_share", "trip_since"),
    ("pooled_share", "hour"),
)
