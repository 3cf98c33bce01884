"""Laws of the figures that a play reports."""

from typing import Any

from libs.laptop.histogram import buckets, quantile
from libs.laptop.report import shortcomings

PAGE = """
# HELP x_seconds Time.
x_seconds_bucket{route="/a",le="0.1"} 10.0
x_seconds_bucket{route="/a",le="+Inf"} 20.0
x_seconds_bucket{route="/b",le="0.1"} 5.0
x_seconds_bucket{route="/b",le="+Inf"} 5.0
x_seconds_count{route="/a"} 20.0
xx_seconds_bucket{le="0.1"} 7.0
"""


def good() -> dict[str, Any]:
    return {
        "events_sent": 1,
        "events_accepted": 1,
        "events_applied": 1,
        "checkouts": 1,
        "vouchers_issued": 1,
        "vouchers_redeemed": 1,
        "commands": {"reorder": 1, "reroute": 1},
        "commands_acknowledged": 1,
        "checkout_ms": {"p50": 1.0},
        "freshness_ms": {"p50": 1.0},
        "lost": 0,
        "doubled": 0,
    }


def test_a_histograms_label_sets_are_added_up() -> None:
    assert buckets(PAGE, "x_seconds") == {0.1: 15.0, float("inf"): 25.0}


def test_a_quantile_lies_on_the_line_between_two_bounds() -> None:
    assert quantile({1.0: 0.0, 2.0: 10.0, float("inf"): 10.0}, 0.5) == 1.5
    assert quantile({1.0: 0.0, float("inf"): 10.0}, 0.5) == 1.0
    assert quantile({}, 0.5) is None
    assert quantile({1.0: 0.0, float("inf"): 0.0}, 0.5) is None


def test_a_demo_without_a_shortcoming_has_none() -> None:
    assert shortcomings(good()) == []


def test_anything_lost_or_doubled_or_missing_is_a_shortcoming() -> None:
    assert shortcomings({**good(), "lost": 1}) == ["lost is 1, must be 0"]
    assert shortcomings({**good(), "doubled": 2}) == ["doubled is 2, must be 0"]
    assert shortcomings({**good(), "commands": {"reorder": 1, "reroute": 0}}) == [
        "commands.reroute is 0, must be above 0"
    ]
    assert shortcomings({**good(), "freshness_ms": {"p50": None}}) == ["freshness_ms.p50 is None, must be above 0"]
