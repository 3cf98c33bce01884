"""Quantiles of a Prometheus histogram, read from a process's `/metrics` page. Pure.

A histogram knows only how many values fell between two bounds; within them a straight line is assumed. So the figure is
an estimate, as good as the buckets are narrow.
"""

import math
import re
from collections import defaultdict

_SAMPLE = re.compile(r"^(?P<name>\w+)_bucket\{(?P<labels>.*)\} (?P<count>\S+)$")
_BOUND = re.compile(r'(?:^|,)le="(?P<bound>[^"]+)"')


def buckets(page: str, name: str) -> dict[float, float]:
    """The cumulative counts of histogram `name` by upper bound, all its label sets added up; empty if there is none."""
    counts: dict[float, float] = defaultdict(float)
    for line in page.splitlines():
        sample = _SAMPLE.match(line)
        if sample is None or sample["name"] != name:
            continue
        bound = _BOUND.search(sample["labels"])
        if bound is not None:
            counts[float(bound["bound"])] += float(sample["count"])
    return dict(counts)


def quantile(cumulative: dict[float, float], ratio: float) -> float | None:
    """The value that `ratio` of all stay below; None without values, the greatest finite bound beyond it.

    >>> quantile({1.0: 50.0, 2.0: 100.0, float("inf"): 100.0}, 0.75)
    1.5
    """
    bounds = sorted(cumulative)
    total = cumulative[bounds[-1]] if bounds else 0.0
    if not total:
        return None
    rank, below_bound, below_count = ratio * total, 0.0, 0.0
    for bound in bounds:
        count = cumulative[bound]
        if count >= rank and count > below_count:
            if math.isinf(bound):
                return below_bound
            return below_bound + (bound - below_bound) * (rank - below_count) / (count - below_count)
        below_bound, below_count = (below_bound if math.isinf(bound) else bound), count
    return below_bound
