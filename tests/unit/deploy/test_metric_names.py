"""Every metric that a dashboard or an alert asks for is one that the code shows, with the labels that it has."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from libs.common.http.request_metrics import RequestMetrics

ROOT = Path(__file__).parents[3]
MODULES = (
    "services.ingest.metrics",
    "services.profile.metrics",
    "services.offers.metrics",
    "services.inventory.metrics",
    "libs.common.streaming.metrics",
    "libs.common.persistence.metrics",
)
FOUND_BY_SCRAPING = frozenset({"job", "instance", "service", "role", "le"})
METRIC = re.compile(r"\b(?:ingest|profile|offers|inventory|stream|outbox|http)_[a-z0-9_]+\b")
LABELS_ASKED = re.compile(r"\bby \(([^)]*)\)|\{([a-z][^{}]*)\}")


def shown() -> Mapping[str, frozenset[str]]:
    """Every series name that some process shows, and its labels: the metrics classes are asked themselves."""
    found: dict[str, frozenset[str]] = {}
    for kind, options in metrics_classes():
        registry = CollectorRegistry()  # of its own: a class may make another one's series its part
        kind(registry=registry, **options)
        for collector in registry._collector_to_names:
            assert isinstance(collector, MetricWrapperBase)
            for series in registry._collector_to_names[collector]:
                found[series] = frozenset(collector._labelnames)
    return found


def metrics_classes() -> Iterator[tuple[Callable[..., object], Mapping[str, object]]]:
    """Each class that registers metrics, with what it wants to be made."""
    yield RequestMetrics, {"app": _nothing}
    for name in MODULES:
        module = import_module(name)
        for kind in vars(module).values():
            if isinstance(kind, type) and kind.__module__ == name:
                others = [parameter for parameter in signature(kind).parameters if parameter != "registry"]
                yield kind, dict.fromkeys(others, lambda: 0.0)


async def _nothing(*_: object) -> None:
    """An application that is never called."""


def asked() -> Iterator[tuple[str, str]]:
    """Every expression, with where it stands."""
    observability = ROOT / "deploy/observability"
    for path in (observability / "grafana/dashboards").glob("*.json"):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                yield f"{path.name}: {panel['title']}", target["expr"]
    for group in yaml.safe_load((observability / "prometheus/alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield f"alerts.yml: {rule['alert']}", rule["expr"]


@pytest.fixture(scope="module")
def series() -> Mapping[str, frozenset[str]]:
    return shown()


@pytest.mark.parametrize(("place", "expression"), list(asked()))
def test_what_is_asked_for_exists(place: str, expression: str, series: Mapping[str, frozenset[str]]) -> None:
    names = set(METRIC.findall(re.sub(r'"[^"]*"', "", expression)))
    assert names <= set(series), place
    labels = {
        re.split(r"[=!~ ]", part.strip())[0]
        for by, matchers in LABELS_ASKED.findall(expression)
        for part in re.sub(r'"[^"]*"', "", by or matchers).split(",")
    }
    assert labels <= FOUND_BY_SCRAPING.union(*(series[name] for name in names)), place


def test_the_dashboard_shows_what_a_first_look_needs() -> None:
    text = " ".join(expression for _, expression in asked())
    for wanted in (
        "http_requests_total",
        "offers_decision_seconds",
        "ingest_events_accepted_total",
        "ingest_events_quarantined_total",
        "stream_lag_records",
        "stream_offset_progress_timestamp_seconds",
        "stream_dead_letters_total",
        "outbox_oldest_age_seconds",
        "offers_budget_cents",
        "offers_vouchers_issued_total",
        "offers_profile_freshness_seconds",
        "inventory_open_commands",
    ):
        assert wanted in text
